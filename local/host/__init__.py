"""Runs a function app without Azure: Microsoft's own worker library behind our own listeners.

`triscore host --app DIR` loads DIR/function_app.py as Azure does and provides what the real
host provides: HTTP, blob and Service Bus triggers, output bindings, host.json, access keys and a
graceful shutdown.
"""
