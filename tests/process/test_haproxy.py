"""The example configuration of HAProxy, with Debian's HAProxy and real nodes behind it."""

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading

import paho.mqtt.client as paho
import pytest
from process.test_listeners import make_certificate
from wire.broker import ROOT
from wire.client import Client
from wire.node import wait_for
from wire.packets import V5, connack, connect_packet

HAPROXY = shutil.which("haproxy") or "/usr/sbin/haproxy"
EXAMPLE = ROOT / "tools/packaging/haproxy.cfg"
HOME = "127.0.0.2"  # of the clients, to be told from the proxy's connections
LISTENERS = [{"name": "behind", "transport": "tcp", "proxy_protocol": True,
              "allow_anonymous": True},
             {"name": "named", "transport": "tcp", "proxy_protocol": True,
              "use_certificate_as_username": "cn"}, "ws"]

pytestmark = pytest.mark.skipif(not os.path.exists(HAPROXY), reason="haproxy is not installed")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def filled_in(nodes, port, tls_port=None, crt="", ca=""):
    """The example with ports and files of this test; with its TLS part if there is a port for it."""
    text = EXAMPLE.read_text()
    if tls_port:
        text = re.sub(r"^#(?=\S|    )", "", text, flags=re.M)
    text = text.replace("bind :1883", f"bind 127.0.0.1:{port}")
    text = text.replace("bind :8883", f"bind 127.0.0.1:{tls_port}")
    text = text.replace("/etc/haproxy/mqtt.pem", str(crt))
    text = text.replace("/etc/haproxy/devices-ca.pem", str(ca))
    text = text.replace("maxconn 200000", "maxconn 500")
    text = text.replace("inter 2s fastinter 500ms", "inter 100ms fastinter 50ms")

    def server(found):
        number = int(found[1])
        if number > len(nodes):
            return ""
        node = nodes[number - 1]
        listener = "behind" if found[2] == "1883" else "named"
        return (f"server node{number} 127.0.0.1:{node.addresses[listener][1]} "
                f"check port {node.http[1]}")

    return re.sub(r"server node(\d) 192\.0\.2\.\d+:(\d+)", server, text)


class Proxy:
    def __init__(self, folder, text, name="haproxy"):
        self.file, self.log = folder / f"{name}.cfg", folder / f"{name}.log"
        self.file.write_text(text)
        checked = subprocess.run([HAPROXY, "-c", "-f", self.file], capture_output=True, text=True,
                                 timeout=20)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([HAPROXY, "-db", "-f", self.file], stdout=log,
                                            stderr=log, stdin=subprocess.DEVNULL)

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)


@pytest.fixture
def start_proxy(tmp_path):
    started = []

    def start(nodes, change=lambda text: text, **settings):
        port = free_port()
        started.append(Proxy(tmp_path, change(filled_in(nodes, port, **settings)),
                             f"haproxy{len(started)}"))
        return ("127.0.0.1", port)

    yield start
    for each in started:
        each.stop()


def dial(address, source=HOME):
    """A client of its own address; nothing while no node is there."""
    try:
        stream = socket.create_connection(address, timeout=5, source_address=(source, 0))
        client = Client(stream, V5)
        client.send(connect_packet("", clean_start=True))
        client.connack = client.expect(connack(0))
        return client
    except (OSError, AssertionError):
        return None


def served_by(nodes):
    """Connected sessions of each node."""
    return [int(node.metric("troupe_sessions_connected")) for node in nodes]


@pytest.mark.parametrize("sends", ["send-proxy", "send-proxy-v2",
                                   "send-proxy-v2 proxy-v2-options crc32c,authority",
                                   "send-proxy-v2-ssl-cn"])
def test_what_haproxy_sends_is_understood(start_node, start_proxy, sends):
    node = start_node(LISTENERS, node={"name": "n1"}, sys={"interval": "1h"})
    watcher = node.connect("watcher", listener="ws")
    watcher.subscribe("$SYS/brokers/n1/clients/+/connected")
    address = start_proxy([node], lambda text: re.sub(r"send-proxy-v2$", sends, text, flags=re.M))
    client = wait_for(lambda: dial(address), 10, "a connection through HAProxy")
    host, port = client.stream.getsockname()
    assert host == HOME
    assert json.loads(watcher.next_packet().payload)["ipaddress"] == f"{host}:{port}"
    client.subscribe("t")
    client.publish("t", "through", qos=1)
    assert client.next_packet().payload == b"through"


def test_two_nodes_one_of_which_goes(start_node, start_proxy):
    """New connections reach the other node; paho comes back to it by itself."""
    nodes = [start_node(LISTENERS, name=f"n{n}", node={"name": f"n{n}"}) for n in (1, 2)]
    address = start_proxy(nodes)
    wait_for(lambda: dial(address), 10, "a connection through HAProxy").disconnect()
    wait_for(lambda: served_by(nodes) == [0, 0], 5, "nobody")
    held = []
    for _ in range(6):
        held.append(wait_for(lambda: dial(address), 5, "a client"))
    assert served_by(nodes) == [3, 3]  # least connections

    connected = threading.Semaphore(0)
    client = paho.Client("paho", protocol=paho.MQTTv5, transport="tcp")
    client.on_connect = lambda *_: connected.release()
    client.reconnect_delay_set(min_delay=1, max_delay=1)
    client.connect(*address, keepalive=30)
    client.loop_start()
    try:
        assert connected.acquire(timeout=5)
        first = served_by(nodes).index(4)
        assert nodes[first].stop() == 0
        other = nodes[1 - first]
        assert connected.acquire(timeout=15)
        wait_for(lambda: served_by([other]) == [4], 10, "paho at the other node")
        for _ in range(4):
            held.append(wait_for(lambda: dial(address), 5, "a client"))
        assert served_by([other]) == [8]
    finally:
        client.loop_stop()
        client.disconnect()


def test_tls_ends_at_the_proxy_and_the_name_reaches_the_node(make_node, start_proxy, tmp_path):
    certificate, key = make_certificate(tmp_path, "server")
    device = make_certificate(tmp_path, "device", "/O=Makers/CN=device-17")
    both = tmp_path / "both.pem"
    both.write_text(certificate.read_text() + key.read_text())
    rules = tmp_path / "acl"
    rules.write_text("user device-17\ntopic readwrite its/own\n")
    node = make_node(LISTENERS, auth={"acl_file": str(rules)}).start()
    tls_port = free_port()
    start_proxy([node], tls_port=tls_port, crt=both, ca=device[0])
    context = ssl.create_default_context(cafile=str(certificate))
    context.load_cert_chain(*map(str, device))

    def dial_tls():
        try:
            raw = socket.create_connection(("127.0.0.1", tls_port), timeout=5,
                                           source_address=(HOME, 0))
            client = Client(context.wrap_socket(raw, server_hostname="localhost"), V5)
            client.send(connect_packet("d"))
            client.connack = client.expect(connack(0))
            return client
        except (OSError, AssertionError):
            return None

    client = wait_for(dial_tls, 10, "a connection by TLS through HAProxy")
    client.publish("its/own", "x", qos=1)
    client.publish("others", "x", qos=1, reason=0x87)
