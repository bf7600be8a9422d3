"""troupectl route: who gets a topic, and whether what nodes announce is held where it is matched."""

import json
import subprocess

from wire.node import clean_environment, troupectl, wait_for


def route(node, *arguments):
    return subprocess.run([troupectl(), "route", *arguments], capture_output=True, text=True,
                          timeout=30,
                          env=clean_environment(TROUPE_URL=f"http://127.0.0.1:{node.http[1]}"))


def shown(node, topic):
    said = route(node, "show", topic, "--json")
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout)


def audited(node):
    said = route(node, "audit", "--json")
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout)["parts"]


def test_one_node_shows_who_gets_a_topic(start_node):
    node = start_node()
    plain = node.connect("plain")
    plain.subscribe(("a/b c", 1), ("a/+", 2))
    kept = node.connect("kept", session_expiry_interval=600)
    kept.subscribe(("$share/g/a/#", 0))
    found = shown(node, "a/b c")
    assert found["complete"] and found["total"] == 3 and found["owner"] == ""
    assert [(r["client"], r["filter"], r["group"], r["qos"], r["durable"], r["connected"], r["way"])
            for r in found["routes"]] == [
        ("kept", "a/#", "g", 0, True, True, "local"),
        ("plain", "a/+", "", 2, False, True, "local"),
        ("plain", "a/b c", "", 1, False, True, "local")]
    said = route(node, "show", "a/b c")
    assert said.returncode == 0 and "plain" in said.stdout and "a/#" in said.stdout
    said = route(node, "show", "b")
    assert said.returncode == 0 and "Nobody would receive it." in said.stdout
    said = route(node, "show", "a/#")
    assert said.returncode == 1 and "wildcards" in said.stderr
    assert node.get("/api/v1/routes?topic=%zz")[0] == 400
    said = route(node, "audit")
    assert said.returncode == 0 and "runs alone" in said.stdout


def test_any_node_of_a_cluster_answers_for_all(make_cluster):
    cluster = make_cluster(3).start()
    cluster.wait_owners()
    names = [node.name for node in cluster.nodes]
    clients = []  # connected for as long as they are named
    for node in cluster.nodes:
        clean = node.connect(f"clean-{node.name}")
        clean.subscribe(("x/1", 1))
        kept = node.connect(f"kept-{node.name}", session_expiry_interval=600)
        kept.subscribe(("x/+", 1), ("$share/g/x/1", 2))
        clients += [clean, kept]
    owner = None
    for node in cluster.nodes:
        found = shown(node, "x/1")
        assert found["complete"] and found["total"] == 9, found
        owner = owner or found["owner"]
        assert found["owner"] == found["by"] == owner and owner in names
        for entry in found["routes"]:
            assert entry["connected"] and entry["at"] in names
            assert entry["way"] in ("local", "one hop", "two hops")
            if entry["client"]:
                assert entry["client"].endswith(entry["at"])
            if not entry["durable"]:
                assert entry["node"] == entry["at"]
                assert entry["way"] == ("local" if entry["at"] == owner else "one hop")

    def checked():
        """Every part has been compared, by every node that another one announces to."""
        parts = audited(cluster.nodes[0])
        return all(p["answered"] and len({c["announcer"] for c in p["checks"]}) == 2
                   for p in parts) and parts
    # Checks come every 10 s; each look starts troupectl, which is not to starve the nodes.
    wait_for(checked, 60, "the checks", pause=0.5)
    parts = audited(cluster.nodes[1])
    assert {p["part"] for p in parts} == {f"shard {i}" for i in range(8)} | {"wildcards"}
    assert sorted(p["holder"] for p in parts if p["part"] == "wildcards") == sorted(names)
    assert all(c["announced"] == c["held"] for p in parts for c in p["checks"])
    assert sum(c["held_count"] for p in parts for c in p["checks"]) > 0
    assert all(p["drifts"] == 0 for p in parts)
    said = route(cluster.nodes[2], "audit")
    assert said.returncode == 0, said.stderr
    assert "0 differ, 0 without an answer" in said.stdout
    assert all(node.metric("troupe_route_drift_total") == 0 for node in cluster.nodes)
