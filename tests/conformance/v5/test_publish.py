"""3.3: PUBLISH, its flags, topic and properties."""

import time

import pytest
from conformance.statement import statement
from wire.encoding import frame, property_field, text, u16
from wire.packets import (options, puback, pubcomp, publish, pubrec, pubrel, suback,
                          subscribe)


@pytest.fixture
def subscriber(connect, topic):
    c = connect()
    c.subscribe((topic, 2))
    return c


@pytest.fixture
def publisher(connect):
    return connect()


@statement("MQTT-3.3.1-1", "5.0")
@pytest.mark.parametrize("qos", [1, 2])
def test_MQTT_3_3_1_1_redelivery_sets_dup(connect, publisher, topic, qos):
    c = connect(session_expiry_interval=100)
    c.subscribe((topic, qos))
    publisher.publish(topic, "again", qos=qos)
    first = c.expect(publish(topic, "again", qos=qos, dup=False))
    c.close()
    c = connect(c.client_id, clean_start=False, session_present=True)
    c.receive(publish(topic, "again", qos=qos, id=first.id, dup=True))


@statement("MQTT-3.3.1-2", "5.0")
def test_MQTT_3_3_1_2_dup_of_qos_0_is_refused_or_cleared(publisher, subscriber, topic):
    publisher.send(frame("publish", text(topic) + property_field() + b"dup", flags=0x08))
    publisher.send(publish(topic, "sentinel", qos=1, id=1))
    got = subscriber_view(publisher)
    if got == "refused":
        subscriber.expect_nothing()
    else:
        subscriber.expect(publish(topic, "dup", qos=0, dup=False))


def subscriber_view(publisher):
    """Whether the broker took the packet or closed the publisher."""
    try:
        publisher.expect(puback(1))
    except AssertionError:
        return "refused"
    return "taken"


@statement("MQTT-3.3.1-3", "5.0")
@pytest.mark.parametrize("qos", [1, 2])
def test_MQTT_3_3_1_3_dup_is_not_passed_on(publisher, subscriber, topic, qos):
    publisher.send(publish(topic, "first", qos=qos, id=7, dup=True))
    if qos == 1:
        publisher.expect(puback(7))
    else:
        publisher.expect(pubrec(7))
        publisher.send(pubrel(7))
        publisher.expect(pubcomp(7))
    subscriber.receive(publish(topic, "first", qos=qos, dup=False))


@statement("MQTT-3.3.1-4", "5.0")
def test_MQTT_3_3_1_4_qos_3_closes(connect, topic):
    c = connect()
    c.send(frame("publish", text(topic) + u16(1) + property_field(), flags=0x06))
    c.expect_close(reason={0x81, 0x82})


@statement("MQTT-3.3.2-1", "5.0")
@pytest.mark.parametrize("body", [u16(2) + b"\xc3\x28" + b"\x00", u16(0) + b"\x00x"],
                         ids=["not UTF-8", "empty without alias"])
def test_MQTT_3_3_2_1_topic_must_be_there_and_well_formed(connect, body):
    c = connect()
    c.send(frame("publish", body))
    c.expect_close(reason={0x81, 0x82, 0x90})


@statement("MQTT-3.3.2-2", "MQTT-4.7.0-1", "5.0")
@pytest.mark.parametrize("ending", ["/#", "/+", "/+/x", "a#b", "a+b"])
def test_MQTT_3_3_2_2_wildcard_in_a_topic_name_closes(connect, topic, ending):
    c = connect()
    c.send(publish(topic + ending, "x"))
    c.expect_close(reason={0x81, 0x82, 0x90})


@statement("MQTT-3.3.2-3", "5.0")
@pytest.mark.parametrize("pattern", ["{0}/b/c", "{0}/+/c", "{0}/#", "+/b/c"])
def test_MQTT_3_3_2_3_topic_name_matches_the_filter(connect, publisher, name, pattern):
    root = name("root")
    c = connect()
    c.subscribe((pattern.format(root), 1))
    publisher.publish(f"{root}/b/c", "x", qos=1)
    c.receive(publish(f"{root}/b/c", "x", qos=1))


@statement("MQTT-3.3.2-4", "5.0")
@pytest.mark.parametrize("indicator", [0, 1, None])
def test_MQTT_3_3_2_4_payload_format_is_passed_on(publisher, subscriber, topic, indicator):
    given = {} if indicator is None else {"payload_format_indicator": indicator}
    publisher.publish(topic, "text", qos=1, **given)
    got = subscriber.receive(publish(topic, "text", qos=1))
    assert (got.property("payload_format_indicator") or 0) == (indicator or 0)


@statement("MQTT-3.3.2-5", "5.0")
def test_MQTT_3_3_2_5_expired_message_is_not_delivered(connect, publisher, topic):
    c = connect(session_expiry_interval=100)
    c.subscribe((topic, 1))
    c.disconnect()
    publisher.publish(topic, "short-lived", qos=1, message_expiry_interval=1)
    publisher.publish(topic, "lasting", qos=1)
    time.sleep(2.1)
    c = connect(c.client_id, clean_start=False, session_present=True)
    c.receive(publish(topic, "lasting", qos=1))
    c.expect_nothing()


@statement("MQTT-3.3.2-5", "5.0")
def test_MQTT_3_3_2_5_expired_retained_message_is_not_sent(connect, publisher, topic):
    publisher.publish(topic, "short-lived", qos=1, retain=True, message_expiry_interval=1)
    time.sleep(2.1)
    c = connect()
    c.subscribe((topic, 1))
    c.expect_nothing()


@statement("MQTT-3.3.2-6", "5.0")
def test_MQTT_3_3_2_6_expiry_is_reduced_by_the_wait(connect, publisher, topic):
    away, late = connect(session_expiry_interval=100), connect()
    away.subscribe((topic, 1))
    away.disconnect()
    publisher.publish(topic, "waits", qos=1, retain=True, message_expiry_interval=100)
    time.sleep(1.1)
    away = connect(away.client_id, clean_start=False, session_present=True)
    away.receive(publish(topic, "waits", qos=1, message_expiry_interval={97, 98, 99}))
    late.subscribe((topic, 1))
    late.receive(publish(topic, "waits", qos=1, retain=True, message_expiry_interval={97, 98, 99}))


@statement("MQTT-3.3.2-6", "5.0")
def test_MQTT_3_3_2_6_expiry_of_a_message_that_does_not_wait(publisher, subscriber, topic):
    publisher.publish(topic, "now", qos=1, message_expiry_interval=100)
    subscriber.receive(publish(topic, "now", qos=1, message_expiry_interval={99, 100}))


@statement("MQTT-3.3.2-13", "5.0")
def test_MQTT_3_3_2_13_response_topic_that_is_not_utf8_closes(connect, topic):
    c = connect()
    c.send(publish(topic, response_topic=b"\xc3\x28"))
    c.expect_close(reason={0x81, 0x82, 0x90})


@statement("MQTT-3.3.2-14", "5.0")
@pytest.mark.parametrize("wrong", ["answers/#", "answers/+", "a+b"])
def test_MQTT_3_3_2_14_wildcard_in_the_response_topic_closes(connect, topic, wrong):
    c = connect()
    c.send(publish(topic, response_topic=wrong))
    c.expect_close(reason={0x81, 0x82, 0x90})


@statement("MQTT-3.3.2-15", "MQTT-3.3.2-16", "5.0")
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_MQTT_3_3_2_15_request_properties_are_passed_on(publisher, subscriber, topic, qos):
    publisher.publish(topic, "question", qos=qos, response_topic="answers/é",
                      correlation_data=bytes(range(256)))
    subscriber.receive(publish(topic, "question", qos=qos, response_topic="answers/é",
                               correlation_data=bytes(range(256))))


@statement("MQTT-3.3.2-17", "MQTT-3.3.2-18", "5.0")
def test_MQTT_3_3_2_17_user_properties_are_passed_on_in_order(publisher, subscriber, topic):
    pairs = [("z", "1"), ("a", "2"), ("z", "1"), ("", ""), ("é", "\U0001f600"), ("a", "0")]
    publisher.publish(topic, "x", qos=2, user_property=pairs)
    subscriber.receive(publish(topic, "x", qos=2, user_property=pairs))


@statement("MQTT-3.3.2-17", "5.0")
def test_MQTT_3_3_2_17_user_properties_wait_with_the_message(connect, publisher, topic):
    c = connect(session_expiry_interval=100)
    c.subscribe((topic, 1))
    c.disconnect()
    publisher.publish(topic, "x", qos=1, user_property=[("k", "2"), ("k", "1")], content_type="t")
    c = connect(c.client_id, clean_start=False, session_present=True)
    c.receive(publish(topic, "x", qos=1, user_property=[("k", "2"), ("k", "1")], content_type="t"))


@statement("MQTT-3.3.2-19", "5.0")
def test_MQTT_3_3_2_19_content_type_that_is_not_utf8_closes(connect, topic):
    c = connect()
    c.send(publish(topic, content_type=b"\xc3\x28"))
    c.expect_close(reason={0x81, 0x82})


@statement("MQTT-3.3.2-20", "5.0")
def test_MQTT_3_3_2_20_content_type_is_passed_on(publisher, subscriber, topic):
    publisher.publish(topic, "x", qos=1, content_type="application/vnd.é+json")
    subscriber.receive(publish(topic, "x", qos=1, content_type="application/vnd.é+json"))


@statement("MQTT-3.3.4-1", "5.0")
def test_MQTT_3_3_4_1_answer_depends_on_qos(connect, topic):
    c = connect()
    c.send(publish(topic, "0", qos=0))
    c.expect_nothing()
    c.send(publish(topic, "1", qos=1, id=1))
    c.expect(puback(1))
    c.send(publish(topic, "2", qos=2, id=2))
    c.expect(pubrec(2))


@statement("MQTT-3.3.4-2", "5.0")
def test_MQTT_3_3_4_2_overlapping_subscriptions_give_the_highest_qos(connect, publisher, name):
    room = name("room")
    c = connect()
    c.subscribe((f"{room}/a", 0), (f"{room}/+", 2), (f"{room}/#", 1))
    publisher.publish(f"{room}/a", "x", qos=2)
    copies = gather(c)
    assert max(copy.qos for copy in copies) == 2
    assert len(copies) in (1, 3)


def gather(client):
    """All copies of what has just been published; they come before a PINGRESP."""
    first = client.next_packet()
    client.acknowledge(first)
    client.ping()
    client.ping()
    copies = [first] + client.inbox
    client.inbox = []
    return copies


@statement("MQTT-3.3.4-3", "MQTT-3.3.4-4", "MQTT-3.3.4-5", "5.0")
def test_MQTT_3_3_4_3_every_matching_identifier_is_sent(connect, publisher, name):
    room = name("room")
    c = connect()
    c.subscribe((f"{room}/a", 1), subscription_identifier=1)
    c.subscribe((f"{room}/+", 1), subscription_identifier=268_435_455)
    c.subscribe((f"{room}/#", 1), subscription_identifier=128)
    c.subscribe((f"{room}/b", 1), subscription_identifier=4)
    c.subscribe((f"+/{room}", 1))
    publisher.publish(f"{room}/a", "x", qos=1)
    copies = gather(c)
    named = [number for copy in copies for number in copy.property("subscription_identifier")]
    assert sorted(named) == [1, 128, 268_435_455]
    assert len(copies) in (1, 3)


@statement("MQTT-3.3.4-3", "5.0")
def test_MQTT_3_3_4_3_identifier_goes_with_retained_and_queued_messages(connect, publisher, topic):
    publisher.publish(topic, "kept", qos=1, retain=True)
    c = connect(session_expiry_interval=100)
    c.subscribe((topic, 1), subscription_identifier=9)
    c.receive(publish(topic, "kept", qos=1, retain=True, subscription_identifier=[9]))
    c.disconnect()
    publisher.publish(topic, "queued", qos=1)
    c = connect(c.client_id, clean_start=False, session_present=True)
    c.receive(publish(topic, "queued", qos=1, subscription_identifier=[9]))


@statement("MQTT-3.3.4-3", "5.0")
def test_MQTT_3_3_4_3_new_subscribe_replaces_the_identifier(connect, publisher, topic):
    c = connect()
    c.subscribe((topic, 1), subscription_identifier=1)
    c.subscribe((topic, 1), subscription_identifier=2)
    publisher.publish(topic, "x", qos=1)
    c.receive(publish(topic, "x", qos=1, subscription_identifier=[2]))
    c.subscribe((topic, 1))
    publisher.publish(topic, "y", qos=1)
    c.receive(publish(topic, "y", qos=1, subscription_identifier=None))


@statement("MQTT-3.3.4-6", "5.0")
def test_MQTT_3_3_4_6_subscription_identifier_from_a_client_closes(connect, topic):
    c = connect()
    c.send(publish(topic, "x", subscription_identifier=1))
    c.expect_close(reason={0x81, 0x82})


def test_payloads_of_many_sizes_pass_unchanged(publisher, subscriber, topic):
    for size in (0, 1, 2, 127, 128, 129, 4095, 4096, 65_535, 65_536, 262_144, 1_000_000):
        payload = bytes(at % 251 for at in range(size))
        publisher.publish(topic, payload, qos=1)
        subscriber.receive(publish(topic, payload, qos=1))


def test_subscriber_and_publisher_may_be_one_client(connect, topic):
    c = connect()
    c.send(subscribe(1, (topic, options(1))))
    c.expect(suback(1, [1]))
    c.send(publish(topic, "own", qos=1, id=2))
    c.expect_any_order(puback(2), publish(topic, "own", qos=1))
