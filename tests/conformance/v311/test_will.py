"""3.1.2.5 of MQTT 3.1.1: the will; 3.14: DISCONNECT; 3.12: PINGREQ."""

import pytest
from conformance.statement import statement
from wire.encoding import frame
from wire.packets import Will, pingreq, pingresp, publish


@pytest.fixture
def watcher(connect, topic):
    c = connect()
    c.subscribe((topic, 2))
    return c


@statement("MQTT-3.1.2-8", "3.1.1")
def test_MQTT311_3_1_2_8_will_is_published_when_the_network_fails(connect, topic, watcher):
    connect(will=Will(topic, "gone")).close()
    watcher.receive(publish(topic, "gone"))


@statement("MQTT-3.1.2-8", "3.1.1")
def test_MQTT311_3_1_2_8_protocol_error_publishes_it(connect, topic, watcher):
    c = connect(will=Will(topic, "broken"))
    c.send(frame("publish", b"\0"))
    c.expect_close()
    watcher.receive(publish(topic, "broken"))


@statement("MQTT-3.1.2-8", "3.1.1")
def test_MQTT311_3_1_2_8_takeover_publishes_it(connect, topic, watcher):
    old = connect(will=Will(topic, "taken over"))
    connect(old.client_id)
    old.expect_close()
    watcher.receive(publish(topic, "taken over"))


@statement("MQTT-3.1.2-9", "3.1.1")
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_MQTT311_3_1_2_9_will_has_its_qos(connect, topic, watcher, qos):
    connect(will=Will(topic, "w", qos=qos)).close()
    watcher.receive(publish(topic, "w", qos=qos))


@statement("MQTT-3.1.2-10", "MQTT-3.14.4-3", "3.1.1")
def test_MQTT311_3_1_2_10_disconnect_removes_the_will(connect, topic, watcher):
    connect(will=Will(topic, "must not appear")).disconnect()
    connect().publish(topic, "sentinel", qos=1)
    watcher.receive(publish(topic, "sentinel", qos=1))
    watcher.expect_nothing()


@statement("MQTT-3.1.2-10", "3.1.1")
def test_MQTT311_3_1_2_10_will_is_published_once(connect, topic, watcher):
    c = connect(will=Will(topic, "once"), clean_start=False)
    c.close()
    watcher.receive(publish(topic, "once"))
    connect(c.client_id, clean_start=False, session_present=True).close()
    connect(c.client_id, clean_start=False, session_present=True).disconnect()
    watcher.expect_nothing()


@statement("MQTT-3.1.2-12", "3.1.1")
def test_MQTT311_3_1_2_12_no_will_without_flag(connect, topic, watcher):
    c = connect(clean_start=False, will=Will(topic, "of the first connection"))
    c.disconnect()
    connect(c.client_id, clean_start=False, session_present=True).close()
    # The takeover shows that the broker has seen the end of the connection before.
    connect(c.client_id, clean_start=False, session_present=True)
    watcher.expect_nothing()


@statement("MQTT-3.1.2-16", "3.1.1")
def test_MQTT311_3_1_2_16_will_without_retain_is_not_kept(connect, topic, watcher):
    connect(will=Will(topic, "passing")).close()
    watcher.receive(publish(topic, "passing"))
    late = connect()
    late.subscribe(topic)
    late.expect_nothing()


@statement("MQTT-3.1.2-17", "3.1.1")
def test_MQTT311_3_1_2_17_will_with_retain_is_kept(connect, topic, watcher):
    connect(will=Will(topic, "kept", qos=1, retain=True)).close()
    watcher.receive(publish(topic, "kept", qos=1))
    late = connect()
    late.subscribe((topic, 1))
    late.receive(publish(topic, "kept", qos=1, retain=True))


@statement("MQTT-3.12.4-1", "3.1.1")
def test_MQTT311_3_12_4_1_pingreq_is_answered(connect):
    c = connect()
    c.send(pingreq(), pingreq())
    c.expect(pingresp(), pingresp())


@statement("MQTT-3.14.1-1", "3.1.1")
@pytest.mark.parametrize("flags", [1, 2, 15])
def test_MQTT311_3_14_1_1_disconnect_with_reserved_flags(connect, topic, watcher, flags):
    c = connect(will=Will(topic, "malformed"))
    c.send(frame("disconnect", b"", flags))
    c.expect_close()
    watcher.receive(publish(topic, "malformed"))
