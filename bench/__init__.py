"""`make bench`: the app beside its peers and its limits, on one machine, in one run."""
