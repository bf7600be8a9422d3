"""Two nodes and a witness: what two nodes alone cannot do is to go on when one of them is lost."""

from wire.node import wait_for


def two_and_a_witness(make_cluster):
    cluster = make_cluster(2, expect=3)
    cluster.add(witness=True)
    return cluster.start()


def test_a_witness_votes_in_shards_and_serves_none(make_cluster):
    cluster = two_and_a_witness(make_cluster)
    first, _, witness = cluster.nodes
    assert witness.addresses == {}
    for shard in first.shards():
        assert len(shard["replicas"]) == 3
        assert shard["replicas"][0] != "n3"
    wait_for(lambda: all(shard["owner"] in ("n1", "n2") for shard in first.shards()), 20,
             "the witness owns nothing")


def test_with_a_witness_each_of_two_nodes_may_be_lost(make_cluster):
    cluster = two_and_a_witness(make_cluster)
    first, second, witness = cluster.nodes
    for lost, left in ((first, second), (second, first)):
        cluster.wait_owners()
        subscriber = left.connect(f"durable of {left.name}", session_expiry_interval=3600)
        subscriber.subscribe(("kept/#", 1))
        lost.kill()
        wait_for(lambda: all(shard["owner"] == left.name for shard in left.shards()), 20,  # noqa: B023
                 f"{left.name} owns all shards")
        left.wait_ready(20)
        publisher = left.connect("publisher")
        for number in range(20):  # some for each shard
            publisher.publish(f"kept/{number}", "without the other one", qos=1)
        got = {subscriber.next_packet().topic for _ in range(20)}
        assert got == {f"kept/{number}" for number in range(20)}
        subscriber.close()
        publisher.close()
        lost.start()
        lost.wait_ready()
    witness.kill()
    cluster.wait_ready()
    third = first.connect("without the witness")
    third.publish("t", "both are there", qos=1)


def test_a_third_node_takes_the_place_of_the_witness(make_cluster):
    cluster = two_and_a_witness(make_cluster)
    first = cluster.nodes[0]
    cluster.join(cluster.add()).wait_ready()
    wait_for(lambda: all(sorted(shard["replicas"]) == ["n1", "n2", "n4"]
                         for shard in first.shards()), 30, "replicas on the three nodes")
    cluster.wait_owners()
