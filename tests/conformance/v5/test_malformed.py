"""4.13: malformed packets and protocol errors, for each packet that a client sends."""

import pytest
from conformance.statement import statement
from wire.encoding import encode, frame, property_field, text, u8, u16, u32, variable
from wire.packets import (connack, connect_packet, disconnect, pingreq, pingresp, publish, suback,
                          subscribe)


def connect_with(properties=b"", flags=2, payload=text("malformed")):
    return frame("connect", text("MQTT") + u8(5) + u8(flags) + u16(60) +
                 property_field(raw=properties) + payload)


BROKEN_CONNECT = {
    "empty": frame("connect"),
    "ends in the name": frame("connect", u16(4) + b"MQ"),
    "ends before the flags": frame("connect", text("MQTT") + u8(5)),
    "ends in the keep alive": frame("connect", text("MQTT") + u8(5) + u8(2) + u8(0)),
    "no properties": frame("connect", text("MQTT") + u8(5) + u8(2) + u16(60)),
    "property length too long": frame("connect", text("MQTT") + u8(5) + u8(2) + u16(60) +
                                      variable(200) + text("x")),
    "ends in the client id": connect_with(payload=u16(10) + b"short"),
    "bytes after the payload": connect_with(payload=text("x") + b"more"),
    "unknown property": connect_with(b"\x7f\x00"),
    "property of another packet": connect_with(b"\x23" + u16(1)),
    "session expiry twice": connect_with((b"\x11" + u32(10)) * 2),
    "receive maximum twice": connect_with((b"\x21" + u16(10)) * 2),
    "receive maximum 0": connect_with(b"\x21" + u16(0)),
    "maximum packet size 0": connect_with(b"\x27" + u32(0)),
    "request problem information 2": connect_with(b"\x17\x02"),
    "request response information 2": connect_with(b"\x19\x02"),
    "authentication data without method": connect_with(b"\x16" + u16(1) + b"x"),
    "will delay outside the will": connect_with(b"\x18" + u32(1)),
    "property cut short": connect_with(b"\x11\x00"),
}


@statement("MQTT-3.1.4-1", "MQTT-4.13.1-1", "MQTT-4.13.2-1", "5.0")
@pytest.mark.parametrize("raw", BROKEN_CONNECT.values(), ids=BROKEN_CONNECT)
def test_MQTT_3_1_4_1_broken_connect_closes(dial, raw):
    c = dial()
    c.send(raw)
    c.expect_close(reason={0x80, 0x81, 0x82, 0x8C})


BROKEN_LATER = {
    "PUBLISH empty": frame("publish"),
    "PUBLISH ends in the topic": frame("publish", u16(10) + b"short"),
    "PUBLISH ends before the identifier": frame("publish", text("a") + b"\x00", 2),
    "PUBLISH property length too long": frame("publish", text("a") + variable(50) + b"x"),
    "PUBLISH unknown property": frame("publish", text("a") + property_field(raw=b"\x7f\x01")),
    "PUBLISH property of CONNECT": frame("publish", text("a") +
                                         property_field(raw=b"\x11" + u32(1))),
    "PUBLISH content type twice": frame("publish", text("a") +
                                        property_field(raw=(b"\x03" + text("x")) * 2)),
    "PUBLISH expiry twice": frame("publish", text("a") +
                                  property_field(raw=(b"\x02" + u32(9)) * 2)),
    "PUBLISH payload format 2": frame("publish", text("a") + property_field(raw=b"\x01\x02")),
    "PUBACK empty": frame("puback"),
    "PUBACK half an identifier": frame("puback", b"\x01"),
    "PUBREC half an identifier": frame("pubrec", b"\x01"),
    "PUBREL half an identifier": frame("pubrel", b"\x01", 2),
    "PUBREL property length too long": frame("pubrel", u16(1) + u8(0) + variable(9), 2),
    "PUBCOMP half an identifier": frame("pubcomp", b"\x01"),
    "SUBSCRIBE empty": frame("subscribe", b"", 2),
    "SUBSCRIBE ends before the options": frame("subscribe", u16(1) + u8(0) + text("a"), 2),
    "SUBSCRIBE ends in the filter": frame("subscribe", u16(1) + u8(0) + u16(9) + b"a", 2),
    "SUBSCRIBE identifier 0 of subscription": frame(
        "subscribe", u16(1) + property_field(raw=b"\x0b\x00") + text("a") + u8(0), 2),
    "SUBSCRIBE two subscription identifiers": frame(
        "subscribe", u16(1) + property_field(raw=b"\x0b\x01\x0b\x02") + text("a") + u8(0), 2),
    "SUBSCRIBE property of PUBLISH": frame(
        "subscribe", u16(1) + property_field(raw=b"\x23" + u16(1)) + text("a") + u8(0), 2),
    "UNSUBSCRIBE empty": frame("unsubscribe", b"", 2),
    "UNSUBSCRIBE ends in the filter": frame("unsubscribe", u16(1) + u8(0) + u16(9) + b"a", 2),
    "PINGREQ with a body": frame("pingreq", b"x"),
    "DISCONNECT property length too long": frame("disconnect", u8(0) + variable(9)),
    "DISCONNECT unknown property": frame("disconnect", u8(0) + property_field(raw=b"\x7f\x01")),
    "DISCONNECT expiry twice": frame("disconnect", u8(0) +
                                     property_field(raw=(b"\x11" + u32(0)) * 2)),
    "CONNACK": frame("connack", b"\x00\x00\x00"),
    "SUBACK": frame("suback", u16(1) + b"\x00\x00"),
    "UNSUBACK": frame("unsuback", u16(1) + b"\x00\x00"),
    "PINGRESP": frame("pingresp"),
}


@statement("MQTT-4.13.1-1", "5.0")
@pytest.mark.parametrize("raw", BROKEN_LATER.values(), ids=BROKEN_LATER)
def test_MQTT_4_13_1_1_malformed_packet_closes(connect, raw):
    c = connect()
    c.send(raw)
    c.expect_close(reason={0x81, 0x82, 0x90, 0x8F})


@statement("MQTT-4.13.2-1", "5.0")
def test_MQTT_4_13_2_1_connection_closes_after_an_error_reason(connect, topic):
    c = connect()
    c.send(publish(topic + "/#", "wildcard"), pingreq())
    c.expect_close(reason={0x81, 0x82, 0x90})


@statement("MQTT-4.13.2-1", "5.0")
def test_MQTT_4_13_2_1_an_error_leaves_other_connections_alone(connect, topic):
    healthy, broken = connect(), connect()
    healthy.subscribe((topic, 1))
    broken.send(frame("publish", b"\x00"))
    broken.expect_close(reason={0x81, 0x82})
    healthy.publish(topic, "still here", qos=1)
    healthy.receive(publish(topic, "still here", qos=1))


@statement("MQTT-3.2.2-15", "5.0")
def test_MQTT_3_2_2_15_packet_above_the_servers_maximum_closes(start_broker, connect, topic):
    small = start_broker(maximum_packet_size=1000)
    c = connect(to=small)
    assert c.connack.property("maximum_packet_size") == 1000
    overhead = 2 + 1 + 2 + len(topic) + 1
    c.subscribe(topic)
    c.send(publish(topic, b"x" * (1000 - overhead)))
    c.expect(publish(topic, b"x" * (1000 - overhead)))
    c.send(publish(topic, b"x" * (1001 - overhead)))
    c.expect_close(reason=0x95)


def test_packets_may_arrive_byte_by_byte(dial, name, topic):
    c = dial()
    for byte in encode(connect_packet(name("bytes")), 5):
        c.send(bytes([byte]))
    c.connack = c.expect(connack())
    for packet in (subscribe(1, topic), publish(topic, "slowly")):
        for byte in encode(packet, 5):
            c.send(bytes([byte]))
    c.expect(suback(1, [0]), publish(topic, "slowly"))


def test_many_packets_may_arrive_in_one_read(dial, name, topic):
    c = dial()
    c.send(connect_packet(name("burst")), subscribe(1, topic), publish(topic, "1"), pingreq(),
           publish(topic, "2"), disconnect())
    c.connack = c.expect(connack())
    c.expect(suback(1, [0]))
    seen = []
    try:
        while True:
            seen.append(c.next_packet().kind)
    except AssertionError:
        pass
    assert set(seen) <= {"publish", "pingresp"}
    assert pingresp().kind in seen
