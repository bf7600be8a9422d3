"""kill -9 and SIGSTOP of each node of a cluster in turn, under load: what was acknowledged reaches
every durable subscriber, in the order of its publisher and topic, and every shard serves again in
time without anybody's help.

TROUPE_ROUNDS (3) says how many nodes are hit, TROUPE_LOG the level of the nodes' logs."""

import time

from failure.fleet import ROUNDS, Trial, settings, spread
from wire.fixtures import make_cluster  # noqa: F401  (fixture)
from wire.node import wait_for

KILLED_SERVED_WITHIN = 5.0
HUNG_SERVED_WITHIN = 15.0
GIVE_UP = 30.0
LONGER = 12.0  # than a broken link is waited for (cluster.resume_time)


def bereaved(cluster, node):
    """No other node takes `node` for the owner of anything."""
    return all(node.name not in {shard["owner"] for shard in other.shards()}
               for other in cluster.nodes if other is not node)


def test_what_is_acknowledged_survives_the_death_of_each_node(make_cluster):  # noqa: F811
    cluster = make_cluster(3, **settings()).start()
    cluster.wait_owners()
    served, ready = [], []
    with Trial(cluster) as fleet:
        for number in range(ROUNDS):
            node = cluster.nodes[number % len(cluster.nodes)]
            begin = time.monotonic()
            fleet.ledger.forget(begin)
            fleet.flows()
            fleet.ledger.event("kill", node.name, fleet.owners())
            killed = time.monotonic()
            node.kill()
            served.append(fleet.served(GIVE_UP, killed))
            fleet.ledger.event("served again", round(served[-1], 3), fleet.owners())
            fleet.served(GIVE_UP)
            started = time.monotonic()
            node.start()
            fleet.whole()
            ready.append(time.monotonic() - started)
            fleet.ledger.event("whole again", fleet.owners())
            print(f"round {number}: {node.name} killed, served again after {served[-1]:.2f} s,"
                  f" whole {ready[-1]:.2f} s after its start, longest silence of a shard meanwhile"
                  f" {fleet.ledger.silence(started, time.monotonic()):.2f} s", flush=True)
    print(f"served again: {spread(served)}; whole again after a start: {spread(ready)}")
    assert max(served) <= KILLED_SERVED_WITHIN, served


def test_what_is_acknowledged_survives_a_node_that_stands_still(make_cluster):  # noqa: F811
    cluster = make_cluster(3, **settings()).start()
    cluster.wait_owners()
    served, back = [], []
    with Trial(cluster) as fleet:
        for number in range(ROUNDS):
            node = cluster.nodes[number % len(cluster.nodes)]
            fleet.ledger.forget(time.monotonic())
            fleet.flows()
            fleet.ledger.event("stop", node.name, fleet.owners())
            stopped = time.monotonic()
            node.stand_still()
            try:
                served.append(fleet.served(GIVE_UP, stopped))
                wait_for(lambda: bereaved(cluster, node), GIVE_UP, f"{node.name} owns nothing")
                found = time.monotonic() - stopped
                if number % 2:  # now and then longer than its links are waited for
                    wait_for(lambda: time.monotonic() > stopped + LONGER, GIVE_UP)
                fleet.ledger.event("go on", node.name, fleet.owners())
            finally:
                node.go_on()
            fleet.served(GIVE_UP)
            back.append(fleet.whole())
            fleet.ledger.event("whole again", fleet.owners())
            print(f"round {number}: {node.name} stood still for {time.monotonic() - stopped - back[-1]:.2f} s,"
                  f" found after {found:.2f} s, served again after {served[-1]:.2f} s, whole"
                  f" {back[-1]:.2f} s after it went on", flush=True)
    print(f"served again: {spread(served)}; whole again: {spread(back)}")
    assert max(served) <= HUNG_SERVED_WITHIN, served
