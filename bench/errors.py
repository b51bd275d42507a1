"""What ends a bench, or keeps one of its parts from taking part."""


class BenchError(Exception):
    """The message says what was wrong and what to do."""
