"""Packets to bytes. The pieces are public: malformed packets are built of them."""

import struct

from wire.packets import TYPES, V5, V31
from wire.properties import (BINARY, BYTE, FOUR_BYTES, PAIR, PROPERTIES, TEXT, TWO_BYTES,
                             VARIABLE)


def u8(value):
    return struct.pack(">B", value)


def u16(value):
    return struct.pack(">H", value)


def u32(value):
    return struct.pack(">I", value)


def variable(value):
    """A variable byte integer in the fewest bytes."""
    encoded = bytearray()
    while True:
        value, digit = divmod(value, 128)
        encoded.append(digit | (0x80 if value else 0))
        if not value:
            return bytes(encoded)


def binary(value):
    value = value.encode() if isinstance(value, str) else value
    return u16(len(value)) + value


def text(value):
    """A string with its length; bytes are taken as they are, well-formed or not."""
    return binary(value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value)


def _one_property(name, value):
    number, kind = PROPERTIES[name]
    if kind == PAIR:
        body = text(value[0]) + text(value[1])
    else:
        body = {BYTE: u8, TWO_BYTES: u16, FOUR_BYTES: u32, VARIABLE: variable, TEXT: text,
                BINARY: binary}[kind](value)
    return u8(number) + body


def property_list(properties):
    """Properties without their length; a list stands for one property many times."""
    encoded = b""
    for name, value in properties.items():
        for one in value if isinstance(value, list) else [value]:
            encoded += _one_property(name, one)
    return encoded


def property_field(properties=None, raw=b""):
    """Length and properties; `raw` is appended after the named ones."""
    body = property_list(properties or {}) + raw
    return variable(len(body)) + body


def frame(kind, body=b"", flags=0):
    """A fixed header and what follows; `kind` is a name or a number of four bits."""
    number = TYPES.get(kind, kind)
    return u8(number << 4 | flags) + variable(len(body)) + body


def _connect(p, version):
    version = version if p.level is None else p.level
    flags = p.clean_start << 1
    if p.will:
        flags |= 0x04 | p.will.qos << 3 | p.will.retain << 5
    if p.username is not None:
        flags |= 0x80
    if p.password is not None:
        flags |= 0x40
    if p.flags is not None:
        flags = p.flags
    name = p.name if p.name is not None else ("MQIsdp" if version == V31 else "MQTT")
    body = text(name) + u8(version) + u8(flags) + u16(p.keep_alive)
    if version == V5:
        body += property_field(p.properties)
    body += text(p.client_id)
    if p.will:
        if version == V5:
            body += property_field(p.will.properties)
        body += text(p.will.topic) + binary(p.will.payload)
    if p.username is not None:
        body += text(p.username)
    if p.password is not None:
        body += binary(p.password)
    return frame("connect", body)


def _publish(p, version):
    body = text(p.topic)
    if p.qos:
        body += u16(1 if p.id is None else p.id)
    if version == V5:
        body += property_field(p.properties)
    flags = p.dup << 3 | p.qos << 1 | p.retain
    return frame("publish", body + (p.payload or b""), flags)


def _acknowledge(p, version):
    body = u16(p.id)
    if version == V5 and (p.reason is not None or p.properties):
        body += u8(p.reason or 0)
        if p.properties:
            body += property_field(p.properties)
    return frame(p.kind, body, 2 if p.kind == "pubrel" else 0)


def _subscribe(p, version):
    body = u16(p.id) + (property_field(p.properties) if version == V5 else b"")
    for name, options in p.filters:
        body += text(name) + u8(options)
    return frame("subscribe", body, 2)


def _unsubscribe(p, version):
    body = u16(p.id) + (property_field(p.properties) if version == V5 else b"")
    return frame("unsubscribe", body + b"".join(map(text, p.filters)), 2)


def _reason(p, version):
    body = b""
    if version == V5 and (p.reason is not None or p.properties):
        body = u8(p.reason or 0) + (property_field(p.properties) if p.properties else b"")
    return frame(p.kind, body)


def encode(packet, version):
    """The bytes of a packet that a client may send, in a protocol version."""
    if packet.kind in ("pingreq", "pingresp"):
        return frame(packet.kind)
    by_kind = {"connect": _connect, "publish": _publish, "subscribe": _subscribe,
               "unsubscribe": _unsubscribe, "disconnect": _reason, "auth": _reason}
    return by_kind.get(packet.kind, _acknowledge)(packet, version)
