"""One node with every transport, shared by the clients of a worker."""

import subprocess

import pytest
from wire.node import Node

TRANSPORTS = ("tcp", "tls", "ws", "wss")


@pytest.fixture(scope="session")
def broker(tmp_path_factory):
    """Serves all transports on loopback; yields the ports by transport and its authority."""
    folder = tmp_path_factory.mktemp("broker")
    certificate, key = str(folder / "cert.pem"), str(folder / "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", key, "-out", certificate], check=True, capture_output=True)
    listeners = [{"name": kind, "transport": kind} for kind in TRANSPORTS]
    for listener in listeners:
        if listener["transport"] in ("tls", "wss"):
            listener["tls"] = {"certificate": certificate, "key": key}
    node = Node(folder, listeners).start()
    yield {"ports": {kind: node.addresses[kind][1] for kind in TRANSPORTS}, "ca": certificate}
    assert node.alive(), node.log_text()[-4000:]
    assert node.stop() == 0
