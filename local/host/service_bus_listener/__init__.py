"""Service Bus queue trigger: receives, locks, invokes and settles."""
