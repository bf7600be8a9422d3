"""An administrator says which node owns a shard."""

import json
import signal
import subprocess
import time

from process.admin.test_inspect import ask
from process.admin.test_verbs import ctl
from wire.node import clean_environment, troupectl, wait_for

PREFERRED_AGAIN = 12.0  # a shard goes back to its preferred owner within patience, 10 s, else


def shard_of(node, number):
    return next(s for s in node.shards() if s["shard"] == number)


def move(server, number, node):
    return ask(server, "POST", f"/api/v1/cluster/shards/{number}/owner", {"node": node})


def test_a_shard_goes_where_it_is_sent_and_stays(make_cluster):
    cluster = make_cluster(3).start()
    cluster.wait_owners()
    first, second, third = cluster.nodes
    row = shard_of(first, 5)
    other = next(name for name in row["replicas"] if name != row["owner"])
    asked = next(n for n in cluster.nodes if n.name not in (row["owner"], other))
    # QoS 1 goes on while it moves.
    reader = first.connect("reader", session_expiry_interval=600)
    reader.subscribe(("t/#", 1))
    writer = second.connect("writer")
    # A cluster that has just begun may have to be asked again.
    wait_for(lambda: move(asked, 5, other)[0] == 200, 15, "the replica to be near")
    assert other in ctl(asked, "shard", "move", "5", other)
    for number in range(50):
        writer.publish(f"t/{number}", str(number), qos=1)
    assert sorted(int(reader.next_packet().payload) for _ in range(50)) == list(range(50))
    for node in cluster.nodes:
        wait_for(lambda: shard_of(node, 5)["owner"] == other, 10, "the new owner")
    epoch = shard_of(first, 5)["epoch"]
    assert epoch > row["epoch"]
    end = time.monotonic() + PREFERRED_AGAIN
    stays = lambda: (shard_of(first, 5)["owner"], shard_of(first, 5)["epoch"]) == (other, epoch)
    wait_for(lambda: not stays() or time.monotonic() > end, 2 * PREFERRED_AGAIN)
    assert stays()
    assert move(third, 5, other) == (200, {"done": True, "text": f"Shard 5 stays with {other}."})
    third.await_log("shard 5 to " + other)
    # When that node is lost the others take it, and the preferred owner keeps it.
    lost = next(n for n in cluster.nodes if n.name == other)
    lost.kill()
    left = next(n for n in cluster.nodes if n is not lost)
    wait_for(lambda: shard_of(left, 5)["owner"] not in ("", other), 30, "an owner")
    lost.start()
    cluster.wait_ready()


def test_what_cannot_be_done_is_told(make_cluster):
    cluster = make_cluster(3, cluster={"replicas": 2}).start()
    cluster.wait_owners()
    first, second, third = cluster.nodes
    row = shard_of(first, 3)
    stranger = next(n.name for n in cluster.nodes if n.name not in row["replicas"])
    status, said = move(first, 3, stranger)
    assert (status, said["code"]) == (409, "NOT_A_REPLICA") and row["replicas"][0] in said["message"]
    assert move(first, 3, "n9")[0] == 404
    for number in ("100000", "-1", "x", "1x"):
        assert move(first, number, "n1")[0] == 404, number
    assert move(first, 3, "")[0] == 400
    assert ask(first, "POST", "/api/v1/cluster/shards/3/owner", {"name": "n1"})[0] == 400
    assert "holds no replica" in ctl(first, "shard", "move", "3", stranger, code=1)


def test_a_replica_that_stands_still_gets_nothing(make_cluster):
    cluster = make_cluster(3).start()
    cluster.wait_owners()
    row = shard_of(cluster.nodes[0], 3)
    still = next(n for n in cluster.nodes if n.name in row["replicas"] and n.name != row["owner"])
    asked = next(n for n in cluster.nodes if n is not still)
    still.process.send_signal(signal.SIGSTOP)
    try:
        status, said = move(asked, 3, still.name)
        assert status in (409, 503) and said["message"], said
        assert shard_of(asked, 3)["owner"] == row["owner"]
    finally:
        still.process.send_signal(signal.SIGCONT)
    wait_for(lambda: move(asked, 3, still.name)[0] == 200, 30, "the move, once it is heard again")


def test_alone_there_is_nothing_to_move(start_node):
    node = start_node()
    status, said = move(node, 1, "n1")
    assert (status, said["code"]) == (404, "ALONE")
    ran = subprocess.run([troupectl(), "shard", "move", "1", "n1"], capture_output=True, text=True,
                         timeout=20, env=clean_environment(
                             TROUPE_URL=f"http://127.0.0.1:{node.http[1]}"))
    assert ran.returncode == 5
    assert json.loads(node.get("/api/v1/openapi.json")[2])["paths"][
        "/api/v1/cluster/shards/{shard}/owner"]
