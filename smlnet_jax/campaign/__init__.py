"""Several methods trained and scored alike, and a report that says which is better; see docs/campaigns.md."""
