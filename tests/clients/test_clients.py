"""Real clients against the real broker: mosquitto_pub and mosquitto_sub, and paho-mqtt."""

import json
import os
import pathlib
import subprocess
import threading

import paho.mqtt.client as mqtt
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("TROUPE_BINARY", ROOT / "build/dev/tools/troupe/troupe")


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """Serves TCP, TLS, WebSocket and secure WebSocket; yields the ports by transport."""
    folder = tmp_path_factory.mktemp("broker")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
                   check=True, capture_output=True)
    text = f'[node]\ndata_dir = {json.dumps(str(folder / "data"))}\n[http]\nenabled = false\n'
    for kind in ("tcp", "tls", "ws", "wss"):
        text += f'[[listeners]]\nname = "{kind}"\ntransport = "{kind}"\nbind = "127.0.0.1:0"\n'
        if kind in ("tls", "wss"):
            text += (f'[listeners.tls]\ncertificate = {json.dumps(str(folder / "cert.pem"))}\n'
                     f'key = {json.dumps(str(folder / "key.pem"))}\n')
    (folder / "troupe.toml").write_text(text)
    ready = folder / "ready"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TROUPE_")}
    with open(folder / "log", "ab") as log:
        process = subprocess.Popen([str(BINARY), "--config", folder / "troupe.toml",
                                    "--ready-file", ready], stdout=log, stderr=log, env=environment)
    pause = threading.Event()
    for _ in range(3000):
        if ready.exists() or process.poll() is not None:
            break
        pause.wait(0.01)
    assert ready.exists(), (folder / "log").read_text()
    ports = {entry["name"]: entry["port"] for entry in json.loads(ready.read_text())["listeners"]}
    yield {"ports": ports, "ca": str(folder / "cert.pem")}
    process.terminate()
    assert process.wait(20) == 0


@pytest.mark.parametrize("version", ["mqttv31", "mqttv311", "mqttv5"])
@pytest.mark.parametrize("kind", ["tcp", "tls"])
@pytest.mark.parametrize("qos", ["0", "1", "2"])
def test_mosquitto_clients(broker, version, kind, qos):
    place = ["-h", "localhost", "-p", str(broker["ports"][kind]), "-V", version]
    if kind == "tls":
        place += ["--cafile", broker["ca"]]
    topic = f"mosquitto/{version}/{kind}/{qos}"
    subprocess.run(["mosquitto_pub", *place, "-t", topic, "-m", "kept", "-r", "-q", qos],
                   check=True, timeout=20)
    # The retained message shows that the subscription stands.
    reader = subprocess.Popen(["mosquitto_sub", *place, "-t", topic, "-q", qos, "-C", "2", "-W", "20"],
                              stdout=subprocess.PIPE, text=True)
    assert reader.stdout.readline() == "kept\n"
    subprocess.run(["mosquitto_pub", *place, "-t", topic, "-m", "live", "-q", qos],
                   check=True, timeout=20)
    assert reader.stdout.readline() == "live\n"
    assert reader.wait(20) == 0


@pytest.mark.parametrize("version", [mqtt.MQTTv311, mqtt.MQTTv5])
@pytest.mark.parametrize("kind", ["tcp", "tls", "ws", "wss"])
def test_paho(broker, version, kind):
    client = mqtt.Client(f"paho-{kind}-{version}", protocol=version,
                         transport="websockets" if kind.startswith("w") else "tcp")
    if kind.startswith("w"):
        client.ws_set_options(path="/mqtt")
    if kind in ("tls", "wss"):
        client.tls_set(broker["ca"])
    topic, got, subscribed = f"paho/{kind}/{version}", [], threading.Event()
    everything = threading.Event()

    def on_message(_client, _data, message):
        got.append((message.qos, message.payload))
        if len(got) == 30:
            everything.set()

    client.on_connect = lambda c, *_: c.subscribe(topic, 2)
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_message = on_message
    client.connect("localhost", broker["ports"][kind])
    client.loop_start()
    try:
        assert subscribed.wait(10)
        for number in range(30):
            client.publish(topic, str(number) * 500, qos=number % 3)
        assert everything.wait(15), f"{len(got)} of 30 arrived"
    finally:
        client.disconnect()
        client.loop_stop()
    for qos in range(3):
        of_level = [payload for level, payload in got if level == qos]
        assert of_level == [(str(n) * 500).encode() for n in range(qos, 30, 3)]
