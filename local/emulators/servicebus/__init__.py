"""A Service Bus namespace on one machine, for Microsoft's unmodified SDKs.

`amqp` is the protocol's bytes, `broker` the queues and their store; neither knows the other. The
modules beside them join the two: connections, sessions and links on one side, queues on the other.
Everything runs on one event loop, and no await stands between a frame and its whole effect: that
has happened before the next frame is looked at.
"""
