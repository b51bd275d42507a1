"""The Service Bus trigger: messages in, in batches; one result document each out."""
