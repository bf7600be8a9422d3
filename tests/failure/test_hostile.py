"""Hostile peers, while a well-behaved client is served within 100 ms.

Attackers and the client run in processes of their own. HOSTILE_SEED makes the
random ones repeatable; a failure names its seed."""

import json
import os
import pathlib
import random
import subprocess
import sys

import pytest
from failure import attacks, attacks_tls, attacks_websocket
from failure.raw import Attack
from wire.node import wait_for

SEED = int(os.environ.get("HOSTILE_SEED", random.SystemRandom().randrange(1 << 32)))
WITNESS = pathlib.Path(__file__).with_name("witness.py")
SERVED_WITHIN = 0.100
CONNECT_TIMEOUT = 2
# Heaps keep some of what a crowd needed; this is a leak per packet or connection.
LEFT_BEHIND = 48 << 20
MARGIN = 3.0


@pytest.fixture(scope="session")
def tls(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    files = {"certificate": str(folder / "cert.pem"), "key": str(folder / "key.pem")}
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-keyout", files["key"], "-out", files["certificate"]],
                   check=True, capture_output=True)
    return files


@pytest.fixture
def node(start_node, tls):
    return start_node(["tcp", "ws", {"name": "tls", "transport": "tls", "tls": tls}],
                      log={"level": "warning"},
                      limits={"connect_timeout": f"{CONNECT_TIMEOUT}s", "max_packet_size": "64KiB"})


@pytest.fixture
def witness(node):
    """Serves itself all through the test; afterwards it must have been served well."""
    told = [*map(str, node.addresses["tcp"]), str(node.process.pid)]
    process = subprocess.Popen([sys.executable, WITNESS, *told],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    before = node.memory()
    yield process
    # All that the attack opened is gone, and with it its memory.
    wait_for(lambda: node.metric("troupe_connections_count") <= 1, 15, "the attack's connections")
    wait_for(lambda: node.metric("troupe_sessions_connected") <= 1, 15, "the attack's sessions")
    said = json.loads(process.communicate(timeout=20)[0])
    after = node.memory()
    print(f"witness {said}, resident {before >> 20} MiB before, {after >> 20} MiB after")
    assert node.alive(), node.log_text()[-4000:]
    assert "failed" not in said, said
    assert said["served"] < SERVED_WITHIN, said
    assert after - before < LEFT_BEHIND, (before, after)


def test_half_packets(node, witness):
    assert Attack(attacks.half_packets, node.addresses["tcp"]).result() > 1000


def test_lying_lengths(node, witness):
    assert Attack(attacks.lying_lengths, node.addresses["tcp"]).result() > 1000
    assert node.metric("troupe_malformed_packets_total") > 500


def test_before_connect(node, witness):
    assert Attack(attacks.before_connect, node.addresses["tcp"]).result() > 20


def test_garbage(node, witness):
    assert Attack(attacks.garbage, node.addresses["tcp"], SEED, 2000).result() == 2000, SEED


def test_mutations(node, witness):
    assert Attack(attacks.mutations, node.addresses["tcp"], SEED, 3000).result() == 3000, SEED


def test_too_large(node, witness):
    # MQTT 5.0 clients are told, older ones cannot be.
    assert Attack(attacks.too_large, node.addresses["tcp"]).result() == 2


def test_slow_loris(node, witness):
    took = Attack(attacks.slow_loris, node.addresses["tcp"], 300).result()
    assert CONNECT_TIMEOUT - 0.1 < took < CONNECT_TIMEOUT + MARGIN


def test_slow_packets(node, witness):
    assert Attack(attacks.slow_packets, node.addresses["tcp"], 200).result() == 200


def test_connect_flood(node, witness):
    assert Attack(attacks.connect_flood, node.addresses["tcp"], 4.0).result() > 1000


def test_half_open(node, witness):
    attack = Attack(attacks.half_open, node.addresses["tcp"], 5000)
    wait_for(lambda: node.metric("troupe_connections_count") > 4000, 20, "5,000 connections")
    crowded = node.memory()
    count, connecting, took = attack.result()
    print(f"5,000 connected in {connecting:.2f} s, closed after {took:.2f} s, "
          f"resident {crowded >> 20} MiB meanwhile")
    assert count == 5000
    assert took < connecting + CONNECT_TIMEOUT + MARGIN
    assert node.metric("troupe_connect_timeouts_total") >= 5000


def test_several_at_once(node, witness):
    """The same client identifier and many others, from several sides."""
    address = node.addresses["tcp"]
    running = [Attack(attacks.mutations, address, SEED, 1500),
               Attack(attacks.mutations, address, SEED + 1, 1500),
               Attack(attacks.connect_flood, address, 4.0),
               Attack(attacks_websocket.mutations, node.addresses["ws"], SEED, 600)]
    for attack in running:
        assert attack.result() > 500, SEED


def test_never_reading(node, witness):
    assert Attack(attacks.never_reading, node.addresses["tcp"], 3.0).result() > 4 << 20
    assert node.memory("VmHWM") < 200 << 20


def test_bad_upgrades(node, witness):
    assert Attack(attacks_websocket.bad_upgrades, node.addresses["ws"]).result() > 15


def test_bad_frames(node, witness):
    assert Attack(attacks_websocket.bad_frames, node.addresses["ws"]).result() > 10


def test_mutations_over_websocket(node, witness):
    attack = Attack(attacks_websocket.mutations, node.addresses["ws"], SEED, 1500)
    assert attack.result() == 1500, SEED


def test_slow_upgrades(node, witness):
    took = Attack(attacks_websocket.slow_upgrades, node.addresses["ws"], 200).result()
    assert CONNECT_TIMEOUT - 0.1 < took < CONNECT_TIMEOUT + MARGIN


def test_endless_pings(node, witness):
    assert Attack(attacks_websocket.endless_pings, node.addresses["ws"], 2.0).result() > 100_000
    assert node.memory("VmHWM") < 200 << 20


def test_half_open_websocket(node, witness):
    count, connecting, took = Attack(attacks.half_open, node.addresses["ws"], 1000).result()
    assert count == 1000
    assert took < connecting + CONNECT_TIMEOUT + MARGIN


def test_broken_handshakes(node, witness):
    assert Attack(attacks_tls.broken_handshakes, node.addresses["tls"], SEED, 500).result() > 500, SEED


def test_handshake_flood(node, witness):
    assert Attack(attacks_tls.handshake_flood, node.addresses["tls"], 3.0).result() > 300


def test_unfinished_handshakes(node, witness):
    took = Attack(attacks_tls.unfinished_handshakes, node.addresses["tls"], 300).result()
    assert CONNECT_TIMEOUT - 0.1 < took < CONNECT_TIMEOUT + MARGIN
