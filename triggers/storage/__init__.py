"""Storage accounts: clients, threads and errors, and blobs with their formats."""
