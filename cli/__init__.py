"""`triscore`: one command over the project. Each command imports what it needs when it runs."""
