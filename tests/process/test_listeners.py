"""Listeners: several, their limits, Unix sockets, TLS and its certificates."""

import os
import socket
import ssl
import stat
import subprocess

import pytest
from wire.client import Client, Closed
from wire.node import wait_for
from wire.packets import V5, connack, connect_packet, publish
from wire.websocket import Refused, WebSocket


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
    assert "server.pem" in node.log_text()
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
