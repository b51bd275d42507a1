"""Service Bus trigger: receives, locks, invokes and settles; in sessions, in order."""
