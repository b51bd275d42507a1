"""From a model file to what an app serves."""
