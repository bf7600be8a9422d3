"""Configuration as an operator writes it: what is refused, and what is told."""

import re

import pytest
from wire.node import ROOT, check_configuration, wait_for

GOOD = '[limits]\nmax_packet_size = "1MiB"\n'


@pytest.mark.parametrize("text,where,told", [
    ("[limits]\n\nmax_paket_size = 1000\n", 3, "max_packet_size"),
    ("[limit]\nmax_packet_size = 1000\n", 2, "limits.max_packet_size"),
    ("[[listeners]]\ntransport = \"tcp\"\nbnd = \"127.0.0.1:1\"\n", 3, "bind"),
    ("[[listeners]]\ntransport = \"tpc\"\n", 2, "tcp"),
    ("[limits]\nmax_packet_size = \"1 furlong\"\n", 2, "max_packet_size"),
    ("[limits]\nmax_inflight = true\n", 2, "max_inflight"),
    ("[node]\nshards = 0\n", 2, "shards"),
    ("[[listeners]]\nname = \"a\"\ntransport = \"tls\"\nbind = \"127.0.0.1:0\"\n", None,
     "tls.certificate"),
    ("[node\nname = 1\n", None, ""),
])
def test_mistakes_are_named(tmp_path, text, where, told):
    """A mistake ends with 78 (EX_CONFIG), its file, its line and what was meant."""
    code, said = check_configuration(tmp_path, text)
    assert code == 78
    assert told in said
    assert re.search(rf"checked\.toml:{where or '[0-9]+'}\b", said), said


def test_all_mistakes_are_told_at_once(tmp_path):
    code, said = check_configuration(tmp_path, "[limits]\nfirst = 1\n[auth]\nsecond = 2\n")
    assert code == 78
    assert "first" in said and "second" in said


def test_a_good_file_and_the_documented_one(tmp_path):
    assert check_configuration(tmp_path, GOOD)[0] == 0
    example = (ROOT / "tools/packaging/troupe.toml").read_text()
    assert check_configuration(tmp_path, example)[0] == 0


def test_a_missing_file_is_named(make_node):
    node = make_node()
    node.write_configuration = lambda: None
    with pytest.raises(RuntimeError, match="troupe.toml"):
        node.start()


def test_the_environment_overrides_the_file(start_node):
    node = start_node(limits={"max_packet_size": "1KiB"},
                      environment={"TROUPE_LIMITS__MAX_PACKET_SIZE": "2KiB",
                                   "TROUPE_LISTENERS__0__NAME": "renamed"})
    assert list(node.addresses) == ["renamed"]
    node.listeners[0]["name"] = "renamed"
    client = node.connect("c")
    assert client.connack.property("maximum_packet_size") == 2048


@pytest.mark.parametrize("name,value,told", [
    ("TROUPE_LIMITS__MAX_PAKET_SIZE", "1", "max_packet_size"),
    ("TROUPE_LIMITS__MAX_PACKET_SIZE", "much", "TROUPE_LIMITS__MAX_PACKET_SIZE")])
def test_mistakes_in_the_environment(tmp_path, name, value, told):
    code, said = check_configuration(tmp_path, GOOD, **{name: value})
    assert code == 78
    assert name in said and told in said.replace("MAX_PACKET_SIZE", "max_packet_size") + said


def test_reload_changes_limits_and_says_what_it_cannot(start_node):
    node = start_node()
    before = node.connect("before")
    node.tables["limits"] = {"max_packet_size": "3KiB"}
    node.tables["node"]["shards"] = 16
    node.write_configuration()
    node.reload()
    for line in (r"Takes effect at the next start.*node\.shards", r"Changed.*limits\.max_packet_size"):
        wait_for(lambda: re.search(line, node.log_text()), 5, line)
    assert node.connect("after").connack.property("maximum_packet_size") == 3072
    before.ping()


def test_reload_of_a_broken_file_changes_nothing(start_node):
    node = start_node(limits={"max_packet_size": "1KiB"})
    staying = node.connect("staying")
    node.config.write_text("[limits]\nmax_packet_sizes = 1\n")
    node.reload(expect="troupe.toml:2")
    staying.ping()
    assert node.connect("next").connack.property("maximum_packet_size") == 1024
