"""Listeners: several, their limits, how CONNECTs are taken in, Unix sockets, TLS and its certificates."""

import os
import re
import socket
import ssl
import stat
import subprocess
import time

import pytest
from wire.client import Client, Closed
from wire.node import wait_for
from wire.packets import V5, connack, connect_packet, publish
from wire.websocket import Refused, WebSocket

FEW = 8
SILENT_WITHIN = 4.0      # a second until silence counts, and a busy machine


def test_all_plain_transports_at_once(start_node, tmp_path):
    path = str(tmp_path / "mqtt.sock")
    node = start_node(["tcp", "ws", {"name": "local", "transport": "unix", "unix_path": path},
                       {"name": "second", "transport": "tcp", "bind": "[::1]:0"}])
    readers = {name: node.connect(f"r-{name}", listener=name)
               for name in ("tcp", "ws", "local", "second")}
    for reader in readers.values():
        reader.subscribe(("to/all", 1))
    for name in readers:
        writer = node.connect(f"w-{name}", listener=name)
        writer.publish("to/all", name, qos=1)
        for reader in readers.values():
            reader.receive(publish("to/all", name, qos=1))
        writer.disconnect()


def test_unix_socket(start_node, tmp_path):
    """It has the permissions asked for, is taken over when stale, and goes with the node."""
    path = tmp_path / "mqtt.sock"
    node = start_node([{"name": "unix", "transport": "unix", "unix_path": str(path),
                        "unix_mode": "0600"}])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    node.connect("c").disconnect()
    node.kill()
    assert path.exists()
    node.start().connect("c").disconnect()
    assert node.stop() == 0
    assert not path.exists()


def test_a_file_is_not_mistaken_for_a_stale_socket(make_node, tmp_path):
    path = tmp_path / "precious"
    path.write_text("data")
    node = make_node([{"name": "unix", "transport": "unix", "unix_path": str(path)}])
    with pytest.raises(RuntimeError, match="not a socket"):
        node.start()
    assert path.read_text() == "data"


def test_limits_of_each_listener(start_node):
    node = start_node([{"name": "small", "transport": "tcp", "max_connections": 2,
                        "max_packet_size": 256},
                       {"name": "large", "transport": "tcp"}],
                      limits={"max_packet_size": "16KiB"})
    first, second = node.connect("a", listener="small"), node.connect("b", listener="small")
    assert first.connack.property("maximum_packet_size") == 256
    node.dial("small").expect_close()
    assert node.metric("troupe_connections_refused_total", reason="limit") == 1
    other = node.connect("c", listener="large")
    assert other.connack.property("maximum_packet_size") == 16384
    other.publish("t", bytes(10000), qos=1)
    first.send(publish("t", bytes(10000), qos=1, id=1))
    first.expect_close(0x95)
    # There is room again.
    wait_for(lambda: node.metric("troupe_connections_count") == 2, 5, "one connection less")
    node.connect("d", listener="small").ping()
    second.ping()


def test_limit_of_the_node(start_node):
    node = start_node(["tcp", "ws"], limits={"max_connections": 3})
    clients = [node.connect(f"c{n}") for n in range(3)]
    node.dial().expect_close()
    with pytest.raises((Refused, OSError)):
        node.dial("ws")
    clients.pop().disconnect()
    wait_for(lambda: node.metric("troupe_connections_count") == 2, 5, "one connection less")
    node.connect("last", listener="ws").ping()


def test_origins_and_path_of_websocket(start_node):
    node = start_node([{"name": "ws", "transport": "ws", "path": "/devices",
                        "allowed_origins": ["https://good.example"]}])
    assert WebSocket(node.addresses["ws"], path="/devices").status == 101
    assert WebSocket(node.addresses["ws"], path="/mqtt").status == 404

    def status_for(origin):
        with socket.create_connection(node.addresses["ws"], timeout=5) as stream:
            stream.sendall((
                "GET /devices HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                f"Sec-WebSocket-Protocol: mqtt\r\nOrigin: {origin}\r\n\r\n").encode())
            return int(stream.recv(4096).split()[1])

    assert status_for("https://good.example") == 101
    assert status_for("https://evil.example") == 403


# --- TLS ---------------------------------------------------------------------------


def make_certificate(folder, name, subject="/CN=localhost"):
    """A certificate that signs itself, and its key: NAME.pem and NAME.key."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", subject,
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"],
                   check=True, capture_output=True)
    return folder / f"{name}.pem", folder / f"{name}.key"


def dial_tls(node, authority, certificate=None, newest=None):
    context = ssl.create_default_context(cafile=str(authority))
    if certificate:
        context.load_cert_chain(*map(str, certificate))
    if newest:
        context.maximum_version = newest
    raw = socket.create_connection(node.addresses["tls"], timeout=5)
    return Client(context.wrap_socket(raw, server_hostname="localhost"), V5, True)


def greet(client, client_id="tls", reason=0):
    client.send(connect_packet(client_id))
    client.connack = client.expect(connack(reason))
    return client


def test_certificates_are_read_again(make_node):
    """The new certificate is served to new clients, and nobody is dropped."""
    node = make_node()
    certificate, key = make_certificate(node.folder, "server")
    node.listeners = [{"name": "tls", "transport": "tls", "bind": "127.0.0.1:0",
                       "tls": {"certificate": str(certificate), "key": str(key)}}]
    node.start()
    old = greet(dial_tls(node, certificate), "old")
    before = old.stream.getpeercert(binary_form=True)
    fresh, fresh_key = make_certificate(node.folder, "fresh")
    os.replace(fresh_key, key)
    os.replace(fresh, certificate)
    node.reload()
    new = greet(dial_tls(node, certificate), "new")
    assert new.stream.getpeercert(binary_form=True) != before
    old.subscribe("t")
    new.publish("t", "still here", qos=1)
    old.expect(publish("t", "still here"))
    # A certificate that cannot be read changes nothing.
    certificate.write_text("nonsense")
    node.reload(expect="Reload refused")
    node.await_log("server.pem")
    old.ping()
    new.ping()


def test_client_certificates_name_the_user(make_node):
    node = make_node()
    certificate, key = make_certificate(node.folder, "server")
    device = make_certificate(node.folder, "device", "/O=Makers/CN=device-17")
    stranger = make_certificate(node.folder, "stranger", "/CN=device-17")
    rules = node.folder / "acl"
    rules.write_text("user device-17\ntopic readwrite its/own\n")
    node.tables["auth"] = {"acl_file": str(rules)}
    node.listeners = [{"name": "tls", "transport": "tls", "bind": "127.0.0.1:0",
                       "use_certificate_as_username": "cn",
                       "tls": {"certificate": str(certificate), "key": str(key),
                               "client_certificates": "required", "ca": str(device[0])}}]
    node.start()
    client = greet(dial_tls(node, certificate, device))
    client.publish("its/own", "x", qos=1)
    client.publish("others", "x", qos=1, reason=0x87)
    for shown in (None, stranger):
        with pytest.raises((OSError, Closed)):
            refused = dial_tls(node, certificate, shown)
            refused.send(connect_packet("refused"))
            refused.next_packet()


def test_oldest_version_of_tls(make_node):
    node = make_node()
    certificate, key = make_certificate(node.folder, "server")
    node.listeners = [{"name": "tls", "transport": "tls", "bind": "127.0.0.1:0",
                       "tls": {"certificate": str(certificate), "key": str(key),
                               "min_version": "1.3"}}]
    node.start()
    greet(dial_tls(node, certificate)).disconnect()
    with pytest.raises(OSError):
        dial_tls(node, certificate, newest=ssl.TLSVersion.TLSv1_2)


# how CONNECTs are taken in: the others wait in the kernel's backlog


def histogram(node, name="troupe_connect_admission_delay_seconds"):
    body = node.get("/metrics")[2]
    buckets = [(bound, float(count)) for bound, count in
               re.findall(rf'^{name}_bucket{{le="([^"]+)"}} (\S+)$', body, re.M)]
    return buckets, node.metric(f"{name}_count"), node.metric(f"{name}_sum")


def test_so_many_at_a_time_and_silence_keeps_nobody_out(start_node):
    node = start_node(limits={"max_connects_in_progress": FEW, "connect_timeout": "30s"})
    assert node.metric("troupe_connects_in_progress_limit") == FEW
    silent = [node.dial() for _ in range(FEW)]
    wait_for(lambda: node.metric("troupe_connects_in_progress") == FEW, 1, "all are in progress")
    late = node.dial()          # the kernel takes it
    begin = time.monotonic()
    late.send(connect_packet("late"))
    late.expect(connack(0), within=SILENT_WITHIN)
    waited = time.monotonic() - begin
    late.ping()
    wait_for(lambda: node.metric("troupe_connects_in_progress") == 0, SILENT_WITHIN, "silence counts no more")
    assert node.metric("troupe_connects_deferred_total", reason="in_progress") == 1
    buckets, count, total = histogram(node)
    assert count == FEW + 1 and 0.2 < total <= waited + 0.1, (buckets, total, waited)
    assert buckets[-1] == ("+Inf", count)
    # Those that were silent may still say what they want.
    for number, client in enumerate(silent):
        client.send(connect_packet(f"silent-{number}"))
        client.expect(connack(0))


def test_a_rate_and_its_reload(start_node):
    node = start_node(limits={"max_connect_rate": 10})
    begin = time.monotonic()
    clients = [node.dial() for _ in range(20)]
    for number, client in enumerate(clients):
        client.send(connect_packet(f"c{number}"))
    for client in clients:
        client.expect(connack(0), within=10)
    took = time.monotonic() - begin
    # Ten at once, then ten in a second.
    assert 0.9 <= took, took
    assert node.metric("troupe_connects_deferred_total", reason="rate") >= 5
    _, count, total = histogram(node)
    assert count == 20 and total > 1.0, total
    node.tables["limits"]["max_connect_rate"] = 0
    node.write_configuration()
    node.reload()
    begin = time.monotonic()
    for number in range(30):
        node.connect(f"more-{number}").disconnect()
    assert time.monotonic() - begin < 2.5
    assert all(client.ping() is None for client in clients)


def test_nobody_waits_when_few_come(start_node):
    node = start_node(["tcp", "ws"])
    for number in range(50):
        node.connect(f"c{number}", listener=("tcp", "ws")[number % 2]).disconnect()
    buckets, count, total = histogram(node)
    assert count == 50 and buckets[0] == ("0.001", 50) and total == 0
    assert node.metric("troupe_connects_in_progress") == 0
    for reason in ("in_progress", "rate", "lag"):
        assert node.metric("troupe_connects_deferred_total", reason=reason) == 0
