"""A Service Bus emulator for Microsoft's unmodified SDKs.

`amqp` encodes and decodes the protocol, `broker` has queues, topics and their store; neither
imports the other. The modules beside them connect the two: connections, sessions and links on one
side, queues on the other. `admin` changes and describes entities; `web` serves that, and messages,
over HTTP. One port takes both protocols: `front_door` reads a connection's first bytes.

Everything runs on one event loop. Handling a frame awaits nothing, so a frame has had its whole
effect before the next one is handled.
"""
