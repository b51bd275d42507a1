"""Brings blobs to their functions."""
