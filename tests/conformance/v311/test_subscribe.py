"""3.8 to 3.11 and 4.7 of MQTT 3.1.1: subscriptions and topics."""

import pytest
from conformance.statement import statement
from wire.encoding import frame, text, u8, u16
from wire.packets import (puback, pubcomp, publish, pubrec, pubrel, suback, subscribe, unsuback,
                          unsubscribe)


@pytest.fixture
def publisher(connect):
    return connect()


def refused(client):
    """The broker answered with the code of failure or closed the connection."""
    try:
        got = client.next_packet()
    except AssertionError as ended:
        assert "closed" in str(ended) or "reset" in str(ended), ended
        return True
    return got.kind == "suback" and got.reasons == [0x80]


@statement("MQTT-3.8.1-1", "3.1.1")
@pytest.mark.parametrize("flags", [0, 1, 3, 10])
def test_MQTT311_3_8_1_1_subscribe_with_other_flags_closes(connect, topic, flags):
    c = connect()
    c.send(frame("subscribe", u16(1) + text(topic) + u8(0), flags))
    c.expect_close()


@statement("MQTT-3.8.3-1", "3.1.1")
def test_MQTT311_3_8_3_1_filter_that_is_not_utf8_closes(connect):
    c = connect()
    c.send(subscribe(1, b"\xc3\x28"))
    c.expect_close()


@statement("MQTT-3.8.3-3", "3.1.1")
def test_MQTT311_3_8_3_3_subscribe_without_filter_closes(connect):
    c = connect()
    c.send(subscribe(1))
    c.expect_close()


@statement("MQTT-3.8.3-4", "3.1.1")
@pytest.mark.parametrize("byte", [3, 4, 8, 0x10, 0x80])
def test_MQTT311_3_8_3_4_reserved_bits_or_qos_3_close(connect, topic, byte):
    c = connect()
    c.send(subscribe(1, (topic, byte)))
    c.expect_close()


@statement("MQTT-3.8.4-1", "MQTT-3.8.4-2", "3.1.1")
def test_MQTT311_3_8_4_1_subscribe_is_answered_with_its_identifier(connect, topic):
    c = connect()
    for number in (1, 300, 65_535):
        c.send(subscribe(number, topic))
        c.expect(suback(number, [0]))


@statement("MQTT-3.8.4-3", "3.1.1")
def test_MQTT311_3_8_4_3_same_filter_replaces_and_resends_retained(connect, publisher, topic):
    publisher.publish(topic, "kept", qos=1, retain=True)
    c = connect()
    c.subscribe((topic, 0))
    c.receive(publish(topic, "kept", qos=0, retain=True))
    c.subscribe((topic, 1))
    c.receive(publish(topic, "kept", qos=1, retain=True))
    publisher.publish(topic, "live", qos=1)
    c.receive(publish(topic, "live", qos=1))
    c.expect_nothing()


@statement("MQTT-3.8.4-4", "MQTT-3.8.4-5", "MQTT-3.9.3-1", "3.1.1")
def test_MQTT311_3_8_4_4_many_filters_one_suback_in_order(connect, publisher, name):
    room = name("room")
    c = connect()
    c.send(subscribe(1, (f"{room}/2", 2), (f"{room}/0", 0), (f"{room}/1", 1)))
    c.expect(suback(1, [2, 0, 1]))
    for level in "201":
        publisher.publish(f"{room}/{level}", "x", qos=2)
        c.receive(publish(f"{room}/{level}", "x", qos=int(level)))


@statement("MQTT-3.8.4-6", "3.1.1")
@pytest.mark.parametrize("published", [0, 1, 2])
@pytest.mark.parametrize("granted", [0, 1, 2])
def test_MQTT311_3_8_4_6_delivered_at_the_lower_qos(connect, publisher, topic, published, granted):
    c = connect()
    c.subscribe((topic, granted))
    publisher.publish(topic, "x", qos=published)
    c.receive(publish(topic, "x", qos=min(published, granted)))


@statement("MQTT-3.9.3-2", "MQTT-4.7.1-2", "MQTT-4.7.1-3", "3.1.1")
@pytest.mark.parametrize("wrong", ["a/#/b", "a#", "a/b#", "a+", "+a", "a/+b", "a/b+/c", ""])
def test_MQTT311_4_7_1_2_invalid_filter_is_refused(connect, wrong):
    c = connect()
    c.send(subscribe(1, wrong))
    assert refused(c)


@statement("MQTT-3.10.1-1", "3.1.1")
@pytest.mark.parametrize("flags", [0, 1, 3, 10])
def test_MQTT311_3_10_1_1_unsubscribe_with_other_flags_closes(connect, topic, flags):
    c = connect()
    c.send(frame("unsubscribe", u16(1) + text(topic), flags))
    c.expect_close()


@statement("MQTT-3.10.3-1", "3.1.1")
def test_MQTT311_3_10_3_1_filter_that_is_not_utf8_closes(connect):
    c = connect()
    c.send(unsubscribe(1, b"\xc3\x28"))
    c.expect_close()


@statement("MQTT-3.10.3-2", "3.1.1")
def test_MQTT311_3_10_3_2_unsubscribe_without_filter_closes(connect):
    c = connect()
    c.send(unsubscribe(1))
    c.expect_close()


@statement("MQTT-3.10.4-1", "MQTT-3.10.4-2", "3.1.1")
def test_MQTT311_3_10_4_1_filters_are_compared_by_byte(connect, publisher, name):
    room = name("Room")
    c = connect()
    c.subscribe((f"{room}/+", 1))
    c.unsubscribe(f"{room}/#", f"{room}/a", f"{room.lower()}/+")
    publisher.publish(f"{room}/a", "still", qos=1)
    c.receive(publish(f"{room}/a", "still", qos=1))
    c.unsubscribe(f"{room}/+")
    publisher.publish(f"{room}/a", "no more", qos=1)
    c.expect_nothing()


@statement("MQTT-3.10.4-3", "3.1.1")
def test_MQTT311_3_10_4_3_started_exchanges_are_completed(connect, publisher, topic):
    c = connect(clean_start=False)
    c.subscribe((topic, 2))
    publisher.publish(topic, "1", qos=1)
    publisher.publish(topic, "2", qos=2)
    one = c.expect(publish(topic, "1", qos=1))
    two = c.expect(publish(topic, "2", qos=2))
    c.unsubscribe(topic)
    c.send(puback(one.id), pubrec(two.id))
    c.expect(pubrel(two.id))
    c.send(pubcomp(two.id))
    c.expect_nothing()


@statement("MQTT-3.10.4-4", "MQTT-3.10.4-5", "3.1.1")
def test_MQTT311_3_10_4_4_unsubscribe_is_answered_with_its_identifier(connect, topic):
    c = connect()
    c.send(unsubscribe(400, topic))
    c.expect(unsuback(400))


@statement("MQTT-3.10.4-6", "3.1.1")
def test_MQTT311_3_10_4_6_many_filters_one_unsuback(connect, publisher, name):
    room = name("room")
    c = connect()
    c.subscribe((f"{room}/a", 1), (f"{room}/b", 1), (f"{room}/c", 1))
    c.send(unsubscribe(9, f"{room}/a", f"{room}/x", f"{room}/c"))
    c.expect(unsuback(9))
    for level in "acb":
        publisher.publish(f"{room}/{level}", level, qos=1)
    c.receive(publish(f"{room}/b", "b", qos=1))
    c.expect_nothing()


MATCHING = [
    ("{0}/tennis/#", ["{0}/tennis", "{0}/tennis/a/b"], ["{0}", "{0}/tennisball"]),
    ("{0}/tennis/+", ["{0}/tennis/a", "{0}/tennis/"], ["{0}/tennis", "{0}/tennis/a/b"]),
    ("+/{0}", ["a/{0}", "/{0}"], ["{0}", "a/b/{0}"]),
    ("/{0}", ["/{0}"], ["{0}", "/{0}/"]),
]


@statement("MQTT-4.7.1-2", "MQTT-4.7.1-3", "3.1.1")
@pytest.mark.parametrize("pattern, yes, no", MATCHING, ids=[m[0] for m in MATCHING])
def test_MQTT311_4_7_1_3_wildcards_match_whole_levels(connect, publisher, name, pattern, yes, no):
    room = name("room")
    c = connect()
    c.subscribe((pattern.format(room), 1))
    for topic in no:
        publisher.publish(topic.format(room), "no", qos=1)
    for topic in yes:
        publisher.publish(topic.format(room), "yes", qos=1)
        c.receive(publish(topic.format(room), "yes", qos=1))
    c.expect_nothing()


@statement("MQTT-4.7.2-1", "3.1.1")
@pytest.mark.parametrize("pattern", ["+/broker/#", "+/broker/+"])
def test_MQTT311_4_7_2_1_leading_wildcards_do_not_match_dollar_topics(connect, pattern):
    c = connect()
    c.subscribe(pattern)
    c.expect_nothing()


@statement("MQTT-4.7.3-1", "3.1.1")
@pytest.mark.parametrize("packet", [publish("", "x"), unsubscribe(1, "")], ids=["name", "filter"])
def test_MQTT311_4_7_3_1_topics_have_a_character(connect, packet):
    c = connect()
    c.send(packet)
    c.expect_close()


@statement("MQTT-4.7.3-3", "3.1.1")
def test_MQTT311_4_7_3_3_topic_of_65535_bytes(connect, name):
    topic = name("long").ljust(65_535, "y")
    c = connect()
    c.subscribe((topic, 1))
    c.publish(topic, "x", qos=1)
    c.receive(publish(topic, "x", qos=1))


@statement("MQTT-4.7.3-4", "3.1.1")
def test_MQTT311_4_7_3_4_topics_are_not_normalised(connect, publisher, name):
    room = name("room")
    for form in ("\u00e9", "e\u0301", " a", "a ", "A", "a", "\u212b", "\u00c5"):
        c = connect()
        c.subscribe((f"{room}/{form}", 1))
        for other in ("\u00e9", "e\u0301", " a", "a ", "A", "a", "\u212b", "\u00c5"):
            publisher.publish(f"{room}/{other}", other, qos=1)
        c.receive(publish(f"{room}/{form}", form, qos=1))
        c.expect_nothing()
