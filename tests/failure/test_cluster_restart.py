"""The nodes of a cluster are started again one after the other, or emptied of their clients, under
load: no message is lost, and a client that comes again and sends again needs to know nothing more."""

import subprocess
import time

from failure.fleet import Trial, settings, spread
from wire.fixtures import make_cluster  # noqa: F401  (fixture)
from wire.node import troupectl, wait_for

SERVED_WITHIN = 5.0
GIVE_UP = 30.0
RATE = 20  # clients a second that are sent elsewhere


def restart(fleet, node):
    """SIGTERM, and again. Seconds: until it ended, the longest that a shard was silent meanwhile,
    until the cluster was whole."""
    begin = time.monotonic()
    fleet.ledger.forget(begin)
    assert node.stop() == 0, node.log_text()[-3000:]
    ended = time.monotonic()
    fleet.ledger.event("ended", node.name, fleet.owners())
    fleet.served(GIVE_UP)
    silence = fleet.ledger.silence(begin, time.monotonic())
    started = time.monotonic()
    node.start()
    node.wait_ready()
    fleet.whole()
    whole = time.monotonic() - started
    fleet.flows()
    silence = max(silence, fleet.ledger.silence(begin, time.monotonic()))
    print(f"{node.name}: ended in {ended - begin:.2f} s, longest silence of a shard {silence:.2f} s,"
          f" whole {whole:.2f} s after its start", flush=True)
    return silence


def nothing_refused(fleet):
    assert not fleet.ledger.refused, fleet.ledger.refused[:5]


def test_one_node_after_the_other_is_started_again(make_cluster):  # noqa: F811
    cluster = make_cluster(3, **settings()).start()
    cluster.wait_owners()
    with Trial(cluster) as fleet:
        silences = []
        for node in cluster.nodes:
            fleet.ledger.event("stop", node.name, fleet.owners())
            silences.append(restart(fleet, node))
        nothing_refused(fleet)
    print(f"longest silence of a shard: {spread(silences)}")
    assert max(silences) <= SERVED_WITHIN, silences


def test_each_node_is_drained_and_started_again(make_cluster):  # noqa: F811
    cluster = make_cluster(3, **settings()).start()
    cluster.wait_owners()
    with Trial(cluster) as fleet:
        silences = []
        for node in cluster.nodes:
            fleet.ledger.event("drain", node.name, fleet.owners())
            begin = time.monotonic()
            done = subprocess.run(
                [troupectl(), "node", "drain", "--rate", str(RATE), "--wait", "--timeout", "20",
                 "--url", f"http://127.0.0.1:{node.http[1]}"], capture_output=True, text=True, timeout=40)
            assert done.returncode == 0, done.stdout + done.stderr
            print(f"{node.name} drained in {time.monotonic() - begin:.2f} s", flush=True)
            wait_for(lambda: all(d.ready and d.node is not node for d in fleet.devices), GIVE_UP,
                     f"every client of {node.name} is elsewhere")
            fleet.served(GIVE_UP)
            silences.append(restart(fleet, node))
        nothing_refused(fleet)
    assert max(silences) <= SERVED_WITHIN, silences
