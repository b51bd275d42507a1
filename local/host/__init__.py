"""Runs a function app without Azure: Microsoft's own worker library, our own listeners.

`python -m local.host --app DIR` loads DIR/function_app.py the way Azure does and brings what the
real host brings: HTTP, the blob scan, Service Bus, output bindings, host.json, keys and a drain.
"""
