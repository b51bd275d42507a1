"""Checks the connections to storage accounts and Service Bus at startup."""
