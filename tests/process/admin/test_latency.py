"""How long messages take, stage by stage, as Prometheus sees it."""

from wire.node import wait_for

METRIC = "troupe_message_latency_seconds"


def counts(node, origin):
    return {stage: node.metric(f"{METRIC}_count", **{"stage": stage, "from": origin})
            for stage in ("routed", "committed", "answered", "sent", "acknowledged")}


def exchange(publisher, receiver, topic, number=80):
    """One at a time, so that they are not all of one millisecond."""
    for n in range(number):
        publisher.publish(topic, str(n), qos=1)
        receiver.acknowledge(receiver.next_packet())


def test_times_of_messages_are_counted_by_stage(start_node):
    node = start_node()
    fleeting, durable = node.connect("fleeting"), node.connect("d", session_expiry_interval=600)
    fleeting.subscribe(("a", 1))
    durable.subscribe(("b", 1))
    publisher = node.connect("publisher")
    exchange(publisher, fleeting, "a")
    seen = counts(node, "client")
    assert seen["committed"] == 0
    for stage in ("routed", "answered", "sent", "acknowledged"):
        assert 1 <= seen[stage] <= 10, seen
    exchange(publisher, durable, "b")
    # The last acknowledgement may still be on its way.
    wait_for(lambda: counts(node, "client")["committed"] >= 1 and
             counts(node, "client")["acknowledged"] > seen["acknowledged"])
    assert set(counts(node, "node").values()) == {0.0}
    whole = node.metric(f"{METRIC}_sum", **{"stage": "acknowledged", "from": "client"})
    part = node.metric(f"{METRIC}_sum", **{"stage": "routed", "from": "client"})
    assert 0 < part < whole < 20


def test_retained_messages_are_not_timed_when_they_are_sent_later(start_node):
    node = start_node()
    publisher = node.connect("publisher")
    for n in range(100):
        publisher.publish(f"r/{n}", "x", qos=1, retain=True)
    assert counts(node, "client")["routed"] >= 1
    late = node.connect("late")
    late.subscribe(("r/#", 1))
    for _ in range(100):
        late.acknowledge(late.next_packet())
    late.ping()
    assert counts(node, "client")["sent"] == 0


def test_messages_from_other_nodes_are_counted_apart(make_cluster):
    cluster = make_cluster(3).start()
    cluster.wait_owners()
    here, there = cluster.nodes[0], cluster.nodes[1]
    receiver = there.connect("receiver", session_expiry_interval=600)
    receiver.subscribe(("t/+", 1))
    publisher = here.connect("publisher")
    for topic in range(8):
        exchange(publisher, receiver, f"t/{topic}", 20)
    def enough():
        away = counts(there, "node")
        return away["sent"] >= 1 and away["acknowledged"] >= 1
    wait_for(enough, what="times at the node of the receiver")
    assert counts(here, "client")["answered"] >= 1
    assert sum(counts(node, "node")["routed"] for node in cluster.nodes) >= 1
    assert sum(counts(node, "node")["committed"] for node in cluster.nodes) >= 1
