"""Rows: what the model takes, and one reader and writer a format."""
