"""The function app under the host: loaded, its bindings read, its functions invoked."""
