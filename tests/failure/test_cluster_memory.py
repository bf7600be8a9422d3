"""What waits for a peer that stands still is bounded: the others' memory stays flat under load.

TROUPE_STILL (12) is how many seconds it stands still."""

import os
import subprocess
import time

from failure.fleet import settings
from wire.broker import ROOT
from wire.fixtures import make_cluster  # noqa: F401  (fixture)
from wire.node import troupectl, wait_for

STILL = float(os.environ.get("TROUPE_STILL", "12"))
RATE, PAYLOAD = 1500, 1024
# Two windows (8 and 16 MiB) for the peer, CAF's copy of them, and a memtable that fills meanwhile.
BOUND = 64 << 20
MIB = 1 << 20


def bench(cluster, seconds):
    binary = troupectl().resolve().parents[1] / "troupe-bench/troupe-bench"
    at = ["%s:%d" % node.addresses["tcp"] for node in cluster.nodes]
    return subprocess.Popen(
        [binary, "pairs", "--publishers", "8", "--qos", "1", "--rate", str(RATE), "--payload", str(PAYLOAD),
         "--time", str(seconds), "--expiry", "600", "--publish-to", at[0], "--subscribe-to", at[1]],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT)


def sample(nodes, begin, seconds):
    """Resident bytes of each node, again and again."""
    seen = []
    while time.monotonic() < begin + seconds:
        seen.append([node.memory() for node in nodes])
        time.sleep(0.25)
    return seen


def delivered(node):
    return node.metric("troupe_messages_sent_total", qos="1")


def test_a_peer_that_stands_still_costs_no_memory(make_cluster):  # noqa: F811
    cluster = make_cluster(3, **settings()).start()
    cluster.wait_owners()
    first, second, still = cluster.nodes
    load = bench(cluster, 2 * STILL + 15)
    try:
        wait_for(lambda: delivered(second) > RATE, 20, "messages flow")
        sample([first, second], time.monotonic(), STILL / 2)
        before = [first.memory(), second.memory()]
        still.stand_still()
        begin = time.monotonic()
        got = delivered(second)
        seen = sample([first, second], begin, STILL)
        rate = (delivered(second) - got) / (time.monotonic() - begin)
        windows = {node.name: node.metric("troupe_cluster_link_window_bytes", node=still.name)
                   for node in (first, second)}
        still.go_on()
        most = [max(each[at] for each in seen) - before[at] for at in range(2)]
        # What is left when the first window has filled: the second half against the first.
        half = len(seen) // 2
        slope = [max(e[at] for e in seen[half:]) - max(e[at] for e in seen[:half]) for at in range(2)]
        print(f"before {[round(b / MIB, 1) for b in before]} MiB, at most"
              f" {[round(m / MIB, 1) for m in most]} MiB more in {STILL} s, second half against first"
              f" {[round(s / MIB, 1) for s in slope]} MiB; {rate:.0f} messages/s meanwhile; windows {windows}")
        for node in cluster.nodes:
            node.wait_ready(30)
        cluster.wait_owners(30)
        assert max(most) < BOUND, most
        assert rate > RATE / 10, "there was no load"
    finally:
        still.go_on()
        load.kill()
        print(load.communicate()[0][-1500:])
