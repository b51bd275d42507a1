"""The administration API: entities and their counts, over HTTP and in ATOM's XML."""
