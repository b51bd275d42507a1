"""AMQP 1.0 as bytes: types, frames, performatives and message sections. No sockets, no queues."""
