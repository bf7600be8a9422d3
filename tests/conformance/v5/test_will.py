"""3.1.2.5 and 3.1.3.2: will messages, when they are published and with what."""

import time

import pytest
from conformance.statement import statement
from wire.encoding import frame
from wire.packets import Will, publish


@pytest.fixture
def watcher(connect, topic):
    """A subscriber of this test's topic at QoS 2 that sees the retain flag as published."""
    c = connect()
    c.subscribe((topic, 2))
    return c


@statement("MQTT-3.1.2-7", "MQTT-3.1.2-8", "5.0")
def test_MQTT_3_1_2_8_will_is_published_when_the_network_fails(connect, topic, watcher):
    connect(will=Will(topic, "gone")).close()
    watcher.receive(publish(topic, "gone"))


@statement("MQTT-3.1.2-8", "MQTT-3.1.2-10", "MQTT-3.14.4-3", "5.0")
def test_MQTT_3_1_2_10_normal_disconnect_removes_the_will(connect, topic, watcher):
    connect(will=Will(topic, "must not appear")).disconnect()
    connect().publish(topic, "sentinel", qos=1)
    watcher.receive(publish(topic, "sentinel", qos=1))
    watcher.expect_nothing()


@statement("MQTT-3.1.2-8", "5.0")
def test_MQTT_3_1_2_8_disconnect_with_will_publishes_it(connect, topic, watcher):
    connect(will=Will(topic, "asked for")).disconnect(0x04)
    watcher.receive(publish(topic, "asked for"))


@statement("MQTT-3.1.2-8", "5.0")
@pytest.mark.parametrize("reason", [0x80, 0x81, 0x83, 0x93, 0x97])
def test_MQTT_3_1_2_8_disconnect_with_an_error_publishes_it(connect, topic, watcher, reason):
    connect(will=Will(topic, "failed")).disconnect(reason)
    watcher.receive(publish(topic, "failed"))


@statement("MQTT-3.1.2-8", "5.0")
def test_MQTT_3_1_2_8_protocol_error_publishes_it(connect, topic, watcher):
    c = connect(will=Will(topic, "broken"))
    c.send(frame("publish", b"\x00"))
    c.expect_close(reason={0x81, 0x82})
    watcher.receive(publish(topic, "broken"))


@statement("MQTT-3.1.2-8", "5.0")
def test_MQTT_3_1_2_8_takeover_with_clean_start_publishes_it(connect, topic, watcher):
    old = connect(will=Will(topic, "taken over"))
    connect(old.client_id)
    old.expect_close(reason=0x8E)
    watcher.receive(publish(topic, "taken over"))


@statement("MQTT-3.1.2-10", "5.0")
def test_MQTT_3_1_2_10_will_is_published_once(connect, topic, watcher):
    c = connect(will=Will(topic, "once"), session_expiry_interval=100)
    c.close()
    watcher.receive(publish(topic, "once"))
    back = connect(c.client_id, clean_start=False, session_present=True,
                   session_expiry_interval=100)
    back.disconnect(0x04)
    connect(c.client_id, clean_start=False, session_present=True).disconnect()
    watcher.expect_nothing()


@statement("MQTT-3.1.2-9", "5.0")
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_MQTT_3_1_2_9_will_has_its_qos(connect, topic, watcher, qos):
    connect(will=Will(topic, "w", qos=qos)).disconnect(0x04)
    watcher.receive(publish(topic, "w", qos=qos))


@statement("MQTT-3.1.2-9", "5.0")
def test_MQTT_3_1_2_9_will_may_be_empty(connect, topic, watcher):
    connect(will=Will(topic, b"")).disconnect(0x04)
    watcher.receive(publish(topic, b""))


@statement("MQTT-3.1.2-14", "5.0")
def test_MQTT_3_1_2_14_will_without_retain_is_not_kept(connect, topic, watcher):
    connect(will=Will(topic, "passing", retain=False)).disconnect(0x04)
    watcher.receive(publish(topic, "passing"))
    late = connect()
    late.subscribe(topic)
    late.expect_nothing()


@statement("MQTT-3.1.2-15", "5.0")
def test_MQTT_3_1_2_15_will_with_retain_is_kept(connect, topic, watcher):
    connect(will=Will(topic, "kept", qos=1, retain=True)).disconnect(0x04)
    watcher.receive(publish(topic, "kept", qos=1))
    late = connect()
    late.subscribe((topic, 1))
    late.receive(publish(topic, "kept", qos=1, retain=True))


@statement("MQTT-3.1.3-10", "5.0")
def test_MQTT_3_1_3_10_properties_of_the_will_are_forwarded_in_order(connect, topic, watcher):
    pairs = [("b", "1"), ("a", "2"), ("b", "1"), ("", "")]
    connect(will=Will(topic, "w", payload_format_indicator=1, message_expiry_interval=60,
                      content_type="text/plain", response_topic="answers/here",
                      correlation_data=b"\x00\x01", user_property=pairs)).disconnect(0x04)
    watcher.receive(publish(topic, "w", payload_format_indicator=1,
                            message_expiry_interval={58, 59, 60}, content_type="text/plain",
                            response_topic="answers/here", correlation_data=b"\x00\x01",
                            user_property=pairs))


@statement("MQTT-3.1.2-8", "5.0")
def test_MQTT_3_1_2_8_will_waits_for_its_delay(connect, topic, watcher):
    c = connect(will=Will(topic, "delayed", will_delay_interval=1), session_expiry_interval=100)
    began = time.monotonic()
    c.close()
    watcher.receive(publish(topic, "delayed"))
    assert time.monotonic() - began >= 0.9


@statement("MQTT-3.1.2-8", "5.0")
@pytest.mark.parametrize("expiry", [0, 1])
def test_MQTT_3_1_2_8_end_of_the_session_ends_the_delay(connect, topic, watcher, expiry):
    c = connect(will=Will(topic, "session ended", will_delay_interval=600),
                session_expiry_interval=expiry)
    c.close()
    watcher.receive(publish(topic, "session ended"))


@statement("MQTT-3.1.3-9", "5.0")
def test_MQTT_3_1_3_9_reconnect_within_the_delay_keeps_the_will_back(connect, topic, watcher):
    c = connect(will=Will(topic, "must not appear", will_delay_interval=1),
                session_expiry_interval=100)
    c.close()
    back = connect(c.client_id, clean_start=False, session_present=True,
                   session_expiry_interval=100)
    # The end of a second will with the same delay lies after the end of the first.
    other = connect(will=Will(topic, "later", will_delay_interval=2), session_expiry_interval=100)
    other.close()
    watcher.receive(publish(topic, "later"))
    back.ping()


@statement("MQTT-3.1.3-9", "5.0")
def test_MQTT_3_1_3_9_will_of_the_new_connection_replaces_the_old(connect, topic, watcher):
    c = connect(will=Will(topic, "old", will_delay_interval=600), session_expiry_interval=100)
    c.close()
    back = connect(c.client_id, clean_start=False, session_present=True,
                   session_expiry_interval=100, will=Will(topic, "new"))
    back.disconnect(0x04)
    watcher.receive(publish(topic, "new"))
    watcher.expect_nothing()
