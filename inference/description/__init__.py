"""What the model takes and gives, as data for whoever describes it."""
