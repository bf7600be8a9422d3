"""A small MQTT packet library for the tests that talk to a broker process.

It is written apart from the broker's own codec on purpose: a mistake in one
is not repeated by the other. `packets` builds and describes packets, `encoding`
and `parser` turn them to and from bytes, `client` speaks over a socket,
`websocket` carries the same bytes in frames, and `broker` starts processes.
"""
