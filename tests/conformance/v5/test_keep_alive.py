"""3.1.2.10 and 3.12: keep alive, PINGREQ and PINGRESP."""

import time

from conformance.statement import statement
from wire.client import Closed
from wire.packets import Will, pingreq, pingresp, publish


def silence(client):
    """Seconds until the broker closed a silent connection, and what it said."""
    began = time.monotonic()
    said = client.expect_close(reason=0x8D, within=6)
    return time.monotonic() - began, said


@statement("MQTT-3.1.2-22", "MQTT-3.2.2-22", "5.0")
def test_MQTT_3_1_2_22_silent_client_is_closed(connect):
    elapsed, _ = silence(connect(keep_alive=1))
    assert 1.4 <= elapsed <= 4


@statement("MQTT-3.1.2-22", "5.0")
def test_MQTT_3_1_2_22_will_follows_the_end_of_keep_alive(connect, topic):
    watcher = connect()
    watcher.subscribe(topic)
    silent = connect(keep_alive=1, will=Will(topic, "silent"))
    watcher.receive(publish(topic, "silent"), within=6)
    silent.expect_close(reason=0x8D)


@statement("MQTT-3.1.2-22", "5.0")
def test_MQTT_3_1_2_22_every_packet_counts(connect, topic):
    c = connect(keep_alive=1)
    for number in range(4):
        time.sleep(0.8)
        c.send(pingreq() if number % 2 else publish(topic, "alive"))
    c.ping()


@statement("MQTT-3.1.2-22", "5.0")
def test_MQTT_3_1_2_22_what_the_broker_sends_does_not_count(connect, topic):
    silent, talker = connect(keep_alive=1), connect()
    silent.subscribe(topic)
    began, closed = time.monotonic(), False
    while not closed and time.monotonic() - began < 5:
        talker.publish(topic, "noise", qos=1)
        try:
            got = silent.next_packet()
            closed = got.kind == "disconnect"
        except Closed:
            closed = True
        time.sleep(0.2)
    assert closed


@statement("MQTT-3.1.2-22", "5.0")
def test_MQTT_3_1_2_22_zero_turns_it_off(connect):
    c = connect(keep_alive=0)
    if c.connack.property("server_keep_alive") is None:
        time.sleep(2)
        c.ping()


@statement("MQTT-3.2.2-22", "5.0")
def test_MQTT_3_2_2_22_a_servers_keep_alive_is_announced(start_broker, connect):
    c = connect(to=start_broker(maximum_keep_alive=10), keep_alive=60)
    assert c.connack.property("server_keep_alive") == 10


@statement("MQTT-3.12.4-1", "5.0")
def test_MQTT_3_12_4_1_pingreq_is_answered(connect):
    c = connect()
    c.send(pingreq(), pingreq(), pingreq())
    c.expect(pingresp(), pingresp(), pingresp())
