"""SIGTERM, SIGHUP and a second process on the same data."""

import json
import signal
import threading
import time

import pytest
from wire.client import Closed
from wire.node import wait_for
from wire.packets import V5, V311, puback, publish

STOPPED_WITHIN = 2.0


def load(node, number, stopped, acknowledged):
    """Publishes with QoS 1, some at a time, until the node goes."""
    client = node.connect(f"load-{number}", version=V311)
    sent, end = 0, time.monotonic() + 30
    try:
        while time.monotonic() < end:
            for _ in range(20):
                sent += 1
                client.send(publish(f"load/{number}", str(sent), qos=1, id=sent % 60000 + 1))
            for _ in range(20):
                client.await_packet(puback(range(1, 60002)), within=10)
                acknowledged[number] += 1
    except (Closed, AssertionError):
        stopped.append(number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_during_load(start_node, number):
    """Ends soon and with 0, tells MQTT 5.0 clients 0x8B, and keeps what was acknowledged."""
    node = start_node(["tcp", "ws"], log={"level": "warning"})
    keeper = node.connect("keeper", session_expiry_interval=600)
    keeper.subscribe(("load/#", 1))
    keeper.disconnect()
    watchers = [node.connect(f"watch-{n}", listener=("tcp", "ws")[n % 2]) for n in range(20)]
    stopped, acknowledged = [], [0] * 4
    threads = [threading.Thread(target=load, args=(node, n, stopped, acknowledged), daemon=True)
               for n in range(4)]
    for thread in threads:
        thread.start()
    wait_for(lambda: min(acknowledged) > 100, 20, "the load to run")
    begin = time.monotonic()
    node.process.send_signal(number)
    code = node.process.wait(15)
    took = time.monotonic() - begin
    print(f"stopped within {took * 1000:.0f} ms")
    assert code == 0, node.log_text()[-2000:]
    assert took < STOPPED_WITHIN
    for watcher in watchers:
        watcher.expect_close(0x8B)
    for thread in threads:
        thread.join(15)
    assert sorted(stopped) == [0, 1, 2, 3]
    node.start()
    keeper = node.connect("keeper", clean_start=False, session_present=True)
    missing = {(n, number) for n in range(4) for number in range(1, acknowledged[n] + 1)}
    while missing:  # next_packet fails when nothing comes any more
        message = keeper.next_packet()
        keeper.acknowledge(message)
        missing.discard((int(message.topic[-1]), int(message.payload)))


def test_stop_when_idle_and_with_a_peer_that_does_not_read(start_node):
    node = start_node()
    node.connect("idle")
    silent = node.dial()
    begin = time.monotonic()
    assert node.stop() == 0
    assert time.monotonic() - begin < STOPPED_WITHIN
    silent.expect_close()


def test_the_ports_are_free_at_once(start_node):
    """A restart is not kept waiting by connections of before."""
    node = start_node()
    clients = [node.connect(f"c{n}") for n in range(10)]
    node.listeners[0]["bind"] = f"127.0.0.1:{node.addresses['tcp'][1]}"
    node.restart()
    node.restart(signal.SIGKILL)
    node.connect("again").disconnect()
    assert all(client.expect_close() for client in clients)


def test_one_process_on_one_directory(start_node, make_node):
    """The second is refused with a sentence that names the directory; the first is not disturbed."""
    first = start_node()
    client = first.connect("c")
    second = make_node(name="second", node={"data_dir": str(first.folder / "data")})
    with pytest.raises(RuntimeError, match="did not start") as refusal:
        second.start()
    assert second.process.returncode == 1
    assert str(first.folder / "data") in str(refusal.value)
    assert "process" in str(refusal.value)
    client.ping()
    # The directory is free as soon as its owner is dead.
    first.kill()
    second.start().connect("c").disconnect()


def test_another_number_of_shards_is_refused(start_node):
    node = start_node()
    node.stop()
    node.tables["node"]["shards"] = 16
    with pytest.raises(RuntimeError, match="shards"):
        node.start()


def test_a_taken_port_is_named(start_node, make_node):
    node = start_node()
    address = "{}:{}".format(*node.addresses["tcp"])
    other = make_node([{"name": "tcp", "transport": "tcp", "bind": address}])
    with pytest.raises(RuntimeError, match=address):
        other.start()


def test_log_is_reopened(make_node):
    """As logrotate does it: the file is renamed, then SIGHUP."""
    node = make_node(log={"level": "info", "format": "json"})
    log = node.log = node.folder / "node.log"
    node.tables["log"]["target"] = str(log)
    node.start()
    rotated = log.rename(node.folder / "node.log.1")
    node.reload()
    assert log.exists()
    node.connect("x").disconnect()
    node.process.terminate()
    assert node.process.wait(10) == 0
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert any("Stopping" in json.dumps(line) for line in lines)
    assert "Stopping" not in rotated.read_text()


def test_signals_come_again_and_again(start_node):
    """Reloads do not pile up, and a client notices nothing of them."""
    node = start_node()
    client = node.connect("c")
    client.subscribe(("t", 1))
    for _ in range(20):
        node.process.send_signal(signal.SIGHUP)
        client.publish("t", "x", qos=1)
        client.receive(publish("t", "x", qos=1))
    assert node.stop() == 0
    client.expect_close(0x8B)
    assert client.version == V5
