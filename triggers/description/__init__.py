"""What the app says of itself: OpenAPI, swagger, metrics."""
