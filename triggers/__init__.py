"""The triggers: each makes a Request of its input, calls the core once, and renders the answer."""
