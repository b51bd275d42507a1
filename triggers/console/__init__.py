"""The console: a page on which a person tries the model and watches the app."""
