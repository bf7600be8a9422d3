"""A node that is emptied of its clients, at a rate, with a word to each of them."""

import http.client
import json
import subprocess
import time

from wire.client import Closed
from wire.node import troupectl, wait_for
from wire.packets import V5, V311, connack, connect_packet, disconnect, publish

ELSEWHERE = "broker-2.example.org:1883"


def ask(node, method, body=None, kind="application/json"):
    connection = http.client.HTTPConnection(*node.http, timeout=10)
    headers = {"Content-Type": kind} if kind else {}
    connection.request(method, "/api/v1/node/drain", body=body, headers=headers)
    answer = connection.getresponse()
    status, text = answer.status, answer.read().decode()
    connection.close()
    return status, json.loads(text)


def command(node, *arguments, code=0):
    done = subprocess.run([troupectl(), *arguments, "--url", f"http://127.0.0.1:{node.http[1]}"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def ended_at(client):
    """When the broker has closed, and what it said before."""
    said = None
    try:
        said = client.next_packet(within=20)
        client.next_packet(within=20)
        raise AssertionError("something after the last word")
    except Closed:
        return time.monotonic(), said


def test_clients_leave_at_the_rate_and_new_ones_are_refused(start_node):
    node = start_node()
    fives = [node.connect(f"five-{n}", session_expiry_interval=600) for n in range(6)]
    old = [node.connect(f"old-{n}", version=V311) for n in range(6)]
    begin = time.monotonic()
    status, state = ask(node, "POST", json.dumps({"rate": 6, "server_reference": ELSEWHERE}))
    assert status == 200
    assert (state["draining"], state["rate"], state["server_reference"]) == (True, 6, ELSEWHERE)
    assert 10 <= state["remaining"] <= 12

    status, _, body = node.get("/readyz")
    assert status == 503 and "The node is draining" in body
    assert node.metric("troupe_draining") == 1
    late = node.dial()
    late.send(connect_packet("late"))
    refusal = late.expect(connack(0x9C))
    assert refusal.property("server_reference") == ELSEWHERE
    late = node.dial(version=V311)
    late.send(connect_packet("late"))
    late.expect(connack(3))

    times = []
    for client in fives + old:
        at, said = ended_at(client)
        times.append(at - begin)
        if client.version == V5:
            assert said.kind == "disconnect" and said.reason == 0x9C
            assert said.property("server_reference") == ELSEWHERE
        else:
            assert said is None
    times.sort()
    print("seconds:", [round(t, 2) for t in times])
    # Twelve clients, six a second; each as late as its turn, and no client much before it.
    assert 1.8 < times[-1] < 6
    for number, at in enumerate(times, 1):
        assert at > number / 6 - 0.15
    wait_for(lambda: ask(node, "GET", kind=None)[1]["remaining"] == 0, 5, "nobody")
    assert node.metric("troupe_clients_redirected_total", when="connect") == 2
    assert node.metric("troupe_clients_redirected_total", when="connected") == 12
    node.await_log("Drained: no client is connected")

    status, state = ask(node, "DELETE", kind=None)
    assert status == 200 and not state["draining"]
    assert node.get("/readyz")[0] == 200
    assert node.metric("troupe_draining") == 0
    # The session was kept for it.
    node.connect("five-0", clean_start=False, session_present=True).ping()
    node.connect("old-0", version=V311).ping()


def test_only_who_means_it_may_drain(start_node):
    node = start_node()
    assert ask(node, "POST", '{"rate": 5}', kind="text/plain")[0] == 415
    assert ask(node, "POST", '{"rate": 0}')[0] == 400
    assert ask(node, "POST", "rate")[0] == 400
    assert ask(node, "GET", kind=None)[1]["draining"] is False
    node.connect("c").ping()


def test_the_command(start_node):
    node = start_node(node={"server_reference": ELSEWHERE})
    clients = [node.connect(f"c{n}", session_expiry_interval=60) for n in range(4)]
    assert "drain " not in command(node, "status")
    said = command(node, "node", "drain", "--rate", "5")
    assert "The node drains; " in said
    shown = command(node, "status")
    assert "not ready" in shown and "The node is draining" in shown
    assert f"clients left, 5 a second, to {ELSEWHERE}" in shown
    # An order while it drains changes the rate.
    assert "No client is connected." in command(node, "node", "drain", "--rate", "1000", "--wait")
    for client in clients:
        said = client.expect(disconnect(0x9C))
        assert said.property("server_reference") == ELSEWHERE
    assert "takes clients" in command(node, "node", "undrain")
    node.connect("c0", clean_start=False, session_present=True).ping()
    assert "required" in command(node, "node", code=2)
    assert command(node, "node", "drain", "--rate", "0", code=2)
    assert "visible ASCII" in command(node, "node", "drain", "--server-reference", "a b", code=1)


def test_a_wait_has_an_end(start_node):
    node = start_node()
    clients = [node.connect(f"c{n}") for n in range(3)]
    said = command(node, "node", "drain", "--rate", "1", "--wait", "--timeout", "1", code=1)
    assert "After 1 s" in said
    assert len(clients) == 3


def test_wills_of_clients_that_are_sent_elsewhere(start_node):
    """A will waits for the client to be back where its session goes on; it is sent where
    the session ends with the connection [MQTT-3.1.2-8]."""
    node = start_node()
    keeper = node.connect("keeper", session_expiry_interval=600)
    keeper.subscribe(("will/#", 1))
    lasting = node.connect("lasting", session_expiry_interval=600, will=publish("will/lasting", "x", qos=1))
    passing = node.connect("passing", will=publish("will/passing", "x", qos=1))
    short = node.connect("short", session_expiry_interval=1, will=publish("will/short", "x", qos=1))
    old = node.connect("old", version=V311, clean_start=False,
                       will=publish("will/old", "x", qos=1))
    ask(node, "POST", json.dumps({"rate": 1000}))
    for client in (keeper, lasting, passing, short):
        client.expect_close(0x9C)
    old.expect_close()
    ask(node, "DELETE", kind=None)
    keeper = node.connect("keeper", clean_start=False, session_present=True)
    assert keeper.next_packet().topic == "will/passing"
    # A session that ends takes its will along, whatever it waits for.
    assert keeper.next_packet(within=5).topic == "will/short"
    for back in (node.connect("lasting", clean_start=False, session_present=True),
                 node.connect("old", version=V311, clean_start=False, session_present=True)):
        back.disconnect()
    keeper.expect_nothing()
    assert node.metric("troupe_wills_sent_total") == 2


def test_a_packet_limit_that_has_no_room_for_the_reference(start_node):
    node = start_node(node={"server_reference": "x" * 256})
    client = node.connect("c", maximum_packet_size=64)
    ask(node, "POST")
    said = client.next_packet(within=10)
    assert said.kind == "disconnect" and said.reason == 0x9C
    assert said.property("server_reference") is None


def test_stop_while_draining(start_node):
    node = start_node()
    clients = [node.connect(f"c{n}") for n in range(3)]
    ask(node, "POST", json.dumps({"rate": 1}))
    assert node.stop() == 0
    for client in clients:
        client.expect_close({0x9C, 0x8B})
