"""What the app has done, counted in memory that the other workers of its instance can read."""
