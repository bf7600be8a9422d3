"""The dashboard for Grafana asks for what a node tells."""

import json
import re

import pytest
from wire.node import ROOT, wait_for

DASHBOARD = ROOT / "tools/packaging/grafana-dashboard.json"
NAME = re.compile(r"\b(?:troupe|process)_[a-z0-9_]+")
SAMPLE = re.compile(r"^([a-z_0-9]+)(?:\{(.*)\})? \S+$")
GIVEN_BY_PROMETHEUS = {"instance", "job"}


def samples(node):
    """Labels by name of metric."""
    found = {}
    for line in node.get("/metrics")[2].splitlines():
        if match := SAMPLE.match(line):
            found.setdefault(match[1], set()).update(re.findall(r'(\w+)="', match[2] or ""))
    return found


@pytest.fixture
def board():
    return json.loads(DASHBOARD.read_text())


def test_every_metric_and_label_is_one_of_a_live_node(board, make_cluster):
    cluster = make_cluster(2).start()
    cluster.wait_owners()
    node = cluster.nodes[0]
    wait_for(lambda: "troupe_cluster_link_up" in samples(node), 10, "links in the metrics")
    there = samples(node)
    asked = 0
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            expr, where = target["expr"], (panel["title"], target["expr"])
            names = NAME.findall(expr)
            assert names, where
            labels = set().union(*(there.get(name, set()) for name in names)) | GIVEN_BY_PROMETHEUS
            for name in names:
                assert name in there, where
            for group in re.findall(r"(?:by|on) \(([^)]*)\)", expr):
                assert {each.strip() for each in group.split(",")} <= labels, where
            assert set(re.findall(r"(\w+)=~?\"", expr)) <= labels, where
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= labels, where
            for opening, closing in ("()", "{}", "[]"):
                assert expr.count(opening) == expr.count(closing), where
            # What only grows is of use as a rate.
            counters = [name for name in names if name.endswith(("_total", "_bucket"))]
            assert len(counters) == expr.count("rate("), where
            asked += len(names)
    assert asked > 60
    query = board["templating"]["list"][1]["query"]["query"]
    assert NAME.findall(query)[0] in there


def test_panels_have_their_places(board):
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"])
                 for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24 and not cells & taken, panel["title"]
        taken |= cells
        assert panel["type"] == "row" or panel["datasource"]["uid"] == "$datasource"
    assert {p["title"] for p in panels if p["type"] == "row"} >= {
        "Connections", "Messages", "Queues", "Run loops", "Cluster", "Store", "Process"}
