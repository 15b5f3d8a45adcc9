"""Weights that travel: a folder with a card, safetensors and checksums, and the ways in and out of it."""
