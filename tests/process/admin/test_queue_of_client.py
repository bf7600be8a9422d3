"""Messages that wait for a client, as administrators see and drop them."""

import base64

import pytest
from process.admin.test_inspect import ask, rows
from process.admin.test_verbs import NOT_FOUND, ctl, data, table
from wire.node import wait_for
from wire.packets import publish

OFFLINE = {"session_expiry_interval": 600}
PATH = "/api/v1/clients/reader/mqueue_messages"


def away(node, *filters, client="reader", **limits):
    reader = node.connect(client, **OFFLINE, **limits)
    reader.subscribe(*filters)
    reader.disconnect()


def fill(node, topic, numbers, **properties):
    writer = node.connect("writer")
    for number in numbers:
        writer.publish(topic, str(number), qos=1, **properties)
    writer.disconnect()


def topics(node, **query):
    return [row["topic"] for row in rows(node, PATH, **query)]


@pytest.mark.parametrize("asleep", [False, True], ids=["awake", "asleep"])
def test_what_is_queued_is_listed_and_dropped(start_node, asleep):
    node = start_node(limits={"passivation_delay": "1s" if asleep else "1h"})
    away(node, ("q/+", 1), ("$share/g/s", 1))
    if asleep:
        wait_for(lambda: node.metric("troupe_sessions_passive") == 1, 5, "the session to sleep")
    writer = node.connect("writer")
    for number in range(20):
        writer.publish(f"q/{number:02}", "x" * number, qos=1)
    writer.publish("s", b"\x00" * 5000, qos=1, message_expiry_interval=500)
    found = rows(node, PATH, limit=6)
    assert [row["topic"] for row in found] == [f"q/{number:02}" for number in range(20)] + ["s"]
    assert [row["size"] for row in found[:20]] == list(range(20))
    orders = [row["order"] for row in found]
    assert orders == sorted(set(orders)) and orders[0] > 0
    assert (found[0]["qos"], found[0]["retain"], found[0]["share"]) == (1, False, None)
    assert found[0]["publish_at"].endswith("Z") and found[0]["expires_at"] is None
    assert found[20]["share"] == "$share/g/s" and found[20]["expires_at"] > found[20]["publish_at"]
    assert "payload" not in found[3]
    shown = rows(node, PATH, payload="base64")
    assert base64.b64decode(shown[3]["payload"]) == b"xxx" and not shown[3]["payload_truncated"]
    assert len(base64.b64decode(shown[20]["payload"])) == 4096 and shown[20]["payload_truncated"]
    assert rows(node, PATH) == found  # a look changes nothing

    assert ask(node, "DELETE", PATH) == (200, {"dropped": 21, "more": False})
    assert topics(node) == []
    assert node.metric("troupe_messages_dropped_total", reason="administrator") == 21
    assert node.metric("troupe_messages_queued") == 0
    shown = ask(node, "GET", "/api/v1/clients/reader")[1]
    assert shown["mqueue_len"] == 0
    if not asleep:  # else it sleeps again by now, perhaps, and its counters are of a life awake
        assert shown["counters"]["dropped"]["administrator"] == 21
    assert ask(node, "DELETE", PATH) == (200, {"dropped": 0, "more": False})
    node.await_log("dropped 21 queued messages of reader")
    # It goes on, now and over a restart.
    fill(node, "q/next", [1])
    assert topics(node) == ["q/next"]
    node.restart(9)
    reader = node.connect("reader", clean_start=False, session_present=True, **OFFLINE)
    reader.receive(publish("q/next", "1", qos=1))
    reader.expect_nothing()


@pytest.mark.parametrize("qos", [1, 2])
def test_what_is_in_flight_is_neither_listed_nor_dropped(start_node, qos):
    node = start_node()
    reader = node.connect("reader", receive_maximum=3, **OFFLINE)
    reader.subscribe(("q", qos))
    writer = node.connect("writer")
    for number in range(10):
        writer.publish("q", str(number), qos=qos)
    first = [reader.next_packet() for _ in range(3)]
    assert [p.payload for p in first] == [b"0", b"1", b"2"]
    assert len(rows(node, PATH)) == 7
    assert ask(node, "DELETE", PATH) == (200, {"dropped": 7, "more": False})
    assert ask(node, "GET", "/api/v1/clients/reader")[1]["inflight_cnt"] == 3
    reader.close()
    wait_for(lambda: not ask(node, "GET", "/api/v1/clients/reader")[1]["connected"])
    reader = node.connect("reader", clean_start=False, session_present=True, **OFFLINE)
    again = [reader.next_packet() for _ in range(3)]
    assert [(p.payload, p.dup, p.id) for p in again] == [
        (p.payload, True, p.id) for p in first]
    reader.expect_nothing()


def test_a_session_that_is_not_durable_has_its_queue_in_memory(start_node):
    node = start_node()
    reader = node.connect("reader", receive_maximum=2)
    reader.subscribe(("q", 1))
    fill(node, "q", range(6))
    wait_for(lambda: len(rows(node, PATH)) == 4)
    assert [row["order"] for row in rows(node, PATH, limit=3)] == [None] * 4
    assert ask(node, "DELETE", PATH) == (200, {"dropped": 4, "more": False})
    assert rows(node, PATH) == []
    reader.ping()


def test_wrong_questions_about_queues(start_node):
    node = start_node()
    away(node, ("q", 1))
    for method in ("GET", "DELETE"):
        status, said = ask(node, method, "/api/v1/clients/nobody/mqueue_messages")
        assert status == 404 and "id" in said["message"]
    for bad in ({"payload": "hex"}, {"cursor": "YWJj"}, {"cursor": "%"}, {"limit": 0}, {"x": 1}):
        assert ask(node, "GET", PATH, **bad)[0] == 400, bad


def test_the_verbs(start_node):
    node = start_node(node={"name": "stage-1"})
    away(node, ("q", 1))
    fill(node, "q", range(5))
    found = table(ctl(node, "clients", "queue", "reader"))
    assert [row["TOPIC"] for row in found] == ["q"] * 5 and found[0]["QOS"] == "1"
    assert "There are more" in ctl(node, "clients", "queue", "reader", "--limit", "2")
    assert [base64.b64decode(each["payload"]) for each in data(
        node, "clients", "queue", "reader", "--payload")] == [b"0", b"1", b"2", b"3", b"4"]
    assert "--yes" in ctl(node, "clients", "drop-queue", "reader", code=2)
    assert len(rows(node, PATH)) == 5
    assert ctl(node, "clients", "drop-queue", "reader", "--yes") == "5 messages are dropped.\n"
    assert ctl(node, "clients", "drop-queue", "reader", "--yes") == "0 messages are dropped.\n"
    assert "No session" in ctl(node, "clients", "drop-queue", "nobody", "--yes", code=NOT_FOUND)
    assert "id" in ctl(node, "clients", "queue", "nobody", code=NOT_FOUND)


def test_any_node_of_a_cluster_tells_of_queues_and_drops_them(make_cluster):
    cluster = make_cluster(3).start()
    cluster.wait_owners()
    first, second, third = cluster.nodes
    names = [f"c{number}" for number in range(6)]
    for number, name in enumerate(names):
        away(cluster.nodes[number % 3], ("q", 1), client=name)
    fill(second, "q", range(8))
    for node in cluster.nodes:
        for name in names:
            path = f"/api/v1/clients/{name}/mqueue_messages"
            assert [row["topic"] for row in rows(node, path, limit=3)] == ["q"] * 8
    for number, name in enumerate(names):
        path = f"/api/v1/clients/{name}/mqueue_messages"
        assert ask(cluster.nodes[(number + 1) % 3], "DELETE", path) == (
            200, {"dropped": 8, "more": False})
        wait_for(lambda: rows(third, path) == [])
        # Where it comes back, too.
        reader = first.connect(name, clean_start=False, session_present=True, **OFFLINE)
        reader.expect_nothing()
    assert sum(node.metric("troupe_messages_dropped_total", reason="administrator")
               for node in cluster.nodes) == 48
