"""What administrators see of a running node and cluster, and what they do to its clients."""

import http.client
import json
import signal
import time
import urllib.parse

import pytest
from wire.node import wait_for
from wire.packets import V5, V311, Will, connack, connect_packet, disconnect

ADMINISTRATIVE_ACTION, BANNED = 0x98, 0x8A


def ask(server, method, path, body=None, **query):
    """(status, decoded body) of a request with this query."""
    connection = http.client.HTTPConnection(*server.http, timeout=15)
    try:
        if query:
            path += "?" + urllib.parse.urlencode(query)
        connection.request(method, path, body=None if body is None else json.dumps(body),
                           headers={"Content-Type": "application/json"} if body else {})
        answer = connection.getresponse()
        text = answer.read().decode()
        return answer.status, json.loads(text) if text else None
    finally:
        connection.close()


def rows(server, path, **query):
    """All rows of a list, page by page; no node may have been silent."""
    found, cursor = [], ""
    while True:
        status, page = ask(server, "GET", path, **query, **({"cursor": cursor} if cursor else {}))
        assert status == 200, page
        assert page["partial"] == []
        assert page["meta"]["count"] == len(page["data"])
        found += page["data"]
        cursor = page["meta"]["cursor"]
        assert bool(cursor) == page["meta"]["hasnext"]
        if not cursor:
            return found


def ids(server, **query):
    return [row["clientid"] for row in rows(server, "/api/v1/clients", **query)]


def quoted(text):
    return urllib.parse.quote(text, safe="")


# --- one node ------------------------------------------------------------------------


def test_clients_are_listed_by_pages_and_filters(start_node):
    node = start_node()
    kept = [node.connect(f"client-{number:02}", username="even" if number % 2 == 0 else "odd",
                         version=V5 if number < 20 else V311) for number in range(30)]
    kept[0].subscribe("a/+", "b")
    away = node.connect("away", session_expiry_interval=600)
    away.subscribe(("q", 1))
    away.disconnect()
    wait_for(lambda: ids(node, conn_state="disconnected") == ["away"])
    assert ids(node) == ["away"] + [f"client-{number:02}" for number in range(30)]
    assert ids(node, limit=7) == ids(node)
    assert ids(node, prefix="client-1") == [f"client-1{number}" for number in range(10)]
    assert ids(node, like_clientid="way") == ["away"]
    assert len(ids(node, username="even")) == 15
    assert len(ids(node, proto_ver=4)) == 10
    assert len(ids(node, ip_address="127.0.0.")) == 30
    assert ids(node, ip_address="192.0.2.1") == []
    assert ids(node, clientid="client-07") == ["client-07"]
    kept[1].publish("q", "1", qos=1)
    assert ids(node, queue_min=1) == ["away"]

    row = rows(node, "/api/v1/clients", clientid="client-00")[0]
    assert (row["connected"], row["keepalive"], row["proto_ver"]) == (True, 60, 5)
    assert (row["listener"], row["ip_address"], row["subscriptions_cnt"]) == ("tcp", "127.0.0.1", 2)
    assert abs(time.time() - time.mktime(time.strptime(row["connected_at"][:19],
                                                       "%Y-%m-%dT%H:%M:%S"))
               + time.timezone) < 60

    for bad in ({"limit": 0}, {"limit": "x"}, {"cursor": "zz"}, {"color": "red"},
                {"conn_state": "odd"}, {"queue_min": -1}, {"proto_ver": 6}):
        status, said = ask(node, "GET", "/api/v1/clients", **bad)
        assert status == 400 and said["message"], bad
    assert ask(node, "GET", "/api/v1/clients", node="nowhere")[0] == 404


def test_one_client_in_full(start_node):
    node = start_node()
    client = node.connect("c/1 ä", session_expiry_interval=600,
                          will=Will("w", b"bye", will_delay_interval=5))
    client.subscribe(("a/+", 1))
    client.publish("x", "1", qos=1)
    client.publish("a/b", "1", qos=0)
    client.next_packet()
    path = "/api/v1/clients/" + quoted("c/1 ä")
    status, shown = ask(node, "GET", path)
    assert status == 200
    assert shown["counters"]["received"] == {"qos0": 1, "qos1": 1, "qos2": 0}
    assert shown["counters"]["sent"] == {"qos0": 1, "qos1": 0, "qos2": 0}
    assert [(s["topic"], s["qos"]) for s in shown["subscriptions"]] == [("a/+", 1)]
    assert shown["will"] == {"topic": "w", "delay": 5}
    assert shown["last_disconnect"] is None
    client.close()
    wait_for(lambda: not ask(node, "GET", path)[1]["connected"])
    shown = ask(node, "GET", path)[1]
    assert shown["last_disconnect"]["reason"]
    assert shown["waits_for"] == "its client to come back"
    assert ask(node, "GET", path + "x")[0] == 404
    actor = shown["actor"]
    assert ask(node, "GET", "/api/v1/actors/" + quoted(actor))[1]["serves"] == "c/1 ä"


def test_actors_by_what_they_do(start_node):
    node = start_node()
    client = node.connect("busy")
    for number in range(100):
        client.publish("t", str(number))
    client.ping()
    kinds = {row["kind"] for row in rows(node, "/api/v1/actors")}
    assert {"session", "session_shard", "topic_shard", "wildcard_index", "node",
            "listener"} <= kinds
    first = rows(node, "/api/v1/actors", kind="session", sort="messages")[0]
    assert first["serves"] == "busy" and first["messages"] > 1 and first["busy_us"] > 0
    status, page = ask(node, "GET", "/api/v1/actors", sort="busy", interval=200, limit=5)
    assert status == 200 and len(page["data"]) == 5
    assert all(row["rate"]["busy"] >= 0 for row in page["data"])
    status, tree = ask(node, "GET", "/api/v1/actors/tree")
    loops = tree["nodes"][0]["loops"]
    assert sum(each["count"] for loop in loops for each in loop["actors"]
               if each["kind"] == "session") == 1
    assert ask(node, "GET", "/api/v1/actors/1@nowhere")[0] == 404
    assert ask(node, "GET", "/api/v1/actors/one")[0] == 400


def test_kick_and_discard(start_node):
    node = start_node()
    client = node.connect("c", session_expiry_interval=600)
    client.subscribe(("q", 1))
    assert ask(node, "DELETE", "/api/v1/clients/nobody")[0] == 404
    assert ask(node, "DELETE", "/api/v1/clients/c")[0] == 204
    client.expect(disconnect(ADMINISTRATIVE_ACTION))
    client.expect_close()
    client = node.connect("c", clean_start=False, session_expiry_interval=600,
                          session_present=True)
    shown = ask(node, "GET", "/api/v1/clients/c")[1]
    assert "administrator" in shown["last_disconnect"]["reason"]
    assert ask(node, "DELETE", "/api/v1/sessions/c")[0] == 204
    client.expect(disconnect(ADMINISTRATIVE_ACTION))
    wait_for(lambda: ask(node, "GET", "/api/v1/clients/c")[0] == 404)
    assert ask(node, "DELETE", "/api/v1/sessions/c")[0] == 404
    node.connect("c", clean_start=False, session_expiry_interval=600)


def test_bans_hold_at_connect_and_over_a_crash(start_node):
    node = start_node()
    client = node.connect("bad")
    status, ban = ask(node, "POST", "/api/v1/banned",
                      {"as": "clientid", "who": "bad", "reason": "too loud"})
    assert status == 201 and ban["until"] == "infinity", ban
    client.expect(disconnect(ADMINISTRATIVE_ACTION))
    node.connect("bad", reason=BANNED)
    node.connect("bad", reason=5, version=V311)
    assert ask(node, "POST", "/api/v1/banned",
               {"as": "username", "who": "eve", "expires_in": 3600})[0] == 201
    node.connect("other", username="eve", reason=BANNED)
    node.connect("other", username="adam")
    node.restart(signal.SIGKILL)
    node.connect("bad", reason=BANNED)
    node.connect("other", username="eve", reason=BANNED)
    found = rows(node, "/api/v1/banned")
    assert [(b["as"], b["who"], b["reason"]) for b in found] == [
        ("clientid", "bad", "too loud"), ("username", "eve", "")]
    assert ask(node, "DELETE", "/api/v1/banned/clientid/bad")[0] == 204
    assert ask(node, "DELETE", "/api/v1/banned/clientid/bad")[0] == 404
    node.connect("bad")
    node.restart()
    node.connect("bad")
    assert ask(node, "POST", "/api/v1/banned",
               {"as": "ip_address", "who": "127.0.0.1", "expires_in": 1})[0] == 201
    node.connect("x", reason=BANNED)
    wait_for(lambda: rows(node, "/api/v1/banned", **{"as": "ip_address"}) == [])
    node.connect("x")
    for bad in ({"as": "color", "who": "x"}, {"as": "clientid", "who": ""}, {"as": "clientid"},
                {"as": "clientid", "who": "x", "until": "soon"},
                {"as": "clientid", "who": "x", "until": "2001-01-01T00:00:00Z"},
                {"as": "clientid", "who": "x", "expires_in": 0},
                {"as": "clientid", "who": "x" * 2000}):
        status, said = ask(node, "POST", "/api/v1/banned", bad)
        assert status == 400 and said["message"], bad


def test_a_broken_list_of_bans_keeps_the_node_from_starting(make_node):
    node = make_node()
    (node.folder / "data").mkdir()
    (node.folder / "data" / "banned.json").write_text("{")
    with pytest.raises(Exception, match="list of bans cannot be read"):
        node.start()


def test_subscriptions_and_retained_messages(start_node):
    node = start_node()
    client = node.connect("c")
    client.subscribe(("a/#", 1), "$share/g/a/b")
    found = rows(node, "/api/v1/subscriptions", match_topic="a/b")
    assert {(s["topic"], s["share"]) for s in found} == {("a/#", None), ("$share/g/a/b", "g")}
    assert rows(node, "/api/v1/clients/c/subscriptions") == rows(node, "/api/v1/subscriptions")
    for number in range(30):
        client.publish(f"r/{number}", "x" * (number + 1), qos=1, retain=True)
    topics = [m["topic"] for m in rows(node, "/api/v1/retained", topic="r/+", limit=7)]
    assert sorted(topics) == sorted(f"r/{number}" for number in range(30))
    status, message = ask(node, "GET", "/api/v1/retained/" + quoted("r/3"))
    assert (status, message["payload"], message["payload_size"]) == (200, "eHh4eA==", 4)
    assert ask(node, "DELETE", "/api/v1/retained/" + quoted("r/3"))[0] == 204
    assert ask(node, "GET", "/api/v1/retained/" + quoted("r/3"))[0] == 404
    assert ask(node, "GET", "/api/v1/retained", topic="a/#/b")[0] == 400


def test_topics_with_subscribers(start_node):
    node = start_node()
    kept = [node.connect(f"c{number}") for number in range(4)]
    for number, client in enumerate(kept):
        client.subscribe(("a/#", 1), f"own/{number}", f"$share/g{number % 2}/s", "b ä")
    away = node.connect("away", session_expiry_interval=600)
    away.subscribe("$share/g0/s", "s", ("a/#", 2))
    away.disconnect()
    wait_for(lambda: ids(node, conn_state="disconnected") == ["away"])
    found = {row["topic"]: row for row in rows(node, "/api/v1/topics", limit=3)}
    assert list(found) == ["a/#", "b ä", "own/0", "own/1", "own/2", "own/3", "s"]
    assert {topic: row["subscriptions_cnt"] for topic, row in found.items()} == {
        "a/#": 5, "b ä": 4, "own/0": 1, "own/1": 1, "own/2": 1, "own/3": 1, "s": 6}
    assert (found["s"]["groups_cnt"], found["s"]["groups"]) == (2, ["g0", "g1"])
    assert found["a/#"]["groups"] == [] and not found["a/#"]["groups_more"]
    assert [row["topic"] for row in rows(node, "/api/v1/topics", match_topic="a/x")] == ["a/#"]
    assert [row["topic"] for row in rows(node, "/api/v1/topics", topic="s")] == ["s"]
    assert rows(node, "/api/v1/topics", topic="x") == []
    kept[3].unsubscribe("own/3")
    assert rows(node, "/api/v1/topics", topic="own/3") == []
    for bad in ({"limit": 0}, {"cursor": "%"}, {"color": "red"}):
        assert ask(node, "GET", "/api/v1/topics", **bad)[0] == 400
    assert ask(node, "GET", "/api/v1/topics", node="nowhere")[0] == 404


# --- a cluster -----------------------------------------------------------------------


def test_any_node_answers_for_all_and_says_who_is_silent(make_cluster):
    cluster = make_cluster(3).start()
    cluster.wait_owners()
    first, second, third = cluster.nodes
    clients = {f"c{number}": cluster.nodes[number % 3].connect(f"c{number}",
                                                              session_expiry_interval=600)
               for number in range(12)}
    clients["c0"].subscribe(("a/b", 1))
    away = second.connect("away", session_expiry_interval=600)
    away.disconnect()
    for node in cluster.nodes:
        wait_for(lambda: sorted(ids(node, limit=5)) == sorted([*clients, "away"]))
        found = {row["clientid"]: row["node"] for row in rows(node, "/api/v1/clients")}
        assert all(found[f"c{number}"] == f"n{number % 3 + 1}" for number in range(12))
        assert len(rows(node, "/api/v1/subscriptions", topic="a/b")) == 1
    assert set(ids(first, node="n2", conn_state="connected")) == {"c1", "c4", "c7", "c10"}
    assert ask(first, "GET", "/api/v1/clients", node="n9")[0] == 404
    assert {row["node"] for row in rows(third, "/api/v1/actors", kind="session_shard")} == {
        "n1", "n2", "n3"}
    tree = ask(second, "GET", "/api/v1/actors/tree")[1]
    assert [each["node"] for each in tree["nodes"]] == ["n1", "n2", "n3"]
    actor = rows(first, "/api/v1/actors", kind="session", serves="c2")[0]["id"]
    assert actor.endswith("@n3")
    assert ask(first, "GET", "/api/v1/actors/" + quoted(actor))[1]["serves"] == "c2"
    shown = ask(third, "GET", "/api/v1/clients/c0")[1]
    assert shown["node"] == "n1" and shown["subscriptions"][0]["topic"] == "a/b"

    for number, client in enumerate(clients.values()):
        client.subscribe("all/+", f"$share/g{number % 2}/s", f"own/{number:02}")
    for node in cluster.nodes:
        found = {row["topic"]: row for row in rows(node, "/api/v1/topics", limit=5)}
        assert list(found) == sorted(["a/b", "all/+", "s", *(f"own/{n:02}" for n in range(12))])
        assert {found[topic]["subscriptions_cnt"] for topic in ("all/+", "s")} == {12}
        assert found["s"]["groups"] == ["g0", "g1"] and found["own/07"]["subscriptions_cnt"] == 1
    assert rows(first, "/api/v1/topics", node="n2", topic="all/+")[0]["subscriptions_cnt"] == 4

    # Orders, of a node that has nothing to do with the client.
    assert ask(third, "DELETE", "/api/v1/clients/c1")[0] == 204
    clients["c1"].expect(disconnect(ADMINISTRATIVE_ACTION))
    assert ask(third, "DELETE", "/api/v1/sessions/away")[0] == 204
    wait_for(lambda: "away" not in ids(first))
    first.connect("away", clean_start=False, session_expiry_interval=600)
    assert ask(third, "DELETE", "/api/v1/sessions/c4")[0] == 204
    clients["c4"].expect(disconnect(ADMINISTRATIVE_ACTION))
    wait_for(lambda: "c4" not in ids(first))

    third.process.send_signal(signal.SIGSTOP)
    try:
        begin = time.monotonic()
        status, page = ask(first, "GET", "/api/v1/clients")
        assert status == 200 and page["partial"] == ["n3"]
        assert time.monotonic() - begin < 4
        found = [row["clientid"] for row in page["data"]]
        assert "c0" in found and "c2" not in found
        assert ask(first, "DELETE", "/api/v1/clients/nobody")[0] == 503
    finally:
        third.process.send_signal(signal.SIGCONT)
    wait_for(lambda: ask(first, "GET", "/api/v1/clients")[1]["partial"] == [], 30)


def test_bans_are_known_to_all_nodes_also_to_one_that_was_away(make_cluster):
    cluster = make_cluster(3).start()
    first, second, third = cluster.nodes
    client = second.connect("bad")
    assert ask(first, "POST", "/api/v1/banned", {"as": "clientid", "who": "bad"})[0] == 201
    client.expect(disconnect(ADMINISTRATIVE_ACTION))
    for node in (second, third):
        wait_for(lambda: len(rows(node, "/api/v1/banned")) == 1)
        node.connect("bad", reason=BANNED)
    third.kill()
    assert ask(second, "POST", "/api/v1/banned", {"as": "username", "who": "eve"})[0] == 201
    assert ask(second, "DELETE", "/api/v1/banned/clientid/bad")[0] == 204
    third.start()
    wait_for(lambda: [b["who"] for b in rows(third, "/api/v1/banned")] == ["eve"], 30)
    wait_for(lambda: [b["who"] for b in rows(first, "/api/v1/banned")] == ["eve"], 30)
