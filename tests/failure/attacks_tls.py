"""Attacks on a TLS port: handshakes that are broken, cut off, or never begun."""

import random
import ssl
import time

from failure import samples
from failure.attacks import in_batches
from failure.raw import await_closed, dial, send


def client_hello():
    """The first flight of a real client."""
    context = ssl.create_default_context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    handshake = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    try:
        handshake.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def broken_handshakes(address, seed, count):
    """MQTT in the clear, prefixes of a ClientHello, and whole ones after a few accidents."""
    chance, hello = random.Random(seed), client_hello()
    pieces = [samples.connect(version) for version in samples.VERSIONS] + samples.STRANGERS
    pieces += [hello[:size] for size in range(1, len(hello), 16)]
    pieces += [samples.mutated(hello, chance) for _ in range(count)]
    return in_batches(address, pieces)


def unfinished_handshakes(address, count):
    """Silence before, within and after the ClientHello: the seconds until all were closed."""
    begin, hello = time.monotonic(), client_hello()
    streams = [dial(address, number) for number in range(count)]
    for number, stream in enumerate(streams):
        send(stream, hello[:(0, 40, len(hello))[number % 3]])
    await_closed(streams)
    return time.monotonic() - begin


def handshake_flood(address, seconds):
    """ClientHellos from clients that are gone before the answer."""
    hello, count, end = client_hello(), 0, time.monotonic() + seconds
    while time.monotonic() < end:
        stream = dial(address, count)
        send(stream, hello)
        stream.close()
        count += 1
    return count
