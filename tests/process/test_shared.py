"""Shared subscriptions by configuration: which member of a group gets a message."""

import pytest
from wire.client import Closed, Unexpected
from wire.node import wait_for


def members(node, count, group="g", listener=None):
    made = [node.connect(f"member-{group}-{i}", listener) for i in range(count)]
    for member in made:
        member.subscribe((f"$share/{group}/t/+", 1))
    return made


def arrived(member):
    while True:
        try:
            yield member.next_packet(0.01)
        except Closed:
            raise
        except Unexpected:
            return


def drain(made, total):
    """How many each has got, when all of `total` have come, and nothing more comes."""
    counts = [0] * len(made)

    def take():
        for i, member in enumerate(made):
            for packet in arrived(member):
                assert packet.kind == "publish", packet
                member.acknowledge(packet)
                counts[i] += 1
        return sum(counts) >= total
    wait_for(take, 10, f"{total} messages")
    for member in made:
        member.expect_nothing()
    assert sum(counts) == total
    return counts


def send(writer, count, topic="t/1"):
    for number in range(count):
        writer.publish(topic, str(number), qos=1)


@pytest.mark.parametrize("strategy", ["round_robin", "local_first", "sticky", "hash_client",
                                      "random"])
def test_each_strategy(start_node, strategy):
    node = start_node(shared_subscription={"strategy": strategy})
    made = members(node, 3)
    send(node.connect("writer"), 30)
    got = drain(made, 30)
    if strategy in ("round_robin", "local_first"):
        assert got == [10, 10, 10]
    elif strategy == "random":
        assert min(got) > 0
    else:
        assert sorted(got) == [0, 0, 30]
        made.pop(got.index(30)).disconnect()
        send(node.connect("writer"), 10)
        assert sorted(drain(made, 10)) == [0, 10]


def test_a_group_has_its_own_and_a_reload_changes_it(start_node):
    node = start_node(shared_subscription={"groups": ["audit=sticky"]})
    billing, audit = members(node, 2, "billing"), members(node, 2, "audit")
    writer = node.connect("writer")
    send(writer, 10)
    assert drain(billing, 10) == [5, 5]
    assert sorted(drain(audit, 10)) == [0, 10]
    node.tables["shared_subscription"] = {"strategy": "hash_client"}
    node.write_configuration()
    node.reload()
    send(writer, 10)
    assert sorted(drain(billing, 10)) == [0, 10]
    assert sorted(drain(audit, 10)) == [0, 10]


def test_local_first_in_a_cluster(make_cluster):
    cluster = make_cluster(3, shared_subscription={"strategy": "local_first"}).start()
    cluster.wait_owners()
    made = [node.connect(f"member-{node.name}") for node in cluster.nodes]
    for member in made:
        member.subscribe(("$share/g/t/+", 1), ("$share/g/exact", 1))
    for place, node in enumerate(cluster.nodes):
        writer = node.connect(f"writer-{node.name}")
        for number in range(10):
            writer.publish(f"t/{number}", "x", qos=1)
            writer.publish("exact", "y", qos=1)
        assert drain(made, 20) == [20 if i == place else 0 for i in range(3)]
    made[0].disconnect()
    writer = cluster.nodes[0].connect("writer-last")
    for number in range(10):
        writer.publish("exact", "z", qos=1)
    drain(made[1:], 10)


def test_a_strategy_that_there_is_not_is_refused(make_node):
    node = make_node(shared_subscription={"groups": ["audit=best"]})
    with pytest.raises(Exception, match="shared_subscription.groups must hold entries such as"):
        node.start()
