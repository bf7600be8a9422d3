"""troupe-bench against a real broker: what it sends, checks and tells."""

import json
import pathlib
import subprocess

import pytest
from wire.broker import default_binary
from wire.node import ROOT, wait_for


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


def phases(told):
    """Those of the report by their names."""
    return {each["name"]: each for each in told["phases"]}


def checks(told):
    return [told["messages"][kind] for kind in ("lost", "duplicated", "reordered", "foreign", "corrupted")]


def nothing_is_left(node):
    wait_for(lambda: node.metric("troupe_sessions_count") == 0, what="no sessions")
    reader = node.connect("reader")
    reader.subscribe("bench/#")
    reader.expect_nothing()
    reader.disconnect()


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_connections_come_and_go(start_node, version):
    node = start_node()
    status, told, said = bench(node, "connect", "--connections", "501", "--concurrency", "20",
                               "--mqtt", version, "--threads", "2", "--pid", str(node.process.pid))
    assert status == 0, said
    storm, = told["phases"]
    assert (storm["name"], storm["things"], storm["count"]) == ("connect", "connections", 501)
    assert storm["per_second"] > 0 and storm["cpu_seconds"] > 0
    assert told["latency_us"]["count"] == 501
    assert node.metric("troupe_connections_accepted_total") == 501
    assert node.metric("troupe_connections_max") < 100  # it sees late who has left
    nothing_is_left(node)


def test_connections_at_a_fixed_rate(start_node):
    node = start_node()
    status, told, said = bench(node, "connect", "--rate", "300", "--time", "1", "--warm-up", "0.2",
                               "--reset")
    assert status == 0, said
    storm, = told["phases"]
    assert 250 <= storm["per_second"] <= 350
    assert abs(told["latency_us"]["count"] - storm["count"]) < 50


def test_connections_are_held(start_node):
    node = start_node()
    status, told, said = bench(node, "connect", "--connections", "300", "--hold", "--pid",
                               str(node.process.pid))
    assert status == 0, said
    assert node.metric("troupe_connections_max") == 300
    assert told["memory"]["clients"] == 300 and told["memory"]["with_clients"] > 1 << 20


def test_clients_hold_still(start_node):
    node = start_node()
    status, told, said = bench(node, "idle", "--clients", "300", "--subscribe", "--time", "0.5", "--pid",
                               str(node.process.pid))
    assert status == 0, said
    assert phases(told)["connect"]["count"] == 300
    assert phases(told)["hold"]["seconds"] >= 0.5
    assert told["memory"]["clients"] == 300 and "bytes a connection" in said
    assert node.metric("troupe_subscriptions_made_total") == 300
    nothing_is_left(node)


@pytest.mark.parametrize("qos", ["1", "2"])
@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_messages_for_sessions_that_are_away(start_node, version, qos):
    node = start_node()
    status, told, said = bench(node, "offline", "--clients", "7", "-n", "150", "--qos", qos, "--mqtt",
                               version, "--threads", "2")
    assert status == 0, said
    messages = told["messages"]
    assert messages["sent"] == messages["expected"] == messages["received"] == 1050
    assert checks(told) == [0] * 5
    assert phases(told)["store"]["count"] == phases(told)["drain"]["count"] == 1050
    assert told["latency_us"]["count"] == 1050
    nothing_is_left(node)


def test_messages_that_were_not_stored_are_lost(start_node):
    node = start_node(limits={"max_queued_messages": 10, "max_inflight": 2})
    status, told, said = bench(node, "offline", "--clients", "3", "-n", "100", "--stall", "1")
    assert status == 1
    assert told["messages"]["lost"] == 300 - told["messages"]["received"] > 0
    assert "No progress for 1 s" in told["failure"] and not told["ok"]
    nothing_is_left(node)


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_retained_messages_come_once_to_each(start_node, version):
    node = start_node()
    status, told, said = bench(node, "retained", "--topics", "1003", "-p", "4", "-s", "2", "--mqtt",
                               version, "--threads", "2")
    assert status == 0, said
    messages = told["messages"]
    assert messages["sent"] == 1003 and messages["expected"] == messages["received"] == 2006
    assert checks(told) == [0] * 5
    assert {name: each["count"] for name, each in phases(told).items()} == {
        "set": 1003, "deliver": 2006, "clear": 1003}
    nothing_is_left(node)


def test_retained_messages_of_others_are_told(start_node):
    node = start_node()
    writer = node.connect("writer")
    writer.publish("bench/retained/of/others", "x", qos=1, retain=True)
    status, told, said = bench(node, "retained", "--topics", "10")
    assert status == 1
    assert told["messages"]["foreign"] == 1 and told["messages"]["lost"] == 0, said


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_sessions_come_back(start_node, version):
    node = start_node()
    status, told, said = bench(node, "reconnect", "--clients", "200", "--rounds", "2", "--mqtt", version)
    assert status == 0, said
    counts = {name: each["count"] for name, each in phases(told).items()}
    assert counts == {"connect": 200, "reconnect 1": 200, "reconnect 2": 200}
    assert told["latency_us"]["count"] == 400
    assert node.metric("troupe_session_events_total", event="resumed") == 400
    nothing_is_left(node)


def test_sessions_that_are_forgotten_are_told(start_node):
    node = start_node(limits={"max_session_expiry": "0s"})
    status, told, said = bench(node, "reconnect", "--clients", "5", "--mqtt", "5")
    assert status == 1
    assert "it has forgotten the session" in told["failure"]


def test_a_broker_that_goes_away_ends_the_run(start_node):
    node = start_node()
    host, port = node.addresses["tcp"]
    running = subprocess.Popen([bench_binary(), "idle", "--clients", "50", "--time", "20", "--broker",
                                f"{host}:{port}"], stdout=subprocess.PIPE, text=True)
    wait_for(lambda: node.metric("troupe_sessions_connected") == 50, what="50 clients")
    node.kill()
    said, _ = running.communicate(timeout=10)
    assert running.returncode == 1 and "FAILED" in said and "closed" in said
