"""Attacks on a WebSocket port: the upgrade, frames, and MQTT within them."""

import random
import struct
import time

from failure import samples
from failure.attacks import in_batches
from failure.raw import allow_files, answer, await_closed, dial, send

UPGRADE = (b"GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
           b"Sec-WebSocket-Protocol: mqtt\r\n\r\n")
CONTINUATION, TEXT, BINARY, CLOSE, PING = 0x0, 0x1, 0x2, 0x8, 0x9
MASK = b"\x11\x22\x33\x44"

# Requests that must not be upgraded.
BAD_UPGRADES = [
    UPGRADE.replace(b"GET", b"POST"), UPGRADE.replace(b"/mqtt", b"/other"),
    UPGRADE.replace(b"HTTP/1.1", b"HTTP/1.0"), UPGRADE.replace(b"HTTP/1.1", b"HTTP/9.9"),
    UPGRADE.replace(b"Upgrade: websocket\r\n", b""),
    UPGRADE.replace(b"Connection: Upgrade\r\n", b""),
    UPGRADE.replace(b"Version: 13", b"Version: 8"),
    UPGRADE.replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"short"),
    UPGRADE.replace(b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", b""),
    UPGRADE.replace(b": mqtt\r\n", b": chat\r\n"),
    b"GET " + b"/" * 20000 + b" HTTP/1.1\r\n\r\n",
    b"GET /mqtt HTTP/1.1\r\n" + b"X-Filler: " + b"a" * 100000 + b"\r\n\r\n",
    b"GET /mqtt HTTP/1.1\r\n" + b"X: y\r\n" * 20000 + b"\r\n",
    b"GET /mqtt HTTP/1.1\r\n: no name\r\n\r\n", b"\x00\x01\x02\x03\r\n\r\n", b"GET\r\n\r\n",
    samples.connect(4), b"\xff" * 4000,
]


def frame(opcode, payload, final=True, mask=MASK, flags=0, length=None):
    """One frame. `mask` None leaves it out, `length` is announced in place of the true one."""
    size = len(payload) if length is None else length
    bit = 0x80 if mask else 0
    head = bytes([final << 7 | flags | opcode])
    if size < 126:
        head += bytes([bit | size])
    elif size < 65536:
        head += bytes([bit | 126]) + struct.pack(">H", size)
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", size)
    if mask:
        payload = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    return head + (mask or b"") + payload


def broken_frames():
    """Frames after which a server must end the connection."""
    connect = samples.connect(5)
    ping = frame(PING, b"x" * 20)
    return [
        frame(BINARY, connect, mask=None), frame(TEXT, connect), frame(CONTINUATION, connect),
        frame(BINARY, connect, flags=0x40), frame(0x3, connect), frame(0xB, b""),
        frame(PING, b"x" * 126), frame(PING, b"x", final=False), frame(CLOSE, b"x"),
        frame(BINARY, b"", length=1 << 62), frame(BINARY, b"", length=(1 << 63) + 5),
        frame(BINARY, connect, final=False) + frame(BINARY, connect),
        frame(BINARY, connect) + frame(BINARY, b"\x32\xff\xff\xff\x7f\x00\x04room"),
        ping + frame(CLOSE, b"\x00\x00"), frame(BINARY, b"\xf0\x00"),
    ]


def bad_upgrades(address):
    """None of them is upgraded, and all are closed at once."""
    for number, request in enumerate(BAD_UPGRADES):
        stream = dial(address, number)
        send(stream, request)
        said = answer(stream, within=3.0)
        assert said is not None, f"left open after {request[:80]!r}"
        assert b" 101 " not in said, f"{request[:200]!r} was upgraded"
    return len(BAD_UPGRADES)


def bad_frames(address):
    """All are closed, whole or byte by byte."""
    frames = broken_frames()
    for whole in (True, False):
        for number, bad in enumerate(frames):
            stream = dial(address, number)
            send(stream, UPGRADE)
            if whole:
                send(stream, bad)
            for at in range(0 if whole else len(bad)):
                send(stream, bad[at:at + 1])
            said = answer(stream, within=3.0)
            assert said is not None, f"left open after {bad[:40]!r}, whole: {whole}"
            assert b" 101 " in said
    return len(frames)


def mutations(address, seed, count):
    """Upgrades, frames and packets after a few accidents."""
    chance = random.Random(seed)

    def pieces():
        for number in range(count):
            version = samples.VERSIONS[number % 2]
            content = samples.conversation(version)
            if number % 3 == 0:
                yield samples.mutated(UPGRADE, chance) + frame(BINARY, content)
            elif number % 3 == 1:
                cut = chance.randrange(1, len(content))
                frames = (frame(BINARY, content[:cut], final=chance.random() < 0.5) +
                          frame(chance.choice((BINARY, CONTINUATION, PING)), content[cut:]))
                yield UPGRADE + samples.mutated(frames, chance)
            else:
                yield UPGRADE + frame(BINARY, samples.mutated(content, chance))

    return in_batches(address, pieces())


def slow_upgrades(address, count):
    """Upgrades and CONNECTs that come byte by byte: the seconds until all were closed."""
    allow_files(count + 200)
    begin = time.monotonic()
    streams = [dial(address, number) for number in range(count)]
    whole = UPGRADE + frame(BINARY, samples.connect(4))
    sent = {}
    for number, stream in enumerate(streams):
        # Some stay within the upgrade, some come as far as the CONNECT.
        sent[stream] = len(UPGRADE) if number % 2 else 0
        send(stream, whole[:sent[stream]])

    def drip(open_ones):
        for stream in open_ones[::3]:
            at = sent[stream]
            if at < len(whole) - 1:
                send(stream, whole[at:at + 1])
                sent[stream] = at + 1

    await_closed(streams, on_tick=drip)
    return time.monotonic() - begin


def endless_pings(address, seconds):
    """Pings and empty frames without end from a peer that never reads the pongs."""
    stream = dial(address, timeout=0.5)
    stream.setsockopt(1, 8, 4096)  # SO_RCVBUF
    send(stream, UPGRADE + frame(BINARY, samples.connect(4).replace(b"hostile", b"pinging", 1)))
    burst = (frame(PING, b"p" * 125) + frame(BINARY, b"")) * 200
    sent, end = 0, time.monotonic() + seconds
    while time.monotonic() < end and send(stream, burst):
        sent += len(burst)
    stream.close()
    return sent
