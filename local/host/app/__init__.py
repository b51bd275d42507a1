"""Loads the function app, reads its bindings, and invokes its functions."""
