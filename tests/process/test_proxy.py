"""Listeners behind a proxy that sends PROXY headers, against the real process."""

import json
import os
import socket
import ssl
import time

from process.test_listeners import make_certificate
from wire.client import Client, open_tcp
from wire.node import wait_for
from wire.packets import V5, connack, connect_packet, publish
from wire.websocket import WebSocket

FAR = "PROXY TCP4 203.0.113.9 198.51.100.1 40123 1883\r\n".encode()
NEAR = "PROXY TCP4 127.0.0.1 127.0.0.1 40123 1883\r\n".encode()
BEHIND = {"name": "tcp", "transport": "tcp", "proxy_protocol": True}


def v2(source="203.0.113.9", port=40123, entries=b"", command=0x21):
    block = socket.inet_aton(source) + socket.inet_aton("198.51.100.1")
    block += port.to_bytes(2, "big") + (1883).to_bytes(2, "big") + entries
    return (b"\r\n\r\n\0\r\nQUIT\n" + bytes([command, 0x11]) + len(block).to_bytes(2, "big") + block)


def tlv(kind, value):
    return bytes([kind]) + len(value).to_bytes(2, "big") + value


def certificate_tlv(name, verify=0):
    return tlv(0x20, b"\x07" + verify.to_bytes(4, "big") + tlv(0x22, name.encode()))


def behind(node, header, listener="tcp"):
    """A client whose connection begins with the header."""
    stream = open_tcp(node.addresses[listener])
    stream.sendall(header)
    return Client(stream, V5, reasons_required=True)


def refused(node):
    return {reason: node.metric("troupe_connections_refused_total", reason=reason)
            for reason in ("proxy_header", "proxy_not_trusted")}


def greet(client, client_id, reason=0):
    client.send(connect_packet(client_id))
    client.connack = client.expect(connack(reason))
    return client


def test_the_address_is_the_one_in_the_header(start_node):
    """In $SYS, for anonymous access, and in the log; the proxy's own loopback counts for nothing."""
    node = start_node([BEHIND, "ws"], node={"name": "n1"}, sys={"interval": "1h"})
    watcher = greet(behind(node, NEAR), "watcher")
    watcher.subscribe("$SYS/brokers/n1/clients/+/connected")
    # Anonymous clients are let in from loopback only.
    stranger = behind(node, FAR)
    stranger.send(connect_packet("stranger"))
    stranger.expect_close(0x87)
    behind(node, v2("127.0.0.1", command=0x20), "tcp").send(connect_packet("check"))
    node.await_log("203.0.113.9:40123")
    near = greet(behind(node, v2("127.0.0.1", 40999)), "near")
    event = watcher.next_packet()
    assert json.loads(event.payload)["ipaddress"] == "127.0.0.1:40999"
    near.ping()
    assert refused(node) == {"proxy_header": 0, "proxy_not_trusted": 0}
    # The other listener has no proxy and takes no headers.
    node.connect("plain", listener="ws").disconnect()


def test_without_address_there_are_no_rights_of_loopback(start_node):
    node = start_node([BEHIND])
    for header in (b"PROXY UNKNOWN\r\n", v2(command=0x20), v2("127.0.0.1", command=0x20)):
        client = behind(node, header)
        client.send(connect_packet("nobody"))
        client.expect_close(0x87)
    # A health check comes and goes without a word.
    behind(node, v2(command=0x20)).close()
    wait_for(lambda: node.metric("troupe_connections_count") == 0, 5, "the check to be gone")


def test_the_header_is_required(start_node):
    node = start_node([BEHIND], limits={"connect_timeout": "1s"})
    plain = Client(open_tcp(node.addresses["tcp"]), V5)
    plain.send(connect_packet("plain"))
    plain.expect_close()
    broken = behind(node, b"PROXY TCP4 203.0.113.9 198.51.100.1 99999 1883\r\n")
    broken.expect_close()
    wait_for(lambda: refused(node)["proxy_header"] == 2, 5, "two refusals")
    node.await_log("A connection without a good PROXY header was refused")
    # Half of one costs neither time nor patience.
    before = sum(os_times(node.process.pid))
    begin = time.monotonic()
    late = behind(node, FAR[:20])
    late.expect_close(within=5)
    assert 0.9 < time.monotonic() - begin < 4
    assert sum(os_times(node.process.pid)) - before < 0.5
    wait_for(lambda: refused(node)["proxy_header"] == 3, 5, "the late one")
    assert node.metric("troupe_connect_timeouts_total") == 1
    greet(behind(node, NEAR), "well").ping()


def os_times(pid):
    """User and system seconds of a process."""
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    tick = os.sysconf("SC_CLK_TCK")
    return int(fields[11]) / tick, int(fields[12]) / tick


def test_only_trusted_proxies_may_connect(start_node):
    node = start_node([{**BEHIND, "proxy_trusted": ["192.0.2.0/24", "2001:db8::/32"]}])
    client = behind(node, NEAR)
    client.send(connect_packet("c"))
    client.expect_close()
    wait_for(lambda: refused(node)["proxy_not_trusted"] == 1, 5, "a refusal")
    node.await_log("elsewhere than a trusted proxy")
    # A reload changes who is trusted.
    node.listeners[0]["proxy_trusted"] = ["127.0.0.1"]
    node.write_configuration()
    node.reload()
    greet(behind(node, NEAR), "c").ping()
    assert refused(node) == {"proxy_header": 0, "proxy_not_trusted": 1}


def test_the_name_in_the_header_is_the_user(make_node):
    node = make_node([{**BEHIND, "use_certificate_as_username": "cn"}])
    rules = node.folder / "acl"
    rules.write_text("user device-17\ntopic readwrite its/own\n")
    node.tables["auth"] = {"acl_file": str(rules)}
    node.start()
    device = greet(behind(node, v2(entries=certificate_tlv("device-17"))), "d")
    device.publish("its/own", "x", qos=1)
    device.publish("others", "x", qos=1, reason=0x87)
    for entries in (b"", certificate_tlv("device-17", verify=1)):
        client = behind(node, v2(entries=entries))
        client.send(connect_packet("d2"))
        client.expect_close(0x87)


def test_before_tls_and_before_websocket(make_node):
    node = make_node()
    certificate, key = make_certificate(node.folder, "server")
    tls = {"certificate": str(certificate), "key": str(key)}
    node.listeners = [
        {"name": kind, "transport": kind, "bind": "127.0.0.1:0", "proxy_protocol": True,
         **({"tls": tls} if kind in ("tls", "wss") else {})} for kind in ("tls", "ws", "wss")]
    node.start()
    context = ssl.create_default_context(cafile=str(certificate))
    for kind in ("tls", "ws", "wss"):
        for header, reason in ((NEAR, 0), (FAR, 0x87)):
            stream = open_tcp(node.addresses[kind])
            stream.sendall(header)
            if kind != "ws":
                stream = context.wrap_socket(stream, server_hostname="localhost")
            if kind != "tls":
                stream = WebSocket(node.addresses[kind], stream=stream)
            client = Client(stream, V5, reasons_required=True)
            client.send(connect_packet(f"{kind}-{reason}"))
            if reason:
                client.expect_close(reason)
            else:
                client.connack = client.expect(connack(0))
                client.subscribe("t")
                client.publish("t", kind, qos=1)
                client.expect(publish("t", kind))
                client.disconnect()
