"""Connections to storage accounts and Service Bus, checked at the start."""
