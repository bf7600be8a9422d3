"""Fixtures for the folders whose tests run nodes of their own; a conftest imports them."""

import os

import pytest
from wire.broker import default_binary
from wire.cluster import Cluster
from wire.node import Node


@pytest.fixture
def make_node(tmp_path):
    """make_node(listeners=..., table={...}) is a node in a folder of this test, not yet started.

    After the test it must still be alive, or have been ended by the test, and
    must end well when asked to.
    """
    if not os.path.exists(default_binary("troupe")):
        pytest.exit(f"no broker at {default_binary('troupe')}; build it or set TROUPE_BINARY", 3)
    made = []

    def make(*args, name=None, **settings):
        folder = tmp_path / (name or f"node{len(made)}")
        folder.mkdir(exist_ok=True)
        made.append(Node(folder, *args, **settings))
        return made[-1]

    yield make
    codes = {node.log: node.stop() for node in made if node.alive()}
    assert all(code == 0 for code in codes.values()), codes


@pytest.fixture
def start_node(make_node):
    """As make_node, and the node is started."""
    return lambda *args, **settings: make_node(*args, **settings).start()


@pytest.fixture
def make_cluster(tmp_path):
    """make_cluster(count, ...) is a Cluster in a folder of this test, not yet started; what lives
    of it after the test must end well."""
    made = []

    def make(count=3, **settings):
        folder = tmp_path / f"cluster{len(made)}"
        folder.mkdir()
        made.append(Cluster(folder, count, **settings))
        return made[-1]

    yield make
    codes = {}
    for each in made:
        codes.update(each.end())
    assert all(code == 0 for code in codes.values()), codes
