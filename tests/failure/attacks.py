"""Attacks on an MQTT port. Each is a function for `raw.Attack`; what it returns
counts what it did, so that a test can tell that it happened at all."""

import random
import time

from failure import samples
from failure.raw import allow_files, answer, await_closed, dial, reset, send

BATCH = 100


def in_batches(address, pieces, within=10.0):
    """Sends each piece on a connection of its own, some at a time; all must be closed at last.

    The client closes its side after sending, as a process that ends would.
    """
    count, batch = 0, []
    for piece in pieces:
        stream = dial(address, count)
        send(stream, piece)
        try:
            stream.shutdown(1)
        except OSError:
            pass  # closed by the broker already
        batch.append(stream)
        count += 1
        if len(batch) == BATCH:
            await_closed(batch, within)
            batch = []
    await_closed(batch, within)
    return count


def half_packets(address):
    """Every prefix of a CONNECT, and of every other packet after one; ended by FIN or RST."""
    count = 0
    for version in samples.VERSIONS:
        connect = samples.connect(version)
        pieces = [connect[:size] for size in range(1, len(connect))]
        for packet in samples.others(version):
            pieces += [connect + packet[:size] for size in range(1, len(packet))]
        count += in_batches(address, pieces)
        for piece in pieces:
            stream = dial(address, count)
            send(stream, piece)
            reset(stream)
            count += 1
    return count


def lying_lengths(address):
    """Remaining lengths and inner lengths that do not fit what follows."""
    pieces = []
    for version in samples.VERSIONS:
        connect = samples.connect(version)
        pieces += samples.lies_about_lengths(connect)
        for packet in samples.others(version):
            pieces += [connect + lie for lie in samples.lies_about_lengths(packet)]
            for length in (b"\x00", b"\x01", b"\x7f", b"\x80\x01", b"\xff\x7f", b"\xff\xff\x03",
                           b"\x80\x00", b"\x80\x80\x80\x00", b"\xff\xff\xff\xff\x01"):
                pieces.append(connect + packet[:1] + length + packet[2:])
    return in_batches(address, pieces)


def before_connect(address):
    """Any packet before CONNECT, and what belongs to other ports: closed without an answer."""
    count = 0
    for version in samples.VERSIONS:
        for packet in samples.others(version):
            stream = dial(address, count)
            send(stream, packet)
            said = answer(stream, within=2.0)
            assert said == b"", f"{said!r} to {packet!r} before CONNECT"
            count += 1
    for stranger in samples.STRANGERS:
        stream = dial(address, count)
        send(stream, stranger)
        # Few of them look like the beginning of a packet; none is one.
        stream.shutdown(1)
        said = answer(stream, within=2.0)
        assert said == b"", f"{said!r} to {stranger!r}"
        count += 1
    return count


def garbage(address, seed, count):
    """Random bytes, alone and behind a CONNECT."""
    chance = random.Random(seed)
    connects = [b""] + [samples.connect(version) for version in samples.VERSIONS]
    pieces = (connects[number % 3] + chance.randbytes(chance.randint(1, 6000))
              for number in range(count))
    return in_batches(address, pieces)


def mutations(address, seed, count):
    """Conversations after a few accidents; half keep their CONNECT."""
    chance = random.Random(seed)

    def pieces():
        for number in range(count):
            version = samples.VERSIONS[number % 2]
            if number % 4 < 2:
                yield samples.mutated(samples.conversation(version), chance)
            else:
                rest = b"".join(chance.sample(samples.others(version), 4))
                yield samples.connect(version) + samples.mutated(rest, chance)

    return in_batches(address, pieces())


def too_large(address):
    """Packets far above the limit are refused by their header alone."""
    told = 0
    for version in samples.VERSIONS:
        for length in (b"\xff\xff\x7f", b"\xff\xff\xff\x7f"):
            stream = dial(address)
            send(stream, b"\x10" + length + b"\x00\x04MQTT")
            assert answer(stream, within=2.0) is not None, "a huge CONNECT was waited for"
            stream = dial(address)
            send(stream, samples.connect(version) + b"\x32" + length + b"\x00\x04room")
            said = answer(stream, within=2.0)
            assert said is not None, "a huge PUBLISH was waited for"
            told += b"\xe0" in said
    # And one that is sent although it was refused.
    stream = dial(address)
    send(stream, samples.connect(4) + b"\x30\xff\xff\xff\x7f")
    sent = 0
    while sent < 64 << 20 and send(stream, bytes(1 << 20)):
        sent += 1 << 20
    assert sent < 64 << 20, "the broker read 64 MiB of a refused packet"
    return told


def slow_loris(address, count):
    """A byte of a CONNECT now and then, on many connections: the seconds until each was closed."""
    allow_files(count + 200)
    begin = time.monotonic()
    streams = [dial(address, number) for number in range(count)]
    connect = samples.connect(5)
    sent = {stream: 0 for stream in streams}

    def drip(open_ones):
        for stream in open_ones[::3]:
            at = sent[stream]
            if at < len(connect) - 1:
                send(stream, connect[at:at + 1])
                sent[stream] = at + 1

    await_closed(streams, on_tick=drip)
    return time.monotonic() - begin


def slow_packets(address, count):
    """Connected clients that send a large packet byte by byte, and reset in the end."""
    streams = [dial(address, number) for number in range(count)]
    for number, stream in enumerate(streams):
        send(stream, samples.connect(4).replace(b"hostile", b"slow%03d" % number, 1)
             + b"\x30\xff\x7f\x00\x05slow/")
    end = time.monotonic() + 2.0
    while time.monotonic() < end:
        for stream in streams:
            send(stream, b"x")
        time.sleep(0.05)
    for stream in streams:
        reset(stream)
    return count


def half_open(address, count):
    """Connections that never say anything: how many, and the seconds until all were closed."""
    allow_files(count + 200)
    begin = time.monotonic()
    streams = [dial(address, number) for number in range(count)]
    connected = time.monotonic() - begin
    took = await_closed(streams)
    return len(took), connected, time.monotonic() - begin


def connect_flood(address, seconds):
    """Clients that connect as fast as they can and are gone before they are answered, or just after."""
    count, end = 0, time.monotonic() + seconds
    waiting = []
    while time.monotonic() < end:
        stream = dial(address, count)
        send(stream, samples.connect(5 - count % 2).replace(b"hostile", b"f%06d" % count, 1))
        if count % 3 == 0:
            reset(stream)
        else:
            waiting.append(stream)
        count += 1
        if len(waiting) == BATCH:
            for each in waiting:
                reset(each)
            waiting = []
    for each in waiting:
        reset(each)
    return count


def never_reading(address, seconds):
    """A subscriber that reads nothing of what its own connections publish to it."""
    deaf = dial(address)
    deaf.setsockopt(1, 8, 4096)  # SO_RCVBUF
    send(deaf, b"\x10\x10\x00\x04MQTT\x04\x02\x00\x00\x00\x04deaf" +
         b"\x82\x0b\x00\x01\x00\x06deaf/#\x00")
    loud = dial(address, timeout=0.2)
    send(loud, b"\x10\x10\x00\x04MQTT\x04\x02\x00\x00\x00\x04loud")
    body = b"\x00\x06deaf/x" + bytes(16000)
    packet = b"\x30" + bytes([len(body) & 0x7F | 0x80, len(body) >> 7]) + body
    sent, end = 0, time.monotonic() + seconds
    while time.monotonic() < end and send(loud, packet):
        sent += len(packet)
    reset(loud)
    reset(deaf)
    return sent
