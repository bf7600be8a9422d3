"""Following a client, a topic or an address through the nodes: why who got what, and who did not."""

import datetime
import json
import signal
import subprocess
import time

import pytest
from wire.node import clean_environment, troupectl, wait_for
from wire.packets import V5, connack, connect_packet, publish

from .test_inspect import ask

NOT_FOUND, USAGE = 5, 2
RULES = """
topic readwrite t/#
topic readwrite away
topic write blind
topic read forbidden
topic read $SYS/#
"""


def start(node, name, kind, what, status=201, **more):
    got, said = ask(node, "POST", "/api/v1/trace",
                    {"name": name, "type": kind, kind: what, **more})
    assert got == status, said
    return said


def log(node, name, limit=1000, partial=()):
    """All events of a trace, page by page."""
    events, cursor = [], ""
    while True:
        status, page = ask(node, "GET", f"/api/v1/trace/{name}/log", limit=limit,
                           **({"cursor": cursor} if cursor else {}))
        assert status == 200, page
        assert page["partial"] == list(partial)
        assert page["meta"]["count"] == len(page["data"]) <= limit
        events += page["data"]
        cursor = page["meta"]["cursor"]
        if not page["meta"]["hasnext"]:
            return events


def until(node, name, wanted, partial=()):
    """The events of a trace when there is one as wanted."""
    found = []

    def look():
        found[:] = log(node, name, partial=partial)
        return any(wanted(e) for e in found)
    wait_for(look, 10, "the event")
    return found


def dropped(reason):
    return lambda e: e["event"] == "dropped" and e.get("reason") == reason


def of_message(events, topic):
    """The hops of the only message of the topic, in order."""
    numbers = {e["message"] for e in events if e.get("topic") == topic}
    assert len(numbers) == 1, numbers
    return [e for e in events if e.get("message") in numbers]


def the(events, event, **wanted):
    """The only event of that kind."""
    found = [e for e in events if e["event"] == event
             and all(e.get(key) == value for key, value in wanted.items())]
    assert len(found) == 1, (event, wanted, events)
    return found[0]


def ctl(node, *arguments, code=0):
    ran = subprocess.run([troupectl(), "trace", *arguments], capture_output=True, text=True,
                         timeout=30,
                         env=clean_environment(TROUPE_URL=f"http://127.0.0.1:{node.http[1]}"))
    assert ran.returncode == code, (arguments, ran.stdout, ran.stderr)
    return ran.stdout if code == 0 else ran.stderr


# --- one node ------------------------------------------------------------------------


@pytest.fixture
def node(make_node):
    made = make_node(node={"name": "stage-1"},
                     limits={"max_queued_messages": 2, "queue_full_policy": "drop_newest"})
    rules = made.folder / "acl"
    rules.write_text(RULES)
    made.tables["auth"] = {"acl_file": str(rules)}
    return made.start()


def all_expired(node, client):
    """Of what waits for the client: all that may expire has."""
    rows = ask(node, "GET", f"/api/v1/clients/{client}/mqueue_messages")[1]["data"]
    times = [row["expires_at"] for row in rows if row["expires_at"]]
    now = datetime.datetime.now(datetime.timezone.utc)
    return all(datetime.datetime.fromisoformat(each) < now for each in times)


def test_every_drop_has_its_reason(node):
    away = node.connect("away", session_expiry_interval=600)
    away.subscribe(("t/q", 1), ("t/e", 1))
    away.disconnect()
    start(node, "away", "clientid", "away")
    start(node, "all", "topic", "#")
    writer = node.connect("writer", receive_maximum=7)
    writer.publish("forbidden", "secret text", qos=1, reason=0x87)
    writer.publish("t/nobody", "1", qos=1)
    writer.publish("t/e", "1", qos=1, message_expiry_interval=1)
    writer.publish("t/q", "0")
    for number in range(3):
        writer.publish("t/q", str(number), qos=1)
    small = node.connect("small", maximum_packet_size=60)
    small.subscribe(("t/large", 1))
    writer.publish("t/large", "x" * 100, qos=1)
    own = node.connect("own")
    own.subscribe(("t/own", 1), granted=[1])
    wait_for(lambda: all_expired(node, "away"), 10, "what waits to expire")
    back = node.connect("away", clean_start=False, session_present=True,
                        session_expiry_interval=600)
    back.receive(publish("t/q", "0", qos=1))

    seen = until(node, "all", dropped("expired"))
    refused = of_message(seen, "forbidden")
    assert the(refused, "dropped")["reason"] == "not_authorized"
    assert "access rules do not allow writer to publish" in the(refused, "dropped")["text"]
    assert the(refused, "answered")["text"].startswith("PUBACK")
    assert the(refused, "received")["clientid"] == "writer"
    nobody = of_message(seen, "t/nobody")
    assert the(nobody, "dropped")["reason"] == "no_subscribers"
    assert the(nobody, "authorized") and "0 receivers" in the(nobody, "matched")["text"]
    large = of_message(seen, "t/large")
    assert the(large, "dropped", clientid="small")["reason"] == "too_large"
    expired = of_message(seen, "t/e")
    assert the(expired, "committed", clientid="away")
    assert "expired before it could be sent to away" in the(expired, "dropped")["text"]
    assert "secret text" not in json.dumps(seen)

    # The same of the client that did not get them, though nothing of who sent it is followed.
    mine = log(node, "away")
    assert all(e.get("clientid") == "away" for e in mine)
    assert {e["reason"] for e in mine if e["event"] == "dropped"} == {
        "expired", "queue_full", "not_connected"}
    full = [e for e in mine if e.get("reason") == "queue_full"]
    assert len(full) == 2 and "The queue of away is full: 2 of 2 messages" in full[0]["text"]
    assert [e["text"].split(",")[0] for e in mine if e["event"] == "connected"][0].startswith(
        "CONNECT from 127.0.0.1")
    times = [e["at_us"] for e in mine]
    assert times == sorted(times) and abs(times[0] / 1e6 - time.time()) < 60
    # Pages are the same as the whole.
    assert log(node, "away", limit=2) == mine


def test_a_client_is_followed_from_connect_to_disconnect(node):
    start(node, "c", "clientid", "c")
    start(node, "here", "ip_address", "127.0.0.")
    start(node, "else", "ip_address", "10.")
    client = node.connect("c", session_expiry_interval=60)
    client.subscribe(("t/a", 1), ("blind", 0), granted=[1, 0x87])
    client.publish("t/a", "x", qos=1)
    client.receive(publish("t/a", "x", qos=1))
    client.unsubscribe("t/a")
    client.disconnect()
    seen = until(node, "c", lambda e: e["event"] == "disconnected")
    assert [e["event"] for e in seen if "message" not in e] == [
        "connected", "connected", "subscribed", "unsubscribed", "disconnected"]
    assert "t/a QoS 1 -> granted QoS 1; blind QoS 0 -> the client is not authorised" in the(
        seen, "subscribed")["text"]
    assert "The client said goodbye" in the(seen, "disconnected")["text"]
    hops = [e["event"] for e in of_message(seen, "t/a")]
    assert hops[:3] == ["received", "authorized", "matched"] and "written" in hops
    assert the(seen, "acknowledged")["packet_id"] == the(seen, "written")["packet_id"]
    assert len({e["at_us"] for e in seen}) == len(seen)
    assert [e["event"] for e in log(node, "here")] == [e["event"] for e in seen]
    assert log(node, "else") == []
    # Who is not let in.
    refused = node.dial()
    refused.send(connect_packet("c", authentication_method="none of them"))
    refused.expect(connack(0x8C))
    assert the(until(node, "c", lambda e: e["event"] == "refused"), "refused")["text"].endswith(
        "Authentication method not supported")


def test_traces_are_bounded_and_end(node):
    started = start(node, "short", "topic", "t/#", duration=1, max_events=100)
    assert (started["status"], started["max_events"], started["nodes"]) == (
        "running", 100, ["stage-1"])
    client = node.connect("c")
    for _ in range(60):
        client.publish("t/nobody", "x")
    client.publish("t/nobody", "x", qos=1)

    def shown():
        return {t["name"]: t for t in ask(node, "GET", "/api/v1/trace")[1]["data"]}
    wait_for(lambda: shown()["short"]["status"] == "stopped", 5, "the end of the trace")
    seen = shown()["short"]
    assert seen["lost"] == seen["events"] - 100 > 0
    assert len(log(node, "short")) == 100
    client.publish("t/nobody", "x", qos=1)
    assert shown()["short"]["events"] == seen["events"]
    assert ask(node, "DELETE", "/api/v1/trace/short")[0] == 204
    assert ask(node, "GET", "/api/v1/trace/short/log")[0] == 404
    for number in range(10):
        start(node, f"t{number}", "clientid", "c")
    assert "10 traces" in start(node, "eleven", "clientid", "c", status=409)["message"]
    assert "already" in start(node, "t1", "clientid", "c", status=409)["message"]
    assert ask(node, "PUT", "/api/v1/trace/t1/stop")[0] == 204
    assert shown()["t1"]["status"] == "stopped" and shown()["t2"]["status"] == "running"


def test_malformed_requests_are_refused_in_words(node):
    good = {"name": "n", "type": "topic", "topic": "a/+"}
    for change in ({"name": "with blank"}, {"name": ""}, {"name": "x" * 65}, {"type": "odd"},
                   {"topic": "a/#/b"}, {"topic": ""}, {"clientid": "c"}, {"type": "clientid"},
                   {"duration": 0}, {"duration": 3601}, {"duration": "x"}, {"max_events": 99},
                   {"max_events": 20001}, {"more": 1}):
        status, said = ask(node, "POST", "/api/v1/trace", {**good, **change})
        assert status == 400 and said["message"] and said["code"], change
    assert ask(node, "GET", "/api/v1/trace")[1]["data"] == []
    for path in ("/api/v1/trace/none/log", "/api/v1/trace/none"):
        method = "GET" if path.endswith("log") else "DELETE"
        assert ask(node, method, path)[0] == 404
    assert ask(node, "PUT", "/api/v1/trace/none/stop")[0] == 404
    start(node, "n", "topic", "a/+")
    for bad in ({"cursor": "zz"}, {"limit": 0}, {"limit": 1001}):
        assert ask(node, "GET", "/api/v1/trace/n/log", **bad)[0] == 400, bad


# --- a cluster -----------------------------------------------------------------------


def test_a_message_is_followed_over_nodes(make_cluster, tmp_path):
    rules = tmp_path / "acl"
    rules.write_text(RULES)
    cluster = make_cluster(3, auth={"acl_file": str(rules)},
                           limits={"max_queued_messages": 2, "queue_full_policy": "drop_newest"})
    cluster.start().wait_owners()
    first, second, third = cluster.nodes
    far = second.connect("far")
    far.subscribe(*[(f"t/{number}", 1) for number in range(8)], ("t/q", 1))
    away = third.connect("away", session_expiry_interval=600)
    away.subscribe(("t/q", 1), ("t/e", 1))
    away.disconnect()
    start(second, "t", "topic", "t/#")
    start(third, "forbidden", "topic", "forbidden")
    start(first, "away", "clientid", "away")
    assert all(t["nodes"] == ["n1", "n2", "n3"]
               for t in ask(first, "GET", "/api/v1/trace")[1]["data"])
    writer = first.connect("writer")
    for number in range(8):
        writer.publish(f"t/{number}", "x", qos=1)
        far.receive(publish(f"t/{number}", "x", qos=1))
    writer.publish("t/nobody", "x", qos=1)
    writer.publish("forbidden", "x", qos=1, reason=0x87)
    writer.publish("t/e", "x", qos=1, message_expiry_interval=1)
    for _ in range(3):
        writer.publish("t/q", "x", qos=1)
        far.receive(publish("t/q", "x", qos=1))

    seen = log(third, "t")
    owners = set()
    for number in range(8):
        hops = of_message(seen, f"t/{number}")
        assert the(hops, "received")["node"] == "n1"
        owner = the(hops, "matched")["node"]
        owners.add(owner)
        # The session of a clean client is on its own node; kept ones are where their shard is.
        assert [e["peer"] for e in hops if e["event"] == "forwarded"][0] == (
            owner if owner != "n1" else "n2")
        if owner != "n1":
            assert [e["node"] for e in hops if e["event"] == "arrived"][0] == owner
        assert the(hops, "written", clientid="far")["node"] == "n2"
        assert the(hops, "acknowledged", clientid="far")["node"] == "n2"
        assert the(hops, "answered", clientid="writer")["node"] == "n1"
    assert len(owners) > 1
    assert the(of_message(seen, "t/nobody"), "dropped")["reason"] == "no_subscribers"
    assert the(log(first, "forbidden"), "dropped")["reason"] == "not_authorized"

    # What the one that was away did not get, as any node tells it.
    mine = until(second, "away", dropped("queue_full"))
    full = [e for e in mine if e.get("reason") == "queue_full"]
    assert len(full) == 2 and full[0]["text"].startswith("The queue of away is full: 2 of 2 messages")
    wait_for(lambda: all_expired(second, "away"), 10, "what waits to expire")
    back = second.connect("away", clean_start=False, session_present=True,
                          session_expiry_interval=600)
    back.receive(publish("t/q", "x", qos=1))
    mine = until(first, "away", dropped("expired"))
    assert the(mine, "dropped", reason="expired")["node"] == "n2"
    # Also that it was matched, or arrived: another trace follows the same messages.
    assert [e["event"] for e in mine if e.get("topic") == "t/e"][0] in ("matched", "arrived")
    assert {e["node"] for e in mine if e["event"] == "connected"} == {"n2"}
    # The message has the same number in both traces.
    numbers = {e["message"] for e in mine if e.get("topic") == "t/e"}
    assert numbers == {e["message"] for e in log(first, "t") if e.get("topic") == "t/e"}
    assert len(numbers) == 1

    # A node that stands still is named; one that comes back hears of the traces that run.
    third.stand_still()
    log(first, "t", partial=["n3"])
    third.go_on()
    wait_for(lambda: ask(first, "GET", "/api/v1/trace")[1]["partial"] == [], 30, "n3")
    third.restart()
    third.wait_ready()
    wait_for(lambda: all(t["nodes"] == ["n1", "n2", "n3"]
                         for t in ask(first, "GET", "/api/v1/trace")[1]["data"]), 30, "the traces")
    cluster.wait_owners()
    late = third.connect("late")
    late.publish("t/1", "late", qos=1)
    until(second, "t", lambda e: e["event"] == "received" and e["clientid"] == "late"
          and e["node"] == "n3")


# --- troupectl -----------------------------------------------------------------------


def test_verbs(node, tmp_path):
    assert "follows topic t/#" in ctl(node, "start", "one", "topic", "t/#", "--duration", "2min")
    assert "already" in ctl(node, "start", "one", "topic", "t/#", code=1)
    ctl(node, "start", "two", "color", "red", code=USAGE)
    ctl(node, "start", "two", "topic", "a/#/b", code=1)
    ctl(node, "start", "two", "client", "c", "--duration", "2h", code=USAGE)
    client = node.connect("c\x1b[2J")
    client.subscribe(("t/a", 1))
    client.publish("t/a", "x", qos=1)
    client.receive(publish("t/a", "x", qos=1))
    client.publish("t/nobody", "x", qos=1)
    wait_for(lambda: "no_subscribers" in ctl(node, "show", "one"), 10)
    text = ctl(node, "show", "one")
    assert text.startswith("Trace one, topic t/#: runs until ") and "\x1b" not in text
    messages = text.split("\n\n")[1:]
    assert len(messages) == 2 and "t/a  1 bytes" in messages[0]
    assert "No session subscribes to it [no_subscribers]" in messages[1]
    number = messages[1].split()[1]
    assert ctl(node, "show", "one", "--message", number).count("message ") == 1
    events = [json.loads(line) for line in ctl(node, "show", "one", "--json").splitlines()]
    assert {e["topic"] for e in events} == {"t/a", "t/nobody"}
    file = tmp_path / "trace"
    assert ctl(node, "show", "one", "--output", str(file)) == ""
    assert file.read_text() == text
    ctl(node, "show", "one", "--output", "/nowhere/file", code=1)
    assert "one" in ctl(node, "list") and "running" in ctl(node, "list")
    assert "is over" in ctl(node, "stop", "one")
    assert "stopped" in ctl(node, "list")
    # Of one that is over, what comes has come.
    assert ctl(node, "show", "one", "--follow").count("\n") == len(events)
    assert "is gone" in ctl(node, "delete", "one")
    assert "no trace" in ctl(node, "show", "one", code=NOT_FOUND)
    ctl(node, "delete", "one", code=NOT_FOUND)


def test_following_on_the_terminal_until_ctrl_c(node):
    pexpect = pytest.importorskip("pexpect")
    live = pexpect.spawn(str(troupectl()), ["trace", "client", "c", "--duration", "30"],
                         env=clean_environment(TROUPE_URL=f"http://127.0.0.1:{node.http[1]}"),
                         encoding="utf-8", timeout=20, dimensions=(50, 200))
    live.expect("Following client c for 30 s")
    client = node.connect("c", version=V5)
    client.publish("forbidden", "x", qos=1, reason=0x87)
    live.expect("CONNECT from 127.0.0.1")
    live.expect("not allow c to publish there .not_authorized.")
    live.sendintr()
    live.expect(pexpect.EOF)
    live.close()
    assert live.exitstatus == 0
    assert ask(node, "GET", "/api/v1/trace")[1]["data"] == []


def test_following_ends_with_its_time_and_takes_the_trace_away(node, tmp_path):
    file = tmp_path / "seen"
    live = subprocess.Popen(
        [troupectl(), "trace", "topic", "t/+", "--duration", "2", "--json", "--output", file],
        env=clean_environment(TROUPE_URL=f"http://127.0.0.1:{node.http[1]}"),
        stderr=subprocess.PIPE, text=True)
    try:
        assert "Following topic t/+ for 2 s" in live.stderr.readline()
        node.connect("c").publish("t/x", "x", qos=1)
        assert live.wait(20) == 0
    finally:
        if live.poll() is None:
            live.send_signal(signal.SIGKILL)
        live.stderr.close()
        live.wait()
    events = [json.loads(line) for line in file.read_text().splitlines()]
    assert [e["event"] for e in events] == ["received", "authorized", "matched", "dropped",
                                            "answered"]
    assert ask(node, "GET", "/api/v1/trace")[1]["data"] == []


def test_what_an_administrator_drops_is_said_so(start_node):
    node = start_node()
    away = node.connect("away", session_expiry_interval=600)
    away.subscribe(("t/q", 1))
    away.disconnect()
    writer = node.connect("writer")
    writer.publish("t/q", "1", qos=1)
    start(node, "away", "clientid", "away")
    assert ask(node, "DELETE", "/api/v1/clients/away/mqueue_messages") == (
        200, {"dropped": 1, "more": False})
    event = the(until(node, "away", dropped("administrator")), "dropped")
    assert event["text"] == "Dropped from the queue of away by an administrator"
