"""3.3 of MQTT 3.1.1: PUBLISH, retained messages, overlapping subscriptions."""

import pytest
from conformance.statement import statement
from wire.client import Closed
from wire.encoding import frame, text, u16
from wire.packets import puback, pubcomp, publish, pubrec, pubrel


@pytest.fixture
def publisher(connect):
    return connect()


def latecomer(connect, topic, qos=1):
    c = connect()
    c.subscribe((topic, qos))
    return c


@statement("MQTT-3.3.1-1", "3.1.1")
@pytest.mark.parametrize("qos", [1, 2])
def test_MQTT311_3_3_1_1_redelivery_sets_dup(connect, publisher, topic, qos):
    c = connect(clean_start=False)
    c.subscribe((topic, qos))
    publisher.publish(topic, "again", qos=qos)
    first = c.expect(publish(topic, "again", qos=qos))
    c.close()
    c = connect(c.client_id, clean_start=False, session_present=True)
    c.receive(publish(topic, "again", qos=qos, id=first.id, dup=True))


@statement("MQTT-3.3.1-2", "3.1.1")
def test_MQTT311_3_3_1_2_dup_of_qos_0_is_never_sent(connect, topic):
    c = latecomer(connect, topic)
    c.send(frame("publish", text(topic) + b"x", flags=0x08))
    try:
        c.expect(publish(topic, "x", qos=0, dup=False))
    except AssertionError as refused:
        assert "closed" in str(refused) or "reset" in str(refused)


@statement("MQTT-3.3.1-3", "3.1.1")
@pytest.mark.parametrize("qos", [1, 2])
def test_MQTT311_3_3_1_3_dup_is_not_passed_on(connect, publisher, topic, qos):
    c = latecomer(connect, topic, qos=2)
    publisher.send(publish(topic, "x", qos=qos, id=7, dup=True))
    publisher.expect(puback(7) if qos == 1 else pubrec(7))
    if qos == 2:
        publisher.send(pubrel(7))
        publisher.expect(pubcomp(7))
    c.receive(publish(topic, "x", qos=qos, dup=False))


@statement("MQTT-3.3.1-4", "3.1.1")
def test_MQTT311_3_3_1_4_qos_3_closes(connect, topic):
    c = connect()
    c.send(frame("publish", text(topic) + u16(1), flags=0x06))
    c.expect_close()


@statement("MQTT-3.3.1-5", "MQTT-3.3.1-8", "3.1.1")
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_MQTT311_3_3_1_5_retained_message_is_stored_with_its_qos(connect, publisher, topic, qos):
    publisher.publish(topic, "kept", qos=qos, retain=True)
    publisher.publish(topic + "/other", "x", qos=1)
    latecomer(connect, topic, qos=2).receive(publish(topic, "kept", qos=qos, retain=True))


@statement("MQTT-3.3.1-6", "3.1.1")
def test_MQTT311_3_3_1_6_last_message_of_every_matching_topic(connect, publisher, name):
    room = name("room")
    for level in "abc":
        publisher.publish(f"{room}/{level}", "old", qos=1, retain=True)
        publisher.publish(f"{room}/{level}", level, qos=1, retain=True)
    c = latecomer(connect, f"{room}/#")
    c.expect_any_order(*[publish(f"{room}/{level}", level, qos=1, retain=True) for level in "abc"])
    c.expect_nothing()


@statement("MQTT-3.3.1-7", "3.1.1")
def test_MQTT311_3_3_1_7_retained_qos_0_replaces(connect, publisher, topic):
    publisher.publish(topic, "old", qos=2, retain=True)
    publisher.publish(topic, "new", qos=0, retain=True)
    publisher.publish(topic + "/other", "x", qos=1)
    latecomer(connect, topic).receive(publish(topic, "new", qos=0, retain=True))


@statement("MQTT-3.3.1-9", "3.1.1")
def test_MQTT311_3_3_1_9_flag_is_cleared_for_established_subscriptions(connect, publisher, topic):
    c = latecomer(connect, topic)
    publisher.publish(topic, "live", qos=1, retain=True)
    c.receive(publish(topic, "live", qos=1, retain=False))


@statement("MQTT-3.3.1-10", "MQTT-3.3.1-11", "3.1.1")
def test_MQTT311_3_3_1_10_empty_payload_removes_and_is_forwarded(connect, publisher, topic):
    publisher.publish(topic, "kept", qos=1, retain=True)
    present = latecomer(connect, topic)
    present.receive(publish(topic, "kept", qos=1, retain=True))
    publisher.publish(topic, "", qos=1, retain=True)
    present.receive(publish(topic, "", qos=1))
    latecomer(connect, topic).expect_nothing()


@statement("MQTT-3.3.1-12", "3.1.1")
@pytest.mark.parametrize("payload", ["passing", ""])
def test_MQTT311_3_3_1_12_ordinary_message_leaves_the_retained_one(connect, publisher, topic,
                                                                   payload):
    publisher.publish(topic, "kept", qos=1, retain=True)
    publisher.publish(topic, payload, qos=1)
    publisher.publish(topic + "/x", payload, qos=1)
    latecomer(connect, topic).receive(publish(topic, "kept", qos=1, retain=True))
    latecomer(connect, topic + "/x").expect_nothing()


@statement("MQTT-3.3.2-1", "3.1.1")
@pytest.mark.parametrize("body", [u16(2) + b"\xc3\x28", u16(0) + b"x"], ids=["not UTF-8", "empty"])
def test_MQTT311_3_3_2_1_topic_must_be_there_and_well_formed(connect, body):
    c = connect()
    c.send(frame("publish", body))
    c.expect_close()


@statement("MQTT-3.3.2-2", "MQTT-4.7.1-1", "3.1.1")
@pytest.mark.parametrize("ending", ["/#", "/+", "/+/x", "a#b", "a+b"])
def test_MQTT311_3_3_2_2_wildcard_in_a_topic_name_closes(connect, topic, ending):
    c = connect()
    c.send(publish(topic + ending, "x"))
    c.expect_close()


@statement("MQTT-3.3.2-3", "3.1.1")
def test_MQTT311_3_3_2_3_topic_name_matches_the_filter(connect, publisher, name):
    room = name("room")
    c = latecomer(connect, f"{room}/+/c")
    publisher.publish(f"{room}/b/d", "no", qos=1)
    publisher.publish(f"{room}/b/c", "yes", qos=1)
    c.receive(publish(f"{room}/b/c", "yes", qos=1))
    c.expect_nothing()


@statement("MQTT-3.3.4-1", "3.1.1")
def test_MQTT311_3_3_4_1_answer_depends_on_qos(connect, topic):
    c = connect()
    c.send(publish(topic, "0"))
    c.expect_nothing()
    c.send(publish(topic, "1", qos=1, id=1))
    c.expect(puback(1))
    c.send(publish(topic, "2", qos=2, id=2))
    c.expect(pubrec(2))


@statement("MQTT-3.3.5-1", "3.1.1")
def test_MQTT311_3_3_5_1_overlapping_subscriptions_give_the_highest_qos(connect, publisher, name):
    room = name("room")
    c = connect()
    c.subscribe((f"{room}/a", 0), (f"{room}/+", 2), (f"{room}/#", 1))
    publisher.publish(f"{room}/a", "x", qos=2)
    first = c.next_packet()
    c.acknowledge(first)
    c.ping()
    c.ping()
    assert max(copy.qos for copy in [first] + c.inbox) == 2


@statement("MQTT-3.3.5-2", "3.1.1")
@pytest.mark.parametrize("qos", [1, 2])
def test_MQTT311_3_3_5_2_refused_publish_is_acknowledged_or_closes(start_broker, connect, name,
                                                                    qos):
    guarded = start_broker(acl="topic read look/#\n")
    watcher, c = connect(to=guarded), connect(to=guarded)
    watcher.subscribe((f"look/{name()}", 1))
    try:
        c.publish(f"look/{name()}", "refused", qos=qos)
    except Closed:
        pass
    watcher.expect_nothing()


@statement("MQTT-3.6.1-1", "3.1.1")
@pytest.mark.parametrize("flags", [0, 1, 3, 15])
def test_MQTT311_3_6_1_1_pubrel_with_other_flags_closes(connect, topic, flags):
    c = connect()
    c.send(publish(topic, "x", qos=2, id=1))
    c.expect(pubrec(1))
    c.send(frame("pubrel", u16(1), flags))
    c.expect_close()
