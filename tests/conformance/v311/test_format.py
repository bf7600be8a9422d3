"""Chapters 1, 2, 4.8 and 6 of MQTT 3.1.1: strings, fixed headers, identifiers, errors, frames."""

import pytest
from conformance.statement import statement
from wire import websocket
from wire.encoding import encode, frame, text, u8, u16
from wire.packets import (V311, Will, connack, connect_packet, pingreq, pingresp, puback, pubcomp,
                          publish, pubrec, pubrel, suback, subscribe, unsuback, unsubscribe)

ILL_FORMED = {"surrogate": b"\xed\xa0\x80", "overlong": b"\xc0\xaf", "cut short": b"\xe2\x82",
              "never a byte of UTF-8": b"\xff", "beyond U+10FFFF": b"\xf4\x90\x80\x80"}
LATER = {"PUBLISH": publish, "SUBSCRIBE": lambda s: subscribe(1, s),
         "UNSUBSCRIBE": lambda s: unsubscribe(1, s)}
CONNECT = {"client id": connect_packet,
           "will topic": lambda s: connect_packet("c", will=Will(s, "w")),
           "user name": lambda s: connect_packet("c", username=s, password="p")}


@statement("MQTT-1.5.3-1", "3.1.1")
@pytest.mark.parametrize("packet", LATER.values(), ids=LATER)
@pytest.mark.parametrize("bad", ILL_FORMED.values(), ids=ILL_FORMED)
def test_MQTT311_1_5_3_1_ill_formed_utf8_closes(connect, packet, bad):
    c = connect()
    c.send(packet(b"a" + bad))
    c.expect_close()


@statement("MQTT-1.5.3-1", "3.1.1")
@pytest.mark.parametrize("packet", CONNECT.values(), ids=CONNECT)
def test_MQTT311_1_5_3_1_ill_formed_utf8_in_connect_closes(dial, packet):
    c = dial()
    c.send(packet(b"a\xed\xa0\x80"))
    c.expect_close()


@statement("MQTT-1.5.3-2", "MQTT-4.7.3-2", "3.1.1")
@pytest.mark.parametrize("packet", LATER.values(), ids=LATER)
def test_MQTT311_1_5_3_2_null_character_closes(connect, packet):
    c = connect()
    c.send(packet(b"a\0b"))
    c.expect_close()


@statement("MQTT-1.5.3-2", "3.1.1")
@pytest.mark.parametrize("packet", CONNECT.values(), ids=CONNECT)
def test_MQTT311_1_5_3_2_null_character_in_connect_closes(dial, packet):
    c = dial()
    c.send(packet(b"a\0b"))
    c.expect_close()


@statement("MQTT-1.5.3-3", "3.1.1")
def test_MQTT311_1_5_3_3_zero_width_no_break_space_is_kept(connect, name):
    room = name("room")
    c = connect()
    c.subscribe("\ufeff" + room)
    c.send(publish(room, "not subscribed"), publish("\ufeff" + room, "x"))
    c.expect(publish("\ufeff" + room, "x"))
    c.expect_nothing()


RESERVED = {
    "PUBACK": frame("puback", u16(1), 1), "PUBREC": frame("pubrec", u16(1), 8),
    "PUBREL": frame("pubrel", u16(1), 0), "PUBCOMP": frame("pubcomp", u16(1), 2),
    "SUBSCRIBE": frame("subscribe", u16(1) + text("a") + u8(0), 0),
    "UNSUBSCRIBE": frame("unsubscribe", u16(1) + text("a"), 3),
    "PINGREQ": frame("pingreq", b"", 1), "DISCONNECT": frame("disconnect", b"", 4),
    "type 0": frame(0), "type 15": frame(15),
}


@statement("MQTT-2.2.2-1", "MQTT-2.2.2-2", "3.1.1")
@pytest.mark.parametrize("raw", RESERVED.values(), ids=RESERVED)
def test_MQTT311_2_2_2_2_reserved_flags_close(connect, raw):
    c = connect()
    c.send(raw)
    c.expect_close()


@statement("MQTT-2.3.1-1", "3.1.1")
@pytest.mark.parametrize("packet", [subscribe(0, "a"), unsubscribe(0, "a"),
                                    publish("a", qos=1, id=0), publish("a", qos=2, id=0)],
                         ids=["SUBSCRIBE", "UNSUBSCRIBE", "QoS 1", "QoS 2"])
def test_MQTT311_2_3_1_1_identifier_zero_closes(connect, packet):
    c = connect()
    c.send(packet)
    c.expect_close()


@statement("MQTT-2.3.1-4", "3.1.1")
def test_MQTT311_2_3_1_4_servers_identifiers_are_unused_ones(connect, topic):
    c, publisher = connect(), connect()
    c.subscribe((topic, 2))
    for number in range(20):
        publisher.publish(topic, str(number), qos=1 + number % 2)
    got = [c.expect(publish(topic, str(number), qos=1 + number % 2)) for number in range(20)]
    assert len({one.id for one in got}) == 20


@statement("MQTT-2.3.1-5", "3.1.1")
def test_MQTT311_2_3_1_5_qos_0_has_no_identifier(connect, topic):
    c = connect()
    c.subscribe(topic)
    c.send(frame("publish", text(topic) + b"whole payload"))
    c.expect(publish(topic, "whole payload"))


@statement("MQTT-2.3.1-6", "3.1.1")
def test_MQTT311_2_3_1_6_acknowledgements_carry_the_identifier(connect, topic):
    c = connect()
    c.send(publish(topic, qos=1, id=0x1234))
    c.expect(puback(0x1234))
    c.send(publish(topic, qos=2, id=0xFFFF))
    c.expect(pubrec(0xFFFF))
    c.send(pubrel(0xFFFF))
    c.expect(pubcomp(0xFFFF))


@statement("MQTT-2.3.1-7", "3.1.1")
def test_MQTT311_2_3_1_7_suback_and_unsuback_carry_the_identifier(connect, topic):
    c = connect()
    c.send(subscribe(0xABCD, topic))
    c.expect(suback(0xABCD, [0]))
    c.send(unsubscribe(0xFFFF, topic))
    c.expect(unsuback(0xFFFF))


BROKEN = {
    "PUBLISH empty": frame("publish"), "PUBLISH ends in the topic": frame("publish", u16(9) + b"a"),
    "PUBLISH without identifier": frame("publish", text("a"), 2),
    "PUBACK empty": frame("puback"), "PUBREC half": frame("pubrec", b"\0"),
    "PUBREL half": frame("pubrel", b"\0", 2), "PUBCOMP half": frame("pubcomp", b"\0"),
    "PUBACK too long": frame("puback", u16(1) + u8(0)),
    "SUBSCRIBE empty": frame("subscribe", b"", 2),
    "SUBSCRIBE without QoS": frame("subscribe", u16(1) + text("a"), 2),
    "SUBSCRIBE ends in the filter": frame("subscribe", u16(1) + u16(9) + b"a", 2),
    "UNSUBSCRIBE empty": frame("unsubscribe", b"", 2),
    "UNSUBSCRIBE ends in the filter": frame("unsubscribe", u16(1) + u16(9) + b"a", 2),
    "PINGREQ with a body": frame("pingreq", b"x"),
    "DISCONNECT with a body": frame("disconnect", b"\0"),
    "CONNACK": frame("connack", b"\0\0"), "SUBACK": frame("suback", u16(1) + b"\0"),
    "UNSUBACK": frame("unsuback", u16(1)), "PINGRESP": frame("pingresp"),
    "remaining length of five bytes": b"\x30\x80\x80\x80\x80\x01",
}


@statement("MQTT-4.8.0-1", "3.1.1")
@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN)
def test_MQTT311_4_8_0_1_malformed_packet_closes(connect, raw):
    c = connect()
    c.send(raw)
    c.expect_close()


@statement("MQTT-6.0.0-1", "3.1.1")
def test_MQTT311_6_0_0_1_text_frame_closes(connect):
    c = connect(web=True)
    c.stream.send_frame(websocket.TEXT, encode(pingreq(), V311))
    c.expect_close()


@statement("MQTT-6.0.0-2", "3.1.1")
def test_MQTT311_6_0_0_2_packets_and_frames_need_not_align(dial, name, topic):
    c = dial(web=True)
    raw = b"".join(encode(p, V311) for p in (connect_packet(name()), subscribe(1, topic),
                                             publish(topic, "x"), pingreq()))
    c.stream.send_frame(websocket.BINARY, raw[:3])
    c.stream.send_frame(websocket.BINARY, raw[3:-1])
    c.stream.send_frame(websocket.BINARY, raw[-1:])
    c.connack = c.expect(connack())
    c.expect(suback(1, [0]))
    c.expect_any_order(publish(topic, "x"), pingresp())


@statement("MQTT-6.0.0-4", "3.1.1")
def test_MQTT311_6_0_0_4_server_selects_mqtt(broker):
    stream = websocket.WebSocket(broker.websocket, protocols="mqtt")
    assert (stream.status, stream.headers["sec-websocket-protocol"]) == (101, "mqtt")
    stream.close()


@statement("MQTT-7.1.1-1", "3.1.1")
@pytest.mark.parametrize("web", [False, True], ids=["TCP", "WebSocket"])
def test_MQTT311_7_1_1_1_bytes_arrive_whole_and_in_order(connect, topic, web):
    c = connect(web=web)
    c.subscribe((topic, 1))
    payload = bytes(range(256)) * 100
    c.publish(topic, payload, qos=1)
    c.receive(publish(topic, payload, qos=1))
