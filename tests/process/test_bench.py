"""troupe-bench against a real broker: what it sends, checks and tells."""

import json
import pathlib
import subprocess

import pytest
from wire.broker import default_binary
from wire.node import ROOT


def bench_binary():
    beside = pathlib.Path(default_binary("troupe")).resolve().parents[1] / "troupe-bench/troupe-bench"
    return beside if beside.exists() else ROOT / "build/dev/tools/troupe-bench/troupe-bench"


def bench(node, *arguments, listener=None, within=30):
    """Exit status, the JSON that it wrote, and what it said."""
    host, port = node.addresses[listener or node.listeners[0]["name"]]
    ran = subprocess.run([bench_binary(), *arguments, "--broker", f"{host}:{port}", "--json", "-"],
                         capture_output=True, text=True, timeout=within)
    return ran.returncode, json.loads(ran.stdout) if ran.stdout else None, ran.stderr


@pytest.mark.parametrize("qos", ["0", "1", "2"])
@pytest.mark.parametrize("scenario,receivers", [
    (["pairs", "-p", "10"], 1), (["fan-in", "-p", "10"], 1), (["fan-out", "-s", "10"], 10),
    (["shared", "-p", "10", "-s", "3"], 1)])
def test_counts_agree_with_the_broker(start_node, scenario, receivers, qos):
    node = start_node()
    status, told, said = bench(node, *scenario, "--qos", qos, "--messages", "2000", "--pid",
                               str(node.process.pid), "--mqtt", "5")
    assert status == 0, said
    messages = told["messages"]
    assert messages["sent"] == 2000
    assert messages["expected"] == messages["received"] == 2000 * receivers
    assert [messages[kind] for kind in ("lost", "duplicated", "reordered", "foreign", "corrupted")] == [0] * 5
    assert node.metric("troupe_messages_received_total", qos=qos) == 2000
    assert node.metric("troupe_messages_sent_total", qos=qos) == 2000 * receivers
    phase, = told["phases"]
    assert phase["count"] == 2000 * receivers and phase["seconds"] > 0
    assert phase["cpu_seconds"] >= 0 and told["memory"]["peak"] > 1 << 20
    assert "0 lost" in said


def test_a_fixed_rate_is_kept(start_node):
    node = start_node()
    status, told, said = bench(node, "pairs", "-p", "20", "-q", "1", "--rate", "2000", "--time", "1",
                               "--warm-up", "0.2")
    assert status == 0, said
    phase, = told["phases"]
    assert 1800 <= phase["per_second"] <= 2200
    latency = told["latency_us"]
    assert 0 < latency["p50"] <= latency["p99"] <= latency["p99.9"] <= latency["max"]
    assert abs(latency["count"] - phase["count"]) < 200


def test_websocket_and_threads(start_node):
    node = start_node(["tcp", "ws"])
    status, told, said = bench(node, "pairs", "-p", "8", "-q", "2", "-n", "800", "--websocket",
                               "--threads", "2", listener="ws")
    assert status == 0, said
    assert told["messages"]["received"] == 800


def test_large_messages_arrive_whole(start_node):
    node = start_node()
    status, told, said = bench(node, "pairs", "-p", "2", "-q", "1", "-n", "40", "--payload", "262144")
    assert status == 0, said
    assert told["messages"]["received"] == 40 and told["messages"]["corrupted"] == 0


def test_lost_messages_are_counted(start_node):
    """A subscriber that may have ten messages queued loses some of a window of a thousand."""
    node = start_node(limits={"max_queued_messages": 10, "max_inflight": 2})
    status, told, said = bench(node, "fan-in", "-p", "10", "-q", "1", "-n", "5000", "--window", "100",
                               "--stall", "1")
    assert status == 1
    messages = told["messages"]
    assert messages["lost"] == messages["expected"] - messages["received"] > 0
    assert not told["ok"] and "lost" in said


def test_a_broker_that_is_not_there(start_node):
    node = start_node()
    node.addresses[node.listeners[0]["name"]] = ("127.0.0.1", 1)
    status, told, said = bench(node, "pairs", "-p", "2", "-n", "10")
    assert status == 1
    assert "cannot connect" in told["failure"] and "FAILED" in said
