"""What a node shows: HTTP, metrics, $SYS topics, troupectl, and what it counts as lost."""

import json
import re
import subprocess
import time

import pytest
from wire.node import troupectl, wait_for
from wire.packets import V311, publish


def test_health(start_node):
    node = start_node()
    status, headers, body = node.get("/livez")
    assert status == 200 and json.loads(body)["alive"] is True
    assert headers["Content-Type"].startswith("application/json")
    status, _, body = node.get("/readyz")
    assert status == 200 and json.loads(body)["ready"] is True
    assert node.get("/nothing")[0] == 404
    assert node.get("/metrics", method="POST")[0] in (404, 405)


def test_metrics_follow_what_happens(start_node):
    node = start_node(["tcp", "ws"])
    reader, writer = node.connect("reader"), node.connect("writer", listener="ws", version=V311)
    reader.subscribe(("m/#", 1))
    for number in range(7):
        writer.publish("m/x", str(number), qos=1)
        reader.receive(publish("m/x", str(number), qos=1))
    writer.publish("m/kept", "x", qos=1, retain=True)
    reader.receive(publish("m/kept", "x", qos=1))
    reader.ping()
    wait_for(lambda: node.metric("troupe_retained_count") >= 1, 5, "the retained message")
    assert node.metric("troupe_connections_count") == 2
    assert node.metric("troupe_listener_connections", listener="ws", kind="ws") == 1
    assert node.metric("troupe_sessions_connected") == 2
    assert node.metric("troupe_subscriptions_count") == 1
    assert node.metric("troupe_messages_received_total", qos="1") == 8
    assert node.metric("troupe_messages_sent_total", qos="1") == 8
    assert node.metric("troupe_packets_received_total", type="puback") == 8
    assert node.metric("process_resident_memory_bytes") > 1 << 20


def test_metrics_are_what_prometheus_reads(start_node):
    """Every line is a comment or a sample, every family is described once."""
    node = start_node()
    _, headers, body = node.get("/metrics")
    assert headers["Content-Type"].startswith("text/plain")
    described = re.findall(r"^# TYPE (\S+) (?:counter|gauge|histogram)$", body, re.M)
    assert len(described) == len(set(described)) > 30
    sample = re.compile(r'^[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? [-+0-9.eInfNa]+$')
    for line in body.splitlines():
        assert line.startswith("#") or sample.match(line), line
        if not line.startswith("#"):
            name = re.match(r"[a-z_]+", line)[0]
            assert name in described or re.sub(r"_(bucket|sum|count)$", "", name) in described, line


def test_sys_topics(start_node):
    node = start_node(node={"name": "stage-1"}, sys={"interval": "1s"})
    client = node.connect("watcher")
    client.subscribe("$SYS/#")
    values, end = {}, time.monotonic() + 10
    wanted = {"$SYS/broker/version", "$SYS/broker/uptime", "$SYS/broker/clients/connected",
              "$SYS/broker/clients/total", "$SYS/broker/messages/received",
              "$SYS/broker/subscriptions/count", "$SYS/broker/load/messages/received/1min",
              "$SYS/brokers/stage-1/version", "$SYS/brokers/stage-1/stats/connections/count"}
    counts = ("$SYS/broker/clients/connected", "$SYS/brokers/stage-1/stats/connections/count")
    while not (wanted <= set(values) and all(values[topic] == b"1" for topic in counts)):
        assert time.monotonic() < end, sorted(wanted - set(values))
        message = client.next_packet(within=5)
        values[message.topic] = message.payload
    assert values["$SYS/broker/version"].startswith(b"troupe version ")
    # They are not in "#", and nobody else may write them.
    everything = node.connect("everything")
    everything.subscribe("#", "+/broker/uptime")
    everything.expect_nothing()
    client.close()


def test_clients_that_come_and_go(start_node):
    node = start_node(node={"name": "stage-1"})
    watcher = node.connect("watcher")
    watcher.subscribe("$SYS/brokers/stage-1/clients/+/+")
    passing = node.connect("passing", username="somebody")
    told = watcher.expect(publish("$SYS/brokers/stage-1/clients/passing/connected"))
    assert json.loads(told.payload)["username"] == "somebody"
    passing.disconnect()
    told = watcher.expect(publish("$SYS/brokers/stage-1/clients/passing/disconnected"))
    assert json.loads(told.payload)["clientid"] == "passing"


def test_troupectl_status(start_node):
    node = start_node(node={"name": "stage-1"})
    client = node.connect("c")
    client.ping()
    address = "http://{}:{}".format(*node.http)
    done = subprocess.run([troupectl(), "status", "--url", address], text=True,
                          capture_output=True, timeout=20)
    assert done.returncode == 0, done.stderr
    assert "stage-1" in done.stdout and "ready" in done.stdout
    done = subprocess.run([troupectl(), "status", "--json", "--url", address], text=True,
                          capture_output=True, timeout=20)
    assert json.loads(done.stdout)["connections"]["count"] == 1
    client.disconnect()
    node.stop()
    done = subprocess.run([troupectl(), "status", "--url", address], text=True,
                          capture_output=True, timeout=20)
    assert done.returncode != 0 and done.stderr


# --- queues -------------------------------------------------------------------------


def away(node):
    client = node.connect("away", session_expiry_interval=600)
    client.subscribe(("q/#", 1))
    client.disconnect()


def fill(node, count, size=10):
    writer = node.connect("writer")
    for number in range(count):
        writer.publish("q/x", str(number).ljust(size), qos=1)


def numbers(client, count):
    got = []
    for _ in range(count):
        message = client.next_packet()
        client.acknowledge(message)
        got.append(int(message.payload))
    client.expect_nothing()
    return got


def test_newest_are_dropped_when_a_queue_is_full(start_node):
    node = start_node(limits={"max_queued_messages": 10})
    away(node)
    fill(node, 25)
    dropped = lambda: node.metric("troupe_messages_dropped_total", reason="queue_full")  # noqa: E731
    wait_for(lambda: dropped() == 15, 5, "15 messages dropped")
    client = node.connect("away", clean_start=False, session_present=True,
                          session_expiry_interval=600)
    assert numbers(client, 10) == list(range(10))
    # There is room again.
    client.disconnect()
    fill(node, 3)
    client = node.connect("away", clean_start=False, session_present=True)
    assert numbers(client, 3) == [0, 1, 2]
    assert dropped() == 15


def test_bytes_of_a_queue_are_limited(start_node):
    node = start_node(limits={"max_queued_bytes": "64KiB"})
    away(node)
    fill(node, 30, size=8000)
    dropped = wait_for(lambda: node.metric("troupe_messages_dropped_total", reason="queue_full"), 5,
                       "messages dropped")
    kept = 30 - int(dropped)
    assert 6 <= kept <= 8
    client = node.connect("away", clean_start=False, session_present=True)
    assert numbers(client, kept) == list(range(kept))


@pytest.mark.parametrize("policy", ["drop_newest", "drop_oldest"])
def test_a_slow_reader_loses_by_its_own_limits(start_node, policy):
    """Connected, with a window of one, and acknowledging nothing."""
    node = start_node(limits={"max_queued_messages": 10, "queue_full_policy": policy})
    slow, quick = node.connect("slow", receive_maximum=1), node.connect("quick")
    for client in (slow, quick):
        client.subscribe(("q/#", 1))
    writer = node.connect("writer")
    for number in range(40):
        writer.publish("q/x", str(number), qos=1)
        quick.receive(publish("q/x", str(number), qos=1))
    dropped = node.metric("troupe_messages_dropped_total", reason="queue_full")
    assert dropped > 0
    got = numbers(slow, 40 - int(dropped))
    assert got == sorted(got)
    assert (39 in got) == (policy == "drop_oldest")
    assert 0 in got
