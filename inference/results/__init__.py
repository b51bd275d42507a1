"""Result documents: what became of a request, kept under its id."""
