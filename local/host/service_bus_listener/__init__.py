"""Brings messages of a queue to their functions."""
