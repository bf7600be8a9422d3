"""Golden bytes of the packet library, and what its parser must not let pass."""

import pytest
from wire.encoding import encode, variable
from wire.packets import (V5, V31, V311, Will, connack, connect_packet, differences, publish, puback,
                          pubrel, subscribe)
from wire.parser import Malformed, parse


@pytest.mark.parametrize("value, expected", [
    (0, b"\x00"), (127, b"\x7f"), (128, b"\x80\x01"), (16_383, b"\xff\x7f"),
    (16_384, b"\x80\x80\x01"), (268_435_455, b"\xff\xff\xff\x7f")])
def test_variable_byte_integers(value, expected):
    assert variable(value) == expected


@pytest.mark.parametrize("version, packet, expected", [
    (V5, connect_packet("ab", session_expiry_interval=1),
     "1014 0004 4d515454 05 02 003c 05 11 00000001 0002 6162"),
    (V311, connect_packet("ab", will=Will("t", "w", qos=1, retain=True), username="u",
                          password="p"),
     "101a 0004 4d515454 04 ee 003c 0002 6162 0001 74 0001 77 0001 75 0001 70"),
    (V31, connect_packet("a", clean_start=False), "100f 0006 4d5149736470 03 00 003c 0001 61"),
    (V5, publish("t", "x", qos=1, id=2, retain=True), "3307 0001 74 0002 00 78"),
    (V311, publish("t", "x"), "3004 0001 74 78"),
    (V5, pubrel(1, 0x92), "6203 0001 92"),
    (V5, puback(1), "4002 0001"),
    (V5, subscribe(1, ("a", 2), subscription_identifier=200),
     "820a 0001 03 0bc801 0001 61 02"),
])
def test_encoding(version, packet, expected):
    assert encode(packet, version) == bytes.fromhex(expected.replace(" ", ""))


def test_parsing_what_was_encoded():
    sent = publish("topic", "payload", qos=2, id=77, user_property=[("a", "1"), ("a", "2")])
    got, consumed = parse(encode(sent, V5) + b"next", V5)
    assert consumed == len(encode(sent, V5)) and differences(sent, got) == []


@pytest.mark.parametrize("raw", ["20", "2003", "200300", "20030000"])
def test_half_a_packet_is_nothing_yet(raw):
    assert parse(bytes.fromhex(raw), V5) is None


@pytest.mark.parametrize("raw", [
    "2003020000", "2003000100", "2003018600", "21030000 00", "2002 0000", "2004 0000 0000",
    "2006 0000 03 230001", "3603 0001 74", "3804 0001 74 00", "3004 0001 23 00",
    "3003 0000 00", "3205 0001 74 0000", "4002 0000", "4003 0001 01", "6002 0001",
    "9004 0001 00 03", "d001 00", "d080 00", "e001 04", "10 00", "c000"])
def test_what_a_server_must_not_send(raw):
    with pytest.raises(Malformed):
        parse(bytes.fromhex(raw.replace(" ", "")), V5)


def test_differences_name_what_differs():
    got, _ = parse(bytes.fromhex("2003000000"), V5)
    assert differences(connack(), got) == []
    assert differences(connack(reason={0x86, 0x87}), got)
    assert differences(connack(session_present=True), got)
    assert differences(publish("t"), got)
