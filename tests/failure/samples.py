"""Valid packets to be broken, and what else may come to a port."""

import os

from wire.encoding import encode
from wire.packets import (V5, V311, Will, auth, connect_packet, disconnect, pingreq, puback,
                          pubcomp, publish, pubrec, pubrel, subscribe, unsubscribe)

_CONNECTS = {
    V311: connect_packet("hostile", username="user", password="secret",
                         will=Will("hostile/will", "gone", qos=1)),
    V5: connect_packet("hostile", username="user", password="secret",
                       will=Will("hostile/will", "gone", qos=1, will_delay_interval=1,
                                 content_type="text"),
                       session_expiry_interval=5, receive_maximum=10, topic_alias_maximum=5,
                       maximum_packet_size=10000, user_property=[("a", "b"), ("c", "d")]),
}
_OTHERS = [
    publish("hostile/a", "payload", qos=0), publish("hostile/a", "payload", qos=1, id=1),
    publish("hostile/a", "payload", qos=2, id=2, retain=True), puback(1), pubrec(2), pubrel(2),
    pubcomp(2), subscribe(3, ("hostile/#", 2), ("$share/g/hostile/+", 1)),
    unsubscribe(4, "hostile/#", "$share/g/hostile/+"), pingreq(),
]
_ONLY_V5 = [
    publish("hostile/a", "payload", qos=1, id=5, topic_alias=1, message_expiry_interval=9,
            response_topic="hostile/b", correlation_data="x", user_property=[("k", "v")]),
    subscribe(6, ("hostile/c", 1), subscription_identifier=7),
    auth(0x19, authentication_method="SCRAM-SHA-256", authentication_data=b"n,,n=a,r=b"),
]
GOODBYE = disconnect()

VERSIONS = (V311, V5)


def connect(version):
    return encode(_CONNECTS[version], version)


def others(version):
    """Every other packet that a client may send, but for the DISCONNECT."""
    packets = _OTHERS + (_ONLY_V5 if version == V5 else [])
    return [encode(packet, version) for packet in packets]


def conversation(version):
    """A whole life of a client, as one piece of bytes."""
    return connect(version) + b"".join(others(version)) + encode(GOODBYE, version)


# What speaks to the wrong port.
STRANGERS = [
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", b"\r\n\r\n\r\n\r\n",
    # The beginning of a TLS ClientHello.
    bytes.fromhex("16030100c8010000c40303") + os.urandom(180),
    b"\x00" * 512, b"\xff" * 512, b"EHLO mail.example\r\n", b"\x05\x01\x00" * 30,
]


def lies_about_lengths(raw):
    """The packet with each pair of its bytes in turn replaced by lengths that are not true."""
    for at in range(2, len(raw) - 1):
        for lie in (b"\xff\xff", b"\x00\x00", b"\x80\x00", bytes([raw[at], 0xFF])):
            yield raw[:at] + lie + raw[at + 2:]


def mutated(raw, chance):
    """The bytes after a few accidents; `chance` is a seeded random.Random."""
    raw = bytearray(raw)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(raw)) if raw else 0
        what = chance.randrange(6)
        if what == 0 and raw:
            raw[at] ^= 1 << chance.randrange(8)
        elif what == 1 and raw:
            raw[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
        elif what == 2:
            raw[at:at] = chance.randbytes(chance.randint(1, 8))
        elif what == 3:
            del raw[at:at + chance.randint(1, 8)]
        elif what == 4:
            raw[at:at] = raw[at:at + chance.randint(1, 40)]
        else:
            del raw[at:]
    return bytes(raw)
