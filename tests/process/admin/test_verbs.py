"""troupectl's verbs about clients, sessions, actors, topics and bans against real nodes."""

import json
import signal
import subprocess

import pytest
from wire.node import clean_environment, troupectl, wait_for
from wire.packets import Will, disconnect

ADMINISTRATIVE_ACTION, BANNED = 0x98, 0x8A
NOT_FOUND = 5


def ctl(node, *arguments, code=0):
    """What the verb prints; its exit status is `code`."""
    ran = subprocess.run([troupectl(), *arguments], capture_output=True, text=True, timeout=30,
                         env=clean_environment(TROUPE_URL=f"http://127.0.0.1:{node.http[1]}"))
    assert ran.returncode == code, (arguments, ran.stdout, ran.stderr)
    return ran.stdout if code == 0 else ran.stderr


def data(node, *arguments):
    return json.loads(ctl(node, *arguments, "--json"))["data"]


def table(text):
    """The rows of a table by its head; columns are two spaces apart at least."""
    head, *lines = text.splitlines()
    starts = [i for i, c in enumerate(head) if c != " " and (i == 0 or head[i - 2:i] == "  ")]
    cut = list(zip(starts, starts[1:] + [None]))
    names = [head[a:b].strip() for a, b in cut]
    return [dict(zip(names, (line[a:b].strip() for a, b in cut))) for line in lines]


def lines(text):
    """label: value of a thing that is shown by itself."""
    return {line[:15].strip(): line[15:] for line in text.splitlines() if line}


@pytest.fixture
def node(start_node):
    return start_node(node={"name": "stage-1"})


def test_clients_and_sessions_are_listed_and_shown(node):
    near = node.connect("near", username="anna", session_expiry_interval=600,
                        will=Will("w", b"bye", will_delay_interval=5))
    near.subscribe(("a/+", 1), "$share/group/b")
    away = node.connect("away", session_expiry_interval=0xFFFFFFFF)
    away.subscribe(("q", 1))
    away.disconnect()
    wait_for(lambda: [c["clientid"] for c in data(node, "clients", "list", "--disconnected")]
             == ["away"])
    near.publish("q", "12345", qos=1)
    rows = {row["CLIENT"]: row for row in table(ctl(node, "clients", "list"))}
    assert list(rows) == ["away", "near"]
    assert (rows["near"]["USER"], rows["near"]["CONNECTED"], rows["near"]["MQTT"]) == (
        "anna", "yes", "5")
    assert rows["near"]["ADDRESS"] == "127.0.0.1" and rows["near"]["NODE"] == "stage-1"
    assert (rows["away"]["CONNECTED"], rows["away"]["ADDRESS"]) == ("no", "-")
    assert [r["CLIENT"] for r in table(ctl(node, "clients", "list", "--queue", "1"))] == ["away"]
    assert [c["clientid"] for c in data(node, "clients", "list", "--user", "anna")] == ["near"]
    assert "There are more" in ctl(node, "clients", "list", "--limit", "1")
    assert len(data(node, "clients", "list", "--limit", "0")) == 2
    sessions = {row["CLIENT"]: row for row in table(ctl(node, "sessions", "list"))}
    assert sessions["near"]["EXPIRY"] == "10 min" and sessions["away"]["EXPIRY"] == "never"
    assert sessions["away"]["QUEUE"] == "1" and sessions["away"]["DISCONNECTED"] != "-"

    text = ctl(node, "clients", "show", "near")
    shown = lines(text)
    assert (shown["client"], shown["user"], shown["in flight"]) == ("near", "anna", "0")
    assert (shown["expiry"], shown["will"], shown["will delay"]) == ("10 min", "w", "5 s")
    assert shown["received"] == "1 qos1"
    assert {row["TOPIC"]: row["SHARE"] for row in table(text.split("\n\n")[1])} == {
        "a/+": "-", "$share/group/b": "group"}
    assert json.loads(ctl(node, "clients", "show", "near", "--json"))["clientid"] == "near"
    away = lines(ctl(node, "clients", "show", "away"))
    assert away["last goodbye"] == "The client said goodbye"
    assert away["waits for"] == "its client to come back" and away["queued"] == "1"
    assert "No client" in ctl(node, "clients", "show", "nobody", code=NOT_FOUND)


def test_names_of_clients_cannot_change_the_terminal(node):
    odd = "x/\u202ey z"
    client = node.connect(odd)
    text = ctl(node, "clients", "list")
    assert "x/?y z" in text and "\u202e" not in text
    assert [each["clientid"] for each in data(node, "clients", "list")] == [odd]
    assert lines(ctl(node, "clients", "show", odd))["connected"] == "yes"
    client.ping()


def test_orders_to_clients(node):
    client = node.connect("c", session_expiry_interval=600)
    assert "is closed" in ctl(node, "clients", "kick", "c")
    client.expect(disconnect(ADMINISTRATIVE_ACTION))
    assert "No client" in ctl(node, "clients", "kick", "nobody", code=NOT_FOUND)
    assert "administrator" in lines(ctl(node, "clients", "show", "c"))["last goodbye"]
    assert "is gone" in ctl(node, "sessions", "discard", "c")
    wait_for(lambda: data(node, "sessions", "list") == [])
    assert "No session" in ctl(node, "sessions", "discard", "c", code=NOT_FOUND)


def test_bans_with_and_without_an_end(node):
    client = node.connect("bad")
    assert ctl(node, "clients", "ban", "bad", "--reason", "too loud") == '"bad" is kept out.\n'
    client.expect(disconnect(ADMINISTRATIVE_ACTION))
    node.connect("bad", reason=BANNED)
    assert "for 2 h." in ctl(node, "clients", "ban", "eve", "--as", "username", "--for", "2h")
    node.connect("other", username="eve", reason=BANNED)
    rows = {row["WHO"]: row for row in table(ctl(node, "clients", "bans"))}
    assert rows["bad"]["UNTIL"] == "infinity" and rows["bad"]["REASON"] == "too loud"
    assert rows["eve"]["AS"] == "username" and rows["eve"]["UNTIL"] > rows["eve"]["AT"]
    assert ctl(node, "clients", "unban", "bad") == '"bad" may come in.\n'
    node.connect("bad")
    assert ctl(node, "clients", "unban", "bad",
               code=NOT_FOUND) == "troupectl: There is no such ban.\n"
    ctl(node, "clients", "ban", "short", "--for", "1")
    node.connect("short", reason=BANNED)
    wait_for(lambda: "short" not in ctl(node, "clients", "bans"))
    node.connect("short")
    for wrong in ("0", "-1", "soon", "5 weeks"):
        ctl(node, "clients", "ban", "x", "--for", wrong, code=2)


def test_actors_are_listed_ranked_and_shown(node):
    client = node.connect("busy")
    for number in range(50):
        client.publish("t", str(number))
    client.ping()
    rows = table(ctl(node, "actor", "list", "--kind", "session", "--sort", "messages"))
    assert rows[0]["SERVES"] == "busy" and int(rows[0]["MESSAGES"]) > 0
    shown = lines(ctl(node, "actor", "show", rows[0]["ACTOR"]))
    assert (shown["serves"], shown["kind"], shown["node"]) == ("busy", "session", "stage-1")
    ctl(node, "actor", "show", "999999@stage-1", code=NOT_FOUND)
    top = table(ctl(node, "actor", "top", "--interval", "0.2", "--limit", "5"))
    assert len(top) == 5 and all(row["CORE"].endswith("%") for row in top)
    assert len(data(node, "actor", "top", "--interval", "0.2", "--limit", "3")) == 3
    tree = ctl(node, "actor", "tree")
    assert tree.startswith("stage-1\n  where they are woken\n") and "  loop 1: busy" in tree
    assert "    1 session: 0 waiting" in tree
    assert json.loads(ctl(node, "actor", "tree", "--json"))["nodes"][0]["node"] == "stage-1"


def test_subscriptions_and_retained_messages(node):
    client = node.connect("c")
    client.subscribe(("a/#", 1), "$share/g/a/b")
    found = table(ctl(node, "subscriptions", "match", "a/b"))
    assert {(row["TOPIC"], row["SHARE"]) for row in found} == {("a/#", "-"), ("$share/g/a/b", "g")}
    assert len(table(ctl(node, "subscriptions", "list", "--share", "g"))) == 1
    assert [s["qos"] for s in data(node, "subscriptions", "list", "--filter", "a/#")] == [1]
    found = {row["TOPIC"]: row for row in table(ctl(node, "topics", "list"))}
    assert [(t, r["SUBSCRIPTIONS"], r["GROUPS"]) for t, r in found.items()] == [
        ("a/#", "1", "0"), ("a/b", "1", "1")]
    assert [t["topic"] for t in data(node, "topics", "list", "--filter", "a/#")] == ["a/#"]
    assert len(data(node, "topics", "list", "--match", "a/b")) == 2
    client.publish("r/text", "21 °C", qos=1, retain=True)
    client.publish("r/bytes", b"\x00\xff", qos=1, retain=True)
    rows = {row["TOPIC"]: row for row in table(ctl(node, "retained", "list", "r/+"))}
    assert set(rows) == {"r/text", "r/bytes"} and rows["r/bytes"]["SIZE"] == "2"
    assert lines(ctl(node, "retained", "show", "r/text"))["payload"] == "21 °C"
    assert lines(ctl(node, "retained", "show", "r/bytes"))["in base 64"] == "AP8="
    assert "is deleted" in ctl(node, "retained", "delete", "r/text")
    ctl(node, "retained", "show", "r/text", code=NOT_FOUND)
    ctl(node, "retained", "delete", "r/text", code=NOT_FOUND)


@pytest.mark.parametrize("verb", [["clients", "list"], ["sessions", "list"], ["actor", "list"],
                                  ["actor", "top", "--interval", "0.1"], ["actor", "tree"],
                                  ["retained", "list"], ["subscriptions", "list"],
                                  ["clients", "bans"], ["clients", "show", "c"], ["metrics"],
                                  ["clients", "queue", "c"], ["topics", "list"]])
def test_each_verb_can_be_watched(node, verb):
    client = node.connect("c")
    watching = subprocess.Popen(
        [troupectl(), *verb, "--json", "--watch=0.1"], stdout=subprocess.PIPE, text=True,
        env=clean_environment(TROUPE_URL=f"http://127.0.0.1:{node.http[1]}"))
    try:
        for _ in range(3):
            assert json.loads(watching.stdout.readline())
        watching.send_signal(signal.SIGINT)
        assert watching.wait(10) == 0
    finally:
        watching.kill()
        watching.wait()
        watching.stdout.close()
    client.ping()


def test_metrics_are_shown_as_they_are_and_as_json(node):
    client = node.connect("c")
    client.publish("t", "1", qos=1)
    assert ctl(node, "metrics").startswith("# HELP troupe_")
    samples = data(node, "metrics")
    received = {each["labels"]["qos"]: each["value"] for each in samples
                if each["name"] == "troupe_messages_received_total"}
    assert received == {"0": 0, "1": 1, "2": 0}
    lag = [each for each in samples if each["name"].endswith("_bucket")]
    assert lag and all(each["type"] == "histogram" and each["labels"]["le"] for each in lag)
    # Every sample of the text is there.
    written = [line for line in ctl(node, "metrics").splitlines() if not line.startswith("#")]
    assert len(written) == len(samples)


def test_what_was_done_to_a_password_file_as_json(tmp_path):
    file = str(tmp_path / "passwords")

    def passwd(*options, said=None):
        ran = subprocess.run([troupectl(), "passwd", file, "ada", "--json", *options], input=said,
                             capture_output=True, text=True, timeout=20, env=clean_environment())
        return ran.returncode, ran.stdout
    code, told = passwd("--batch", "--iterations", "1000", said="secret\n")
    assert (code, json.loads(told)) == (0, {"file": file, "user": "ada", "outcome": "set"})
    code, told = passwd("--delete")
    assert (code, json.loads(told)) == (0, {"file": file, "user": "ada", "outcome": "removed"})
    assert passwd("--delete") == (1, "")


def test_any_node_of_a_cluster_tells_of_all(make_cluster):
    cluster = make_cluster(3).start()
    cluster.wait_owners()
    first, second, third = cluster.nodes
    clients = [node.connect(f"c{i}") for i, node in enumerate(cluster.nodes)]
    rows = {row["CLIENT"]: row["NODE"] for row in table(ctl(first, "clients", "list"))}
    assert rows == {"c0": "n1", "c1": "n2", "c2": "n3"}
    assert lines(ctl(first, "clients", "show", "c2"))["node"] == "n3"
    actor = table(ctl(second, "actor", "list", "--serves", "c2"))[0]["ACTOR"]
    assert lines(ctl(first, "actor", "show", actor))["serves"] == "c2"
    assert ctl(third, "actor", "tree").count("where they are woken") == 3
    ctl(third, "clients", "kick", "c0")
    clients[0].expect(disconnect(ADMINISTRATIVE_ACTION))
    ctl(third, "clients", "ban", "c1")
    clients[1].expect(disconnect(ADMINISTRATIVE_ACTION))
    wait_for(lambda: len(table(ctl(second, "clients", "bans"))) == 1)
    third.process.send_signal(signal.SIGSTOP)
    try:
        assert ctl(first, "clients", "list").endswith(
            "Without those that did not answer in time: n3\n")
        assert "n3" in ctl(first, "actor", "tree").splitlines()[-1]
        assert "n3" in ctl(first, "clients", "kick", "nobody", code=1)
    finally:
        third.process.send_signal(signal.SIGCONT)


def test_the_actor_of_a_session_begins_anew(start_node):
    node = start_node()
    reader = node.connect("reader", session_expiry_interval=600)
    reader.subscribe(("t", 1))
    actors = data(node, "actor", "list")
    before = next(each["id"] for each in actors if each["serves"] == "reader")
    ctl(node, "actor", "restart", before)
    assert reader.next_packet().reason == ADMINISTRATIVE_ACTION
    node.connect("writer").publish("t", "meanwhile", qos=1)
    reader = node.connect("reader", clean_start=False, session_present=True,
                          session_expiry_interval=600)
    assert reader.next_packet().payload == b"meanwhile"
    after = next(each["id"] for each in data(node, "actor", "list") if each["serves"] == "reader")
    assert after != before
    ctl(node, "actor", "restart", before, code=NOT_FOUND)
    shard = next(each["id"] for each in actors if each["kind"] == "topic_shard")
    assert "Only the actors of sessions" in ctl(node, "actor", "restart", shard, code=1)
    assert "1234@node" in ctl(node, "actor", "restart", "reader", code=1)
