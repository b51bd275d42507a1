"""`make run` and `make demo`: installs and starts everything, and scores through each trigger."""
