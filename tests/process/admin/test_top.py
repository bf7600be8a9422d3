"""Who sends and gets most, who does not keep up, and what the stores take."""

import threading

import pytest
from process.admin.test_inspect import ask, rows
from process.admin.test_verbs import ctl, data, table
from wire.node import wait_for


class Talking(threading.Thread):
    """Publishes until it is told to stop."""

    def __init__(self, client, topic, payload):
        super().__init__(daemon=True)
        self.said, self.over = 0, threading.Event()
        self.client, self.topic, self.payload = client, topic, payload

    def run(self):
        while not self.over.is_set():
            self.client.publish(self.topic, self.payload, qos=1)
            self.said += 1

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join(10)


def test_busiest_clients_are_first(start_node):
    node = start_node(node={"name": "stage-1"})
    quiet, loud = node.connect("quiet", username="anna"), node.connect("loud")
    node.connect("silent")
    with Talking(quiet, "q", b"x" * 2000), Talking(loud, "l", "y") as talking:
        wait_for(lambda: talking.said > 20)
        found = rows(node, "/api/v1/top_talkers", interval=300)
        assert {row["clientid"] for row in found} == {"quiet", "loud"}
        of = {row["clientid"]: row for row in found}
        assert (of["quiet"]["username"], of["quiet"]["node"]) == ("anna", "stage-1")
        for row in found:
            assert row["rate"]["received"] > 0 and row["rate"]["sent"] == 0
        rate = of["quiet"]["rate"]
        assert rate["received_bytes"] == pytest.approx(2000 * rate["received"])
        assert of["loud"]["rate"]["received_bytes"] == pytest.approx(of["loud"]["rate"]["received"])
        by_bytes = rows(node, "/api/v1/top_talkers", interval=300, sort="received_bytes")
        assert [row["clientid"] for row in by_bytes] == ["quiet", "loud"]
        assert rows(node, "/api/v1/top_talkers", interval=100, sort="sent") == []
        shown = table(ctl(node, "clients", "top", "--interval", "0.3", "--sort", "received_bytes"))
        assert [row["CLIENT"] for row in shown] == ["quiet", "loud"]
        assert shown[0]["RECEIVED"].endswith("/s")
        assert shown[0]["SENT"] == "0.0/s" or shown[0]["SENT"].startswith("0")
    for wrong in ({"sort": "name"}, {"interval": 99}, {"interval": 5001}):
        status, answer = ask(node, "GET", "/api/v1/top_talkers", **wrong)
        assert status == 400 and answer["code"] == "BAD_REQUEST", answer


def test_clients_that_do_not_keep_up_are_listed(start_node):
    node = start_node(node={"name": "stage-1"})
    slow, fast = node.connect("slow", receive_maximum=2), node.connect("fast")
    slow.subscribe(("t/#", 1))
    fast.subscribe(("t/#", 1))
    publisher = node.connect("publisher")
    for n in range(5):
        publisher.publish(f"t/{n}", "x", qos=1)
        fast.acknowledge(fast.next_packet())
    first = slow.next_packet()
    fast.ping()
    path = "/api/v1/slow_subscriptions"
    wait_for(lambda: [row["clientid"] for row in rows(node, path)] == ["slow"])
    (row,) = rows(node, path, threshold=1)
    assert row["topic"] == "t/0" and row["behind_ms"] >= 500
    assert (row["inflight_cnt"], row["mqueue_len"]) == (2, 3)
    assert row["waits_for"] == "the client's acknowledgement of 2 messages"
    assert rows(node, path, threshold=1_000_000) == []
    status, closer = ask(node, "GET", "/api/v1/clients/slow")
    assert status == 200 and closer["windows"]["outbound"]["max_inflight"] == 2
    (shown,) = table(ctl(node, "clients", "slow"))
    assert (shown["CLIENT"], shown["QUEUE"], shown["OLDEST MESSAGE"]) == ("slow", "3", "t/0")
    slow.acknowledge(first)
    slow.next_packet()
    wait_for(lambda: rows(node, path, threshold=0)[0]["topic"] == "t/1")
    (row,) = data(node, "clients", "slow", "--behind", "0.2")
    assert (row["inflight_cnt"], row["mqueue_len"]) == (2, 2)
    slow.disconnect()
    wait_for(lambda: rows(node, path, threshold=0) == [])


def test_what_the_store_takes_is_told_by_column_family_and_shard(start_node):
    node = start_node(node={"name": "stage-1"})
    away = node.connect("away", session_expiry_interval=600)
    away.subscribe(("q", 1))
    away.disconnect()
    publisher = node.connect("publisher")
    for _ in range(20):
        publisher.publish("q", b"x" * 10_000, qos=1)
    found = {row["part"]: row for row in rows(node, "/api/v1/storage")}
    assert {"default", "queue", "sessions", "subscriptions", "retained"} < set(found)
    assert found["write_ahead_log"]["bytes"] > 200_000
    assert found["queue"]["kind"] == "column_family" and found["queue"]["memory_bytes"] > 0
    assert "raft_log" not in found  # it runs alone
    shards = rows(node, "/api/v1/storage/shards", limit=7)
    assert [row["shard"] for row in shards] == list(range(len(shards))) and len(shards) >= 8
    assert max(row["bytes"] for row in shards) > 100_000
    assert sum(row["bytes"] > 100_000 for row in shards) <= 2  # of the queue, and of its bodies
    parts = {row["PART"]: row for row in table(ctl(node, "storage", "show"))}
    assert parts["queue"]["NODE"] == "stage-1" and parts["write_ahead_log"]["KEYS"] == "-"
    assert len(table(ctl(node, "storage", "shards"))) == len(shards)


def test_stores_of_all_nodes_are_told(make_cluster):
    cluster = make_cluster(3).start()
    cluster.wait_owners()
    found = rows(cluster.nodes[1], "/api/v1/storage")
    logs = {row["node"]: row["bytes"] for row in found if row["part"] == "raft_log"}
    assert set(logs) == {node.name for node in cluster.nodes} and min(logs.values()) > 0
    mine = rows(cluster.nodes[0], "/api/v1/storage", node=cluster.nodes[2].name)
    assert {row["node"] for row in mine} == {cluster.nodes[2].name}


def test_actors_of_the_cluster_say_what_they_serve(make_cluster):
    cluster = make_cluster(2).start()
    cluster.wait_owners()
    node, other = cluster.nodes
    found = {}
    for row in rows(node, "/api/v1/actors", node=node.name):
        found.setdefault(row["kind"], []).append(row["serves"])
    assert found["peer_link"] == [f"node {other.name}"]
    assert found["wildcard_index"] == ["filters with wildcards"]
    assert found["meta_group"][0].startswith("members and shard map")
    assert sum(int(each.split()[3]) for each in found["group_loop"]) == len(found["topic_shard"])
    assert found["listener"] and all(found["listener"])
