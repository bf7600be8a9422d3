"""What waits for a peer that stands still is bounded: the others' memory stays flat under load.

TROUPE_STILL (12) is how many seconds it stands still."""

import os
import time

from failure.fleet import Trial, settings
from wire.fixtures import make_cluster  # noqa: F401  (fixture)
from wire.node import wait_for

STILL = float(os.environ.get("TROUPE_STILL", "12"))
MIB = 1 << 20
PACE, PADDING = 0.1, 8192
# Two windows (8 and 16 MiB) for the peer and CAF's copy of them.
BOUND = 64 * MIB
ENOUGH = 48 * MIB  # of messages meanwhile: more than that bound, counted once for each reader


def test_a_peer_that_stands_still_costs_no_memory(make_cluster):  # noqa: F811
    cluster = make_cluster(3, **settings()).start()
    cluster.wait_owners()
    first, second, still = cluster.nodes
    others = [first, second]
    with Trial(cluster, pace=PACE, padding=PADDING) as fleet:
        count = fleet.ledger.counts
        # What a node needs for this load it has by then: a memtable's worth was published.
        wait_for(lambda: count["received"] * PADDING > ENOUGH, 60, "messages flow")
        before = [node.memory() for node in others]
        still.stand_still()
        begin, got = time.monotonic(), count["received"]
        most = [0, 0]

        def passed():
            fleet.check()
            for at, node in enumerate(others):
                most[at] = max(most[at], node.memory() - before[at])
            return (time.monotonic() > begin + STILL
                    and (count["received"] - got) * PADDING > ENOUGH)
        wait_for(passed, 5 * STILL, f"{ENOUGH / MIB} MiB are delivered")
        took = time.monotonic() - begin
        still.go_on()
        fleet.whole()
        print(f"before {[round(b / MIB, 1) for b in before]} MiB, at most"
              f" {[round(m / MIB, 1) for m in most]} MiB more in {took:.1f} s, in which"
              f" {(count['received'] - got) * PADDING / MIB:.0f} MiB were delivered")
        assert max(most) < BOUND, most
