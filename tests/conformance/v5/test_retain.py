"""3.3.1.3: the RETAIN flag, retained messages, retain handling, retain as published."""

import pytest
from conformance.statement import statement
from wire.packets import options, publish


@pytest.fixture
def publisher(connect):
    return connect()


def latecomer(connect, topic, qos=1, **fields):
    c = connect()
    c.subscribe((topic, options(qos, **fields)))
    return c


@statement("MQTT-3.3.1-5", "MQTT-3.3.1-9", "5.0")
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_MQTT_3_3_1_5_retained_message_is_stored_with_its_qos(connect, publisher, topic, qos):
    publisher.publish(topic, "kept", qos=qos, retain=True)
    publisher.publish(topic + "/other", "x", qos=1)
    c = latecomer(connect, topic, qos=2)
    c.receive(publish(topic, "kept", qos=qos, retain=True))


@statement("MQTT-3.3.1-5", "5.0")
def test_MQTT_3_3_1_5_new_retained_message_replaces_the_old(connect, publisher, topic):
    publisher.publish(topic, "first", qos=1, retain=True)
    publisher.publish(topic, "second", qos=1, retain=True)
    c = latecomer(connect, topic)
    c.receive(publish(topic, "second", qos=1, retain=True))
    c.expect_nothing()


@statement("MQTT-3.3.1-5", "5.0")
def test_MQTT_3_3_1_5_retained_message_keeps_its_properties(connect, publisher, topic):
    publisher.publish(topic, "kept", qos=1, retain=True, content_type="t", response_topic="r",
                      correlation_data="c", payload_format_indicator=1,
                      user_property=[("a", "1"), ("a", "0")])
    c = latecomer(connect, topic)
    c.receive(publish(topic, "kept", qos=1, retain=True, content_type="t", response_topic="r",
                      correlation_data="c", payload_format_indicator=1,
                      user_property=[("a", "1"), ("a", "0")]))


@statement("MQTT-3.3.1-6", "MQTT-3.3.1-7", "5.0")
def test_MQTT_3_3_1_6_empty_payload_removes_and_is_forwarded(connect, publisher, topic):
    publisher.publish(topic, "kept", qos=1, retain=True)
    present = latecomer(connect, topic)
    present.receive(publish(topic, "kept", qos=1, retain=True))
    publisher.publish(topic, "", qos=1, retain=True)
    present.receive(publish(topic, "", qos=1))
    latecomer(connect, topic).expect_nothing()


@statement("MQTT-3.3.1-7", "5.0")
def test_MQTT_3_3_1_7_empty_payload_is_not_stored(connect, publisher, topic):
    publisher.publish(topic, "", qos=1, retain=True)
    latecomer(connect, topic).expect_nothing()


@statement("MQTT-3.3.1-8", "5.0")
def test_MQTT_3_3_1_8_ordinary_message_is_not_stored(connect, publisher, topic):
    publisher.publish(topic, "passing", qos=1)
    latecomer(connect, topic).expect_nothing()


@statement("MQTT-3.3.1-8", "5.0")
@pytest.mark.parametrize("payload", ["passing", ""])
def test_MQTT_3_3_1_8_ordinary_message_leaves_the_retained_one(connect, publisher, topic, payload):
    publisher.publish(topic, "kept", qos=1, retain=True)
    publisher.publish(topic, payload, qos=1)
    latecomer(connect, topic).receive(publish(topic, "kept", qos=1, retain=True))


@statement("MQTT-3.3.1-9", "5.0")
def test_MQTT_3_3_1_9_handling_0_sends_at_every_subscribe(connect, publisher, topic):
    publisher.publish(topic, "kept", qos=1, retain=True)
    c = latecomer(connect, topic)
    c.receive(publish(topic, "kept", qos=1, retain=True))
    c.subscribe((topic, 1))
    c.receive(publish(topic, "kept", qos=1, retain=True))


@statement("MQTT-3.3.1-9", "5.0")
def test_MQTT_3_3_1_9_wildcards_get_every_match(connect, publisher, name):
    base = name("base")
    for level in ("a", "a/b", "a/c", "b"):
        publisher.publish(f"{base}/{level}", level, qos=1, retain=True)
    c = latecomer(connect, f"{base}/a/#")
    c.expect_any_order(*[publish(f"{base}/{level}", level, qos=1, retain=True)
                         for level in ("a", "a/b", "a/c")])
    c = latecomer(connect, f"{base}/+")
    c.expect_any_order(*[publish(f"{base}/{level}", level, qos=1, retain=True)
                         for level in ("a", "b")])
    c.expect_nothing()


@statement("MQTT-3.3.1-10", "5.0")
def test_MQTT_3_3_1_10_handling_1_sends_to_new_subscriptions_only(connect, publisher, topic):
    publisher.publish(topic, "kept", qos=1, retain=True)
    c = latecomer(connect, topic, retain_handling=1)
    c.receive(publish(topic, "kept", qos=1, retain=True))
    c.subscribe((topic, options(1, retain_handling=1)))
    c.expect_nothing()
    c.unsubscribe(topic)
    c.subscribe((topic, options(1, retain_handling=1)))
    c.receive(publish(topic, "kept", qos=1, retain=True))


@statement("MQTT-3.3.1-11", "5.0")
def test_MQTT_3_3_1_11_handling_2_sends_none(connect, publisher, topic):
    publisher.publish(topic, "kept", qos=1, retain=True)
    c = latecomer(connect, topic, retain_handling=2)
    publisher.publish(topic, "live", qos=1)
    c.receive(publish(topic, "live", qos=1))
    c.expect_nothing()


@statement("MQTT-3.3.1-12", "5.0")
@pytest.mark.parametrize("retain", [False, True])
def test_MQTT_3_3_1_12_flag_is_cleared_when_forwarded(connect, publisher, topic, retain):
    c = latecomer(connect, topic, retain_as_published=False)
    publisher.publish(topic, "live", qos=1, retain=retain)
    c.receive(publish(topic, "live", qos=1, retain=False))


@statement("MQTT-3.3.1-13", "5.0")
@pytest.mark.parametrize("retain", [False, True])
def test_MQTT_3_3_1_13_retain_as_published_keeps_the_flag(connect, publisher, topic, retain):
    c = latecomer(connect, topic, retain_as_published=True)
    publisher.publish(topic, "live", qos=1, retain=retain)
    c.receive(publish(topic, "live", qos=1, retain=retain))


@statement("MQTT-3.3.1-9", "5.0")
@pytest.mark.parametrize("as_published", [False, True])
def test_MQTT_3_3_1_9_retained_message_has_the_flag_for_a_new_subscription(
        connect, publisher, topic, as_published):
    publisher.publish(topic, "kept", qos=1, retain=True)
    c = latecomer(connect, topic, retain_as_published=as_published)
    c.receive(publish(topic, "kept", qos=1, retain=True))


def test_retained_messages_outlive_the_session_of_their_publisher(connect, topic):
    publisher = connect()
    publisher.publish(topic, "kept", qos=1, retain=True)
    publisher.disconnect()
    connect(publisher.client_id)
    latecomer(connect, topic).receive(publish(topic, "kept", qos=1, retain=True))


def test_retained_messages_are_not_sent_to_shared_subscriptions(connect, publisher, topic):
    publisher.publish(topic, "kept", qos=1, retain=True)
    c = connect()
    c.subscribe((f"$share/group/{topic}", 1))
    c.expect_nothing()
