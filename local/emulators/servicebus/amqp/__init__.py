"""The AMQP 1.0 codec: types, frames, performatives and message sections."""
