"""Queues that stand in the store: the policies for full ones, and what a session leaves behind."""

import pytest
from wire.node import wait_for
from wire.packets import publish

OFFLINE = {"session_expiry_interval": 600}


def fill(node, topic, numbers, qos=1):
    writer = node.connect("writer")
    for number in numbers:
        writer.publish(topic, str(number), qos=qos)
    writer.disconnect()


def take(client, topic, numbers):
    for number in numbers:
        client.receive(publish(topic, str(number), qos=1))
    client.expect_nothing()


@pytest.mark.parametrize("asleep", [False, True], ids=["awake", "asleep"])
def test_the_oldest_are_dropped_from_a_full_queue(start_node, asleep):
    node = start_node(limits={"max_queued_messages": 20, "queue_full_policy": "drop_oldest",
                              "passivation_delay": "1s" if asleep else "1h"})
    reader = node.connect("reader", **OFFLINE)
    reader.subscribe(("q", 1))
    reader.disconnect()
    if asleep:
        wait_for(lambda: node.metric("troupe_sessions_passive") == 1, 5, "the session to sleep")
    fill(node, "q", range(50))
    wait_for(lambda: node.metric("troupe_messages_dropped_total", reason="queue_full") == 30, 5,
             "the oldest to be dropped")
    take(node.connect("reader", clean_start=False, session_present=True, **OFFLINE), "q",
         range(30, 50))
    assert node.metric("troupe_messages_queued") == 0


def test_the_newest_are_dropped_from_a_full_queue(start_node):
    node = start_node(limits={"max_queued_messages": 20, "queue_full_policy": "drop_newest"})
    reader = node.connect("reader", **OFFLINE)
    reader.subscribe(("q", 1))
    reader.disconnect()
    fill(node, "q", range(50))
    take(node.connect("reader", clean_start=False, session_present=True, **OFFLINE), "q",
         range(20))


def test_a_full_queue_stays_full_over_restarts(start_node):
    """What an earlier life left counts, though its session sleeps all the time."""
    node = start_node(limits={"max_queued_messages": 20, "queue_full_policy": "drop_newest"})
    reader = node.connect("reader", **OFFLINE)
    reader.subscribe(("q", 1))
    reader.disconnect()
    fill(node, "q", range(15))
    node.restart()
    wait_for(lambda: node.metric("troupe_messages_queued") == 15, 5, "the count")
    fill(node, "q", range(15, 50))
    take(node.connect("reader", clean_start=False, session_present=True, **OFFLINE), "q",
         range(20))


@pytest.mark.parametrize("way", ["clean start", "expiry", "asleep"])
def test_what_a_member_leaves_goes_to_the_others(start_node, way):
    node = start_node(limits={"passivation_delay": "1s" if way == "asleep" else "1h"})
    gone = node.connect("gone", session_expiry_interval=1 if way == "expiry" else 600)
    gone.subscribe(("$share/g/s", 1))
    gone.disconnect()
    if way == "asleep":
        wait_for(lambda: node.metric("troupe_sessions_passive") == 1, 5, "the session to sleep")
    fill(node, "s", range(300))
    other = node.connect("other", session_expiry_interval=600)
    other.subscribe(("$share/g/s", 1))
    if way != "expiry":
        node.connect("gone", clean_start=True)
    take(other, "s", range(300))


def test_retained_messages_over_the_limit_are_not_kept(start_node):
    node = start_node(limits={"max_retained_messages": 3}, sys={"interval": "0s"})
    reader, writer = node.connect("reader"), node.connect("writer")
    reader.subscribe(("r/#", 1))
    for topic in ("r/a", "r/b", "r/c", "r/d", "r/a"):
        writer.publish(topic, "x", qos=1, retain=True)
        reader.receive(publish(topic, "x", qos=1))  # it is delivered all the same
    wait_for(lambda: node.metric("troupe_retained_refused_total") == 1, 5, "one to be refused")
    assert node.metric("troupe_retained_count") == 3
    writer.publish("r/a", "", qos=1, retain=True)
    writer.publish("r/d", "x", qos=1, retain=True)
    late = node.connect("late")
    late.subscribe(("r/#", 1))
    topics = {late.next_packet(5).topic for _ in range(3)}
    assert topics == {"r/b", "r/c", "r/d"}
