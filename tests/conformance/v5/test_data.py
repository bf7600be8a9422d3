"""Chapter 1 and 2: strings, integers, fixed headers, packet identifiers, properties."""

import pytest
from conformance.statement import statement
from wire.encoding import frame, property_field, text, u8, u16
from wire.packets import (Will, connect_packet, puback, pubcomp, publish, pubrec, pubrel,
                          suback, subscribe, unsuback, unsubscribe)

ILL_FORMED = {
    "surrogate": b"\xed\xa0\x80", "surrogate pair": b"\xed\xa0\xbd\xed\xb8\x80",
    "overlong slash": b"\xc0\xaf", "overlong in three bytes": b"\xe0\x80\xaf",
    "cut short": b"\xe2\x82", "lone continuation": b"\x80", "never a byte of UTF-8": b"\xff",
    "beyond U+10FFFF": b"\xf4\x90\x80\x80",
}

# A packet of an established connection, by the string that is not one.
STRINGS_LATER = {
    "topic name": lambda s: publish(s),
    "topic filter": lambda s: subscribe(1, s),
    "filter to unsubscribe": lambda s: unsubscribe(1, s),
    "content type": lambda s: publish("a", content_type=s),
    "response topic": lambda s: publish("a", response_topic=s),
    "user property name": lambda s: publish("a", user_property=[(s, "v")]),
    "user property value": lambda s: publish("a", user_property=[("k", s)]),
}

STRINGS_OF_CONNECT = {
    "client id": lambda s: connect_packet(s),
    "will topic": lambda s: connect_packet("c", will=Will(s, "w")),
    "user name": lambda s: connect_packet("c", username=s, password="p"),
    "will content type": lambda s: connect_packet("c", will=Will("w", content_type=s)),
    "user property": lambda s: connect_packet("c", user_property=[("k", s)]),
    "authentication method": lambda s: connect_packet("c", authentication_method=s),
}


@statement("MQTT-1.5.4-1", "5.0")
@pytest.mark.parametrize("bad", ILL_FORMED.values(), ids=ILL_FORMED)
def test_MQTT_1_5_4_1_ill_formed_utf8_closes(connect, topic, bad):
    c = connect()
    c.send(publish(topic.encode() + bad))
    c.expect_close(reason={0x81, 0x90})


@statement("MQTT-1.5.4-1", "5.0")
@pytest.mark.parametrize("packet", STRINGS_LATER.values(), ids=STRINGS_LATER)
def test_MQTT_1_5_4_1_every_string_is_checked(connect, packet):
    c = connect()
    c.send(packet(b"a\xed\xa0\x80"))
    c.expect_close(reason={0x81, 0x82, 0x8F, 0x90})


@statement("MQTT-1.5.4-1", "5.0")
@pytest.mark.parametrize("packet", STRINGS_OF_CONNECT.values(), ids=STRINGS_OF_CONNECT)
def test_MQTT_1_5_4_1_strings_of_connect_are_checked(dial, packet):
    c = dial()
    c.send(packet(b"a\xed\xa0\x80"))
    c.expect_close(reason={0x81, 0x82, 0x85, 0x90})


@statement("MQTT-1.5.4-2", "5.0")
@pytest.mark.parametrize("packet", STRINGS_LATER.values(), ids=STRINGS_LATER)
def test_MQTT_1_5_4_2_null_character_closes(connect, packet):
    c = connect()
    c.send(packet(b"a\0b"))
    c.expect_close(reason={0x81, 0x82, 0x8F, 0x90})


@statement("MQTT-1.5.4-2", "5.0")
@pytest.mark.parametrize("packet", STRINGS_OF_CONNECT.values(), ids=STRINGS_OF_CONNECT)
def test_MQTT_1_5_4_2_null_character_in_connect_closes(dial, packet):
    c = dial()
    c.send(packet(b"a\0b"))
    c.expect_close(reason={0x81, 0x82, 0x85, 0x90})


@statement("MQTT-1.5.4-3", "5.0")
def test_MQTT_1_5_4_3_zero_width_no_break_space_is_kept(connect, name):
    room = name("room")
    c = connect()
    c.subscribe("\ufeff" + room, room + "/\ufeff")
    c.send(publish(room, "not subscribed"),
           publish("\ufeff" + room, "1", user_property=[("\ufeffkey", "\ufeffvalue")]),
           publish(room + "/\ufeff", "2"))
    c.expect_any_order(
        publish("\ufeff" + room, "1", user_property=[("\ufeffkey", "\ufeffvalue")]),
        publish(room + "/\ufeff", "2"))
    c.expect_nothing()


@statement("MQTT-1.5.5-1", "5.0")
@pytest.mark.parametrize("size", [0, 100, 127, 128, 16_383, 16_384, 100_000])
def test_MQTT_1_5_5_1_lengths_take_the_fewest_bytes(connect, topic, size):
    # The parser refuses a length that is not minimal; the sizes lie around the steps.
    c = connect()
    c.subscribe((topic, 1))
    for payload in (b"x" * size, b"x" * max(0, size - len(topic) - 5)):
        c.publish(topic, payload, qos=1, user_property=[("k", "v" * min(size, 20_000))])
        c.receive(publish(topic, payload, qos=1))


@statement("MQTT-1.5.5-1", "5.0")
def test_MQTT_1_5_5_1_remaining_length_of_five_bytes_closes(connect):
    c = connect()
    c.send(b"\x30\x80\x80\x80\x80\x01")
    c.expect_close(reason={0x81, 0x95})


@statement("MQTT-1.5.5-1", "5.0")
def test_MQTT_1_5_5_1_property_length_of_five_bytes_closes(connect):
    c = connect()
    c.send(frame("publish", text("a") + b"\x80\x80\x80\x80\x01" + b"x" * 10))
    c.expect_close(reason={0x81, 0x82})


@statement("MQTT-1.5.7-1", "5.0")
@pytest.mark.parametrize("pair", [(b"\xff", "v"), ("k", b"\xff"), (b"k\0", "v"), ("k", b"\0")])
def test_MQTT_1_5_7_1_both_strings_of_a_pair_are_checked(connect, topic, pair):
    c = connect()
    c.send(publish(topic, user_property=[pair]))
    c.expect_close(reason={0x81, 0x82})


RESERVED_FLAGS = {
    "PUBACK": frame("puback", u16(1), 1), "PUBREC": frame("pubrec", u16(1), 8),
    "PUBREL": frame("pubrel", u16(1), 0), "PUBCOMP": frame("pubcomp", u16(1), 2),
    "SUBSCRIBE": frame("subscribe", u16(1) + u8(0) + text("a") + u8(0), 0),
    "UNSUBSCRIBE": frame("unsubscribe", u16(1) + u8(0) + text("a"), 3),
    "PINGREQ": frame("pingreq", b"", 1), "DISCONNECT": frame("disconnect", b"", 4),
    "AUTH": frame("auth", b"", 2), "type 0": frame(0, b""),
}


@statement("MQTT-2.1.3-1", "5.0")
@pytest.mark.parametrize("raw", RESERVED_FLAGS.values(), ids=RESERVED_FLAGS)
def test_MQTT_2_1_3_1_reserved_flags_close(connect, raw):
    c = connect()
    c.send(raw)
    c.expect_close(reason={0x81, 0x82})


@statement("MQTT-2.1.3-1", "5.0")
def test_MQTT_2_1_3_1_reserved_flags_of_connect_close(dial):
    c = dial()
    c.send(frame("connect", text("MQTT") + u8(5) + u8(2) + u16(60) + u8(0) + text("x"), 1))
    c.expect_close(reason={0x81, 0x82})


@statement("MQTT-2.2.1-2", "5.0")
def test_MQTT_2_2_1_2_qos_0_has_no_identifier(connect, topic):
    c = connect()
    c.subscribe(topic)
    c.send(frame("publish", text(topic) + property_field() + b"whole payload"))
    c.expect(publish(topic, "whole payload"))


@statement("MQTT-2.2.1-3", "5.0")
@pytest.mark.parametrize("packet", [subscribe(0, "a"), unsubscribe(0, "a"),
                                    publish("a", qos=1, id=0), publish("a", qos=2, id=0)],
                         ids=["SUBSCRIBE", "UNSUBSCRIBE", "QoS 1", "QoS 2"])
def test_MQTT_2_2_1_3_identifier_zero_closes(connect, packet):
    c = connect()
    c.send(packet)
    c.expect_close(reason={0x81, 0x82})


@statement("MQTT-2.2.1-4", "5.0")
def test_MQTT_2_2_1_4_identifiers_in_use_are_not_reused(connect, topic):
    c = connect()
    c.subscribe((topic, 2))
    for number in range(20):
        c.send(publish(topic, str(number), qos=1, id=100 + number))
    seen = set()
    while len(seen) < 20:
        got = c.next_packet()
        if got.kind == "publish":
            assert got.id not in seen
            seen.add(got.id)


@statement("MQTT-2.2.1-5", "5.0")
def test_MQTT_2_2_1_5_acknowledgements_carry_the_identifier(connect, topic):
    c = connect()
    c.send(publish(topic, qos=1, id=0x1234))
    c.expect(puback(0x1234))
    c.send(publish(topic, qos=2, id=0xFFFF))
    c.expect(pubrec(0xFFFF))
    c.send(pubrel(0xFFFF))
    c.expect(pubcomp(0xFFFF))


@statement("MQTT-2.2.1-6", "5.0")
def test_MQTT_2_2_1_6_suback_and_unsuback_carry_the_identifier(connect, topic):
    c = connect()
    c.send(subscribe(0xABCD, topic))
    c.expect(suback(0xABCD, [0]))
    c.send(unsubscribe(0xFFFF, topic))
    c.expect(unsuback(0xFFFF, [0]))


@statement("MQTT-2.2.2-1", "5.0")
def test_MQTT_2_2_2_1_no_properties_are_a_length_of_zero(connect, topic):
    # The parser demands the length wherever it is not optional.
    c = connect()
    c.send(subscribe(1, topic))
    c.expect(suback(1, [0]))
    c.send(publish(topic, "payload"))
    assert c.expect(publish(topic, "payload")).properties == {}
    c.send(unsubscribe(2, topic))
    c.expect(unsuback(2, [0]))


@statement("MQTT-2.2.2-1", "5.0")
@pytest.mark.parametrize("raw", [frame("publish", text("a")),
                                 frame("subscribe", u16(1), 2),
                                 frame("unsubscribe", u16(1), 2)],
                         ids=["PUBLISH", "SUBSCRIBE", "UNSUBSCRIBE"])
def test_MQTT_2_2_2_1_missing_property_length_closes(connect, raw):
    c = connect()
    c.send(raw)
    c.expect_close(reason={0x81, 0x82})


@statement("MQTT-4.2.0-1", "5.0")
@pytest.mark.parametrize("web", [False, True], ids=["TCP", "WebSocket"])
def test_MQTT_4_2_0_1_bytes_arrive_whole_and_in_order(connect, topic, web):
    c = connect(web=web)
    c.subscribe((topic, 1))
    payload = bytes(range(256)) * 100
    c.publish(topic, payload, qos=1)
    c.receive(publish(topic, payload, qos=1))
