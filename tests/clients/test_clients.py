"""Real clients against the real broker: mosquitto_pub and mosquitto_sub, and paho-mqtt."""

import subprocess
import threading

import paho.mqtt.client as mqtt
import pytest


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
