"""The error that ends a run of the bench, or leaves one server out of it."""


class BenchError(Exception):
    """The message says what was wrong and what to do."""
