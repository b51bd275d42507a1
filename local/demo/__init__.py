"""`make run`, `make demo`: everything on this machine, and a tour through the three doors."""
