"""Chapter 6: MQTT over WebSocket."""

import pytest
from conformance.statement import statement
from wire import websocket
from wire.encoding import encode
from wire.packets import connack, connect_packet, pingresp, publish, suback, subscribe
from wire.packets import pingreq


@statement("MQTT-6.0.0-1", "5.0")
def test_MQTT_6_0_0_1_binary_frames_carry_mqtt(connect, topic):
    c = connect(web=True)  # refuses anything but binary frames
    c.subscribe((topic, 2))
    c.publish(topic, "x", qos=2)
    c.receive(publish(topic, "x", qos=2))
    c.disconnect()


@statement("MQTT-6.0.0-1", "5.0")
@pytest.mark.parametrize("connected", [False, True])
def test_MQTT_6_0_0_1_text_frame_closes(connect, dial, name, connected):
    c = connect(web=True) if connected else dial(web=True)
    packet = pingreq() if connected else connect_packet(name())
    c.stream.send_frame(websocket.TEXT, encode(packet, 5))
    said = c.expect_close()
    assert said is None or said.reason >= 0x80


@statement("MQTT-6.0.0-2", "5.0")
def test_MQTT_6_0_0_2_many_packets_in_one_frame(dial, name, topic):
    c = dial(web=True)
    c.send(connect_packet(name()), subscribe(1, topic), publish(topic, "x"), pingreq())
    c.connack = c.expect(connack())
    c.expect(suback(1, [0]))
    c.expect_any_order(publish(topic, "x"), pingresp())


@statement("MQTT-6.0.0-2", "5.0")
@pytest.mark.parametrize("size", [1, 2, 7])
def test_MQTT_6_0_0_2_one_packet_in_many_frames(dial, name, topic, size):
    c = dial(web=True)
    raw = b"".join(encode(p, 5) for p in (connect_packet(name()), subscribe(1, topic),
                                          publish(topic, "in pieces")))
    for at in range(0, len(raw), size):
        c.stream.send_frame(websocket.BINARY, raw[at:at + size])
    c.connack = c.expect(connack())
    c.expect(suback(1, [0]), publish(topic, "in pieces"))


@statement("MQTT-6.0.0-2", "5.0")
def test_MQTT_6_0_0_2_message_of_several_fragments(dial, name):
    c = dial(web=True)
    raw = encode(connect_packet(name()), 5)
    c.stream.send_frame(websocket.BINARY, raw[:5], final=False)
    c.stream.send_frame(websocket.PING, b"between")
    c.stream.send_frame(websocket.CONTINUATION, raw[5:9], final=False)
    c.stream.send_frame(websocket.CONTINUATION, raw[9:])
    c.expect(connack())


@statement("MQTT-6.0.0-2", "5.0")
def test_MQTT_6_0_0_2_large_messages(connect, topic):
    c = connect(web=True)
    c.subscribe((topic, 1))
    for size in (125, 126, 65_535, 65_536, 300_000):
        c.publish(topic, b"x" * size, qos=1)
        c.receive(publish(topic, b"x" * size, qos=1))


@statement("MQTT-6.0.0-4", "5.0")
@pytest.mark.parametrize("offered", ["mqtt", "mqtt, other", "other, mqtt"])
def test_MQTT_6_0_0_4_server_selects_mqtt(broker, offered):
    stream = websocket.WebSocket(broker.websocket, protocols=offered)
    assert stream.status == 101
    assert stream.headers["sec-websocket-protocol"] == "mqtt"
    stream.close()


@statement("MQTT-6.0.0-3", "5.0")
@pytest.mark.parametrize("offered", ["other", None])
def test_MQTT_6_0_0_3_server_selects_nothing_that_was_not_offered(broker, offered):
    try:
        stream = websocket.WebSocket(broker.websocket, protocols=offered)
    except (websocket.Refused, ConnectionResetError):
        return
    assert stream.status != 101 or "sec-websocket-protocol" not in stream.headers
    stream.close()


@pytest.mark.parametrize("version", [3, 4, 5])
def test_every_version_works_over_websocket(connect, topic, version):
    c = connect(version=version, web=True)
    c.subscribe((topic, 1))
    c.publish(topic, "x", qos=1)
    c.receive(publish(topic, "x", qos=1))
