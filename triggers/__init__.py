"""The doors: each turns what Azure hands over into a Request, calls the core once, and renders."""
