"""The inference core: raw bytes in, predictions out. Knows no Azure, no Redis, no HTTP status."""
