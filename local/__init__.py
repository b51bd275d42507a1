"""Runs the app on one machine, without Azure. Never deployed; README.md explains each part."""
