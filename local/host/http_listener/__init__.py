"""Brings HTTP requests to their functions."""
