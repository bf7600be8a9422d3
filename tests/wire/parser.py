"""Bytes to packets, for what a server sends. Whatever a server must not send
is refused here, so that every test checks the form of every answer."""

import struct

from wire.packets import TYPES, V5, Packet
from wire.properties import (BINARY, BY_IDENTIFIER, BYTE, FOUR_BYTES, FROM_SERVER, PAIR,
                             REASONS, REPEATABLE, TEXT, TWO_BYTES)

NAMES = {number: name for name, number in TYPES.items()}
BOOLEANS = {"payload_format_indicator", "maximum_qos", "retain_available",
            "wildcard_subscription_available", "subscription_identifier_available",
            "shared_subscription_available"}
NOT_ZERO = {"receive_maximum", "maximum_packet_size", "topic_alias", "subscription_identifier"}


class Malformed(AssertionError):
    """The broker sent something that the specification forbids."""


class _Reader:
    def __init__(self, body):
        self.body, self.at = body, 0

    def take(self, count):
        if self.at + count > len(self.body):
            raise Malformed(f"field of {count} bytes ends after the packet {self.body.hex()}")
        self.at += count
        return self.body[self.at - count:self.at]

    def left(self):
        return len(self.body) - self.at

    def u8(self):
        return self.take(1)[0]

    def u16(self):
        return struct.unpack(">H", self.take(2))[0]

    def u32(self):
        return struct.unpack(">I", self.take(4))[0]

    def variable(self):
        value, shift, digit = 0, 0, 0x80
        while digit & 0x80:
            if shift > 21:
                raise Malformed("variable byte integer of more than four bytes")
            digit = self.u8()
            value |= (digit & 0x7F) << shift
            shift += 7
        if digit == 0 and shift > 7:
            raise Malformed("variable byte integer that is not minimal")
        return value

    def binary(self):
        return self.take(self.u16())

    def text(self):
        raw = self.binary()
        try:
            decoded = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Malformed(f"string is not UTF-8: {raw!r}") from error
        if "\0" in decoded:
            raise Malformed(f"string contains U+0000: {raw!r}")
        return decoded

    def identifier(self):
        number = self.u16()
        if number == 0:
            raise Malformed("packet identifier 0")
        return number


def _value(reader, kind):
    if kind == PAIR:
        return reader.text(), reader.text()
    return {BYTE: reader.u8, TWO_BYTES: reader.u16, FOUR_BYTES: reader.u32, TEXT: reader.text,
            BINARY: reader.binary}.get(kind, reader.variable)()


def _properties(reader, packet):
    length = reader.variable()
    part = _Reader(reader.take(length))
    found = {}
    while part.left():
        number = part.variable()
        if number not in BY_IDENTIFIER:
            raise Malformed(f"unknown property 0x{number:02x} in {packet}")
        name, kind = BY_IDENTIFIER[number]
        if name not in FROM_SERVER[packet]:
            raise Malformed(f"a server must not send {name} in {packet}")
        value = _value(part, kind)
        if name in BOOLEANS and value > 1 or name in NOT_ZERO and value == 0:
            raise Malformed(f"{name} with the value {value} in {packet}")
        if name in REPEATABLE:
            found.setdefault(name, []).append(value)
        elif name in found:
            raise Malformed(f"{name} twice in {packet}")
        else:
            found[name] = value
    return found


def _checked_reason(kind, reason):
    if reason not in REASONS[kind]:
        raise Malformed(f"a server must not send reason 0x{reason:02x} in {kind}")
    return reason


def _connack(r, version):
    flags = r.u8()
    if flags > 1:
        raise Malformed(f"reserved bits set in connect acknowledge flags 0x{flags:02x}")
    reason = r.u8()
    if reason and flags:
        raise Malformed("session present together with a refusal")
    if version != V5:
        if reason > 5:
            raise Malformed(f"connect return code {reason}")
        return Packet("connack", dict(reason=reason, session_present=bool(flags)))
    properties = _properties(r, "connack")
    return Packet("connack", dict(reason=_checked_reason("connack", reason),
                                  session_present=bool(flags)), properties)


def _publish(r, version, flags):
    qos, dup, retain = flags >> 1 & 3, bool(flags & 8), bool(flags & 1)
    if qos == 3 or (qos == 0 and dup):
        raise Malformed(f"publish with flags 0x{flags:x}")
    topic = r.text()
    if "+" in topic or "#" in topic:
        raise Malformed(f"topic name with a wildcard: {topic!r}")
    number = r.identifier() if qos else None
    properties = _properties(r, "publish") if version == V5 else {}
    if not topic and "topic_alias" not in properties:
        raise Malformed("publish without a topic")
    return Packet("publish", dict(topic=topic, payload=r.take(r.left()), qos=qos, id=number,
                                  retain=retain, dup=dup), properties)


def _acknowledgement(r, version, kind):
    number = r.identifier()
    reason, properties = 0, {}
    if version == V5 and r.left():
        reason = _checked_reason(kind, r.u8())
        if r.left():
            properties = _properties(r, kind)
    return Packet(kind, dict(id=number, reason=reason), properties)


def _suback(r, version, kind):
    number = r.identifier()
    properties = _properties(r, kind) if version == V5 else {}
    reasons = list(r.take(r.left()))
    for reason in reasons:
        if version == V5:
            _checked_reason(kind, reason)
        elif kind == "unsuback" or reason not in (0, 1, 2, 0x80):
            raise Malformed(f"{kind} with the return code 0x{reason:02x}")
    return Packet(kind, dict(id=number, reasons=reasons), properties)


def _reason(r, version, kind):
    if version != V5:
        raise Malformed(f"a server of this version must not send {kind}")
    reason, properties = 0, {}
    if r.left():
        reason = _checked_reason(kind, r.u8())
        if r.left():
            properties = _properties(r, kind)
    return Packet(kind, dict(reason=reason), properties)


def parse_body(first, body, version):
    """One packet from its first byte and what follows the fixed header."""
    kind, flags = NAMES.get(first >> 4), first & 0x0F
    wanted = 2 if kind == "pubrel" else 0
    if kind != "publish" and flags != wanted:
        raise Malformed(f"{kind} with flags 0x{flags:x}")
    r = _Reader(body)
    if kind == "connack":
        packet = _connack(r, version)
    elif kind == "publish":
        packet = _publish(r, version, flags)
    elif kind in ("puback", "pubrec", "pubrel", "pubcomp"):
        packet = _acknowledgement(r, version, kind)
    elif kind in ("suback", "unsuback"):
        packet = _suback(r, version, kind)
    elif kind in ("disconnect", "auth"):
        packet = _reason(r, version, kind)
    elif kind == "pingresp":
        packet = Packet("pingresp", {})
    else:
        raise Malformed(f"a server must not send {kind or first >> 4}")
    if r.left():
        raise Malformed(f"{r.left()} bytes too many in {packet}")
    return packet


def parse(buffer, version):
    """(packet, bytes consumed), or None while the packet is not complete."""
    length, shift = 0, 0
    for at in range(1, 5):
        if at >= len(buffer):
            return None
        length |= (buffer[at] & 0x7F) << shift
        shift += 7
        if not buffer[at] & 0x80:
            if at > 1 and buffer[at] == 0:
                raise Malformed("remaining length that is not minimal")
            end = at + 1 + length
            if len(buffer) < end:
                return None
            return parse_body(buffer[0], bytes(buffer[at + 1:end]), version), end
    raise Malformed("remaining length of more than four bytes")
