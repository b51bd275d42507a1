"""OpenTelemetry traces: `spans` is what the app calls, `exporting` turns it on.

Nothing but `exporting.configure` imports the OpenTelemetry packages, and only if traces are asked
for: without them no code of this room runs in a request.
"""
