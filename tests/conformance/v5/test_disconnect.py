"""3.14: DISCONNECT in both directions."""

import pytest
from conformance.statement import statement
from wire.encoding import frame, u8
from wire.packets import Will, connect_packet, disconnect, pingreq, publish


@statement("MQTT-3.14.0-1", "5.0")
@pytest.mark.parametrize("packet", [pingreq(), publish("a", "x"),
                                    connect_packet("x", authentication_method="none such")],
                         ids=lambda p: p.kind.upper())
def test_MQTT_3_14_0_1_no_disconnect_before_connack(dial, packet):
    c = dial()
    c.send(packet)
    c.expect_close()  # refuses a DISCONNECT on a connection that was never accepted


@statement("MQTT-3.14.1-1", "5.0")
@pytest.mark.parametrize("flags", [1, 2, 8, 15])
def test_MQTT_3_14_1_1_disconnect_with_reserved_flags(connect, topic, flags):
    watcher = connect()
    watcher.subscribe(topic)
    c = connect(will=Will(topic, "malformed"))
    c.send(frame("disconnect", b"", flags))
    c.expect_close(reason={0x81, 0x82})
    watcher.receive(publish(topic, "malformed"))


@statement("MQTT-3.14.2-1", "5.0")
@pytest.mark.parametrize("reason", [0x01, 0x10, 0x7F, 0x8D, 0xFF])
def test_MQTT_3_14_2_1_disconnect_with_a_code_of_another_packet_ends_too(connect, reason):
    c = connect()
    c.send(frame("disconnect", u8(reason)))
    said = c.expect_close()
    assert said is None or said.reason in (0x81, 0x82)


@statement("MQTT-3.14.2-2", "MQTT-3.14.2-3", "MQTT-3.14.2-4", "5.0")
def test_MQTT_3_14_2_2_disconnect_by_the_server_is_well_formed(connect):
    # The parser refuses a session expiry interval in it, the client one above its maximum.
    c = connect(maximum_packet_size=32)
    c.send(connect_packet(c.client_id))
    c.expect_close(reason=0x82)


@statement("MQTT-3.14.2-2", "5.0")
def test_MQTT_3_14_2_2_expiry_of_zero_cannot_be_raised(connect):
    c = connect(session_expiry_interval=0)
    c.send(disconnect(0, session_expiry_interval=100))
    c.expect_close(reason=0x82)
    connect(c.client_id, clean_start=False, session_present=False)


@statement("MQTT-3.14.4-1", "MQTT-3.14.4-2", "5.0")
def test_MQTT_3_14_4_1_server_sends_nothing_after_its_disconnect(connect, topic):
    c, publisher = connect(), connect()
    c.subscribe(topic)
    c.send(connect_packet(c.client_id))
    for _ in range(10):
        publisher.publish(topic, "x")
    end_of(c)


def end_of(client):
    """Reads to the end; whatever follows a DISCONNECT is wrong."""
    said = None
    try:
        while True:
            packet = client.next_packet()
            assert said is None, f"{packet} after {said}"
            said = packet if packet.kind == "disconnect" else None
    except AssertionError as ended:
        assert "closed" in str(ended) or "reset" in str(ended), ended


@statement("MQTT-3.14.4-3", "5.0")
@pytest.mark.parametrize("raw", [frame("disconnect"), frame("disconnect", u8(0)),
                                 frame("disconnect", u8(0) + u8(0))],
                         ids=["short", "reason", "reason and properties"])
def test_MQTT_3_14_4_3_normal_disconnect_discards_the_will(connect, topic, raw):
    watcher = connect()
    watcher.subscribe((topic, 1))
    c = connect(will=Will(topic, "must not appear"))
    c.send(raw)
    c.disconnect()
    connect().publish(topic, "sentinel", qos=1)
    watcher.receive(publish(topic, "sentinel", qos=1))
    watcher.expect_nothing()


def test_nothing_after_a_disconnect_is_processed(connect, topic):
    watcher = connect()
    watcher.subscribe((topic, 1))
    c = connect()
    c.send(disconnect(), publish(topic, "too late"))
    c.disconnect()
    connect().publish(topic, "sentinel", qos=1)
    watcher.receive(publish(topic, "sentinel", qos=1))
    watcher.expect_nothing()
