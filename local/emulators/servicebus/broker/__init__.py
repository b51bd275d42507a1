"""Queues and what keeps them: no AMQP, no sockets, time and store handed in."""
