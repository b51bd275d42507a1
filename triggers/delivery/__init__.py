"""Result documents on their way out: stored, and sent to the output queue."""
