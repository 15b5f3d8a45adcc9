"""From a photograph to a restored photograph: read, find faces, align, restore, paste back, write."""
