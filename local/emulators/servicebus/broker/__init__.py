"""Queues, topics and their store: no AMQP and no sockets; clock and store are arguments."""
