"""Answers requests: from the caches, from an equal computation under way, or from the model."""
