"""What comes over HTTP: the administration API, messages over REST, AMQP over WebSockets."""
