"""4.7: topic names, topic filters and how they match."""

import pytest
from conformance.statement import statement
from wire.packets import publish, suback, subscribe, unsubscribe

INVALID = ["a/#/b", "a#", "#/a", "a/b#", "a+", "+a", "a/+b", "a/b+/c", "++", "##", "a/#b"]


@statement("MQTT-4.7.1-1", "MQTT-4.7.1-2", "5.0")
@pytest.mark.parametrize("wrong", INVALID)
def test_MQTT_4_7_1_1_misplaced_wildcards_are_refused(connect, wrong):
    c = connect()
    c.send(subscribe(1, wrong))
    got = c.next_packet()
    if got.kind == "suback":
        assert got.reasons == [0x8F] or got.reasons[0] >= 0x80
    else:
        assert got.kind == "disconnect" and got.reason in (0x81, 0x82, 0x8F)


# filter, what it matches, what it does not
MATCHING = [
    ("{0}/tennis/#", ["{0}/tennis", "{0}/tennis/a", "{0}/tennis/a/b", "{0}/tennis/"],
     ["{0}", "{0}/tennisball", "{0}/Tennis"]),
    ("{0}/tennis/+", ["{0}/tennis/a", "{0}/tennis/"], ["{0}/tennis", "{0}/tennis/a/b"]),
    ("{0}/+", ["{0}/", "{0}/a"], ["{0}", "/{0}"]),
    ("+/{0}/#", ["a/{0}", "/{0}/x"], ["{0}", "a/b/{0}"]),
    ("{0}/+/+/c", ["{0}/a/b/c", "{0}///c"], ["{0}/a/c", "{0}/a/b/c/d"]),
    ("/{0}", ["/{0}"], ["{0}", "//{0}", "/{0}/"]),
    ("{0}//a", ["{0}//a"], ["{0}/a", "{0}///a"]),
    ("{0}/+/#", ["{0}/a", "{0}/a/b", "{0}/"], ["{0}"]),
]


@statement("MQTT-4.7.1-1", "MQTT-4.7.1-2", "5.0")
@pytest.mark.parametrize("pattern, yes, no", MATCHING, ids=[m[0] for m in MATCHING])
def test_MQTT_4_7_1_2_wildcards_match_whole_levels(connect, name, pattern, yes, no):
    room = name("room")
    c, publisher = connect(), connect()
    c.subscribe((pattern.format(room), 1))
    for topic in no:
        publisher.publish(topic.format(room), "no", qos=1)
    for topic in yes:
        publisher.publish(topic.format(room), "yes", qos=1)
        c.receive(publish(topic.format(room), "yes", qos=1))
    c.expect_nothing()


@statement("MQTT-4.7.2-1", "5.0")
@pytest.mark.parametrize("pattern", ["#", "+/{0}", "+/#", "+/+"])
def test_MQTT_4_7_2_1_leading_wildcards_do_not_match_dollar_topics(connect, name, pattern):
    room = name("room")
    c, publisher = connect(), connect()
    c.send(subscribe(1, (pattern.format(room), 1)), subscribe(2, (f"other/{room}", 1)))
    c.await_packet(suback(2, [1]))
    publisher.publish(f"$hidden/{room}", "hidden", qos=1, reason=range(256))
    publisher.publish(f"other/{room}", "sentinel", qos=1)
    while True:
        got = c.next_packet()
        assert got.kind in ("publish", "suback")
        if got.kind == "publish":
            c.acknowledge(got)
            assert not got.topic.startswith("$")
            if got.topic == f"other/{room}":
                break


@statement("MQTT-4.7.2-1", "5.0")
def test_MQTT_4_7_2_1_leading_wildcard_does_not_get_retained_dollar_topics(connect, name):
    c = connect()
    c.send(subscribe(1, "+/broker/#"))
    c.expect(suback(1, [0]))
    c.expect_nothing()


@statement("MQTT-4.7.3-1", "5.0")
def test_MQTT_4_7_3_1_empty_filter_is_refused(connect):
    c = connect()
    c.send(subscribe(1, ""))
    got = c.next_packet()
    assert got.kind in ("suback", "disconnect")
    assert (got.reasons[0] if got.kind == "suback" else got.reason) in (0x81, 0x82, 0x8F)


@statement("MQTT-4.7.3-1", "5.0")
def test_MQTT_4_7_3_1_empty_topic_name_closes(connect):
    c = connect()
    c.send(publish("", "x"))
    c.expect_close(reason={0x81, 0x82, 0x90})


@statement("MQTT-4.7.3-2", "5.0")
@pytest.mark.parametrize("packet", [publish("a\0b"), subscribe(1, "a\0b"), unsubscribe(1, "a\0b")],
                         ids=lambda p: p.kind.upper())
def test_MQTT_4_7_3_2_null_character_closes(connect, packet):
    c = connect()
    c.send(packet)
    c.expect_close(reason={0x81, 0x82, 0x8F, 0x90})


@statement("MQTT-4.7.3-3", "5.0")
def test_MQTT_4_7_3_3_topic_of_65535_bytes(connect, name):
    topic = name("long").ljust(65_535, "x")
    c = connect()
    c.send(subscribe(1, (topic, 1)))
    c.expect(suback(1, [1]))
    c.publish(topic, "x", qos=1)
    c.receive(publish(topic, "x", qos=1))


@statement("MQTT-4.7.3-4", "5.0")
def test_MQTT_4_7_3_4_topics_are_not_normalised(connect, name):
    room = name("room")
    c, publisher = connect(), connect()
    forms = [f"{room}/\u00e9", f"{room}/e\u0301", f"{room}/ a", f"{room}/a ", f"{room}/A",
             f"{room}/a", f"{room}/\u212b", f"{room}/\u00c5", f"{room}/./a", f"{room}/%61"]
    for form in forms:
        c.subscribe((form, 1), subscription_identifier=1 + forms.index(form))
    for form in forms:
        publisher.publish(form, form, qos=1)
        c.receive(publish(form, form, qos=1, subscription_identifier=[1 + forms.index(form)]))
    c.expect_nothing()
