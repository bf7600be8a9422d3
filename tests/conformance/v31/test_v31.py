"""MQTT 3.1: what differs from 3.1.1. That specification numbers no statements."""

import pytest
from wire.encoding import frame, text, u8, u16
from wire.packets import Will, connack, connect_packet, publish, suback, subscribe


def test_connect_with_the_old_name_and_level(dial, name):
    c = dial()
    c.send(connect_packet(name()))  # MQIsdp, level 3
    c.expect(connack(reason=0, session_present=False))


@pytest.mark.parametrize("protocol, level", [("MQIsdp", 4), ("MQTT", 3)])
def test_name_and_level_must_agree(dial, protocol, level):
    c = dial()
    c.send(frame("connect", text(protocol) + u8(level) + u8(2) + u16(60) + text("x")))
    c.expect_close()


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_publish_and_subscribe(connect, topic, qos):
    c, publisher = connect(), connect()
    c.subscribe((topic, 2))
    publisher.publish(topic, "x", qos=qos)
    c.receive(publish(topic, "x", qos=qos))


def test_session_is_kept_and_connack_has_no_session_present(connect, topic):
    c = connect(clean_start=False)
    c.subscribe((topic, 1))
    c.disconnect()
    connect().publish(topic, "while away", qos=1)
    # The byte of the flags is reserved in 3.1; clients of that time ignore it.
    c = connect(c.client_id, clean_start=False, session_present={False, True})
    c.receive(publish(topic, "while away", qos=1))


def test_retained_message(connect, topic):
    connect().publish(topic, "kept", qos=1, retain=True)
    c = connect()
    c.subscribe((topic, 1))
    c.receive(publish(topic, "kept", qos=1, retain=True))


def test_will(connect, topic):
    watcher = connect()
    watcher.subscribe(topic)
    connect(will=Will(topic, "gone")).close()
    watcher.receive(publish(topic, "gone"))


def test_takeover(connect):
    first = connect()
    second = connect(first.client_id)
    first.expect_close()
    second.ping()


def test_empty_client_id_is_refused(dial):
    c = dial()
    c.send(connect_packet(""))
    c.expect(connack(reason=2))
    c.connack = True
    c.expect_close()


def test_redelivery(connect, topic):
    c = connect(clean_start=False)
    c.subscribe((topic, 2))
    connect().publish(topic, "again", qos=2)
    got = c.expect(publish(topic, "again", qos=2))
    c.close()
    c = connect(c.client_id, clean_start=False, session_present={False, True})
    c.receive(publish(topic, "again", qos=2, id=got.id, dup=True))


def test_suback_has_a_granted_qos_for_each_filter(connect, name):
    c = connect()
    c.send(subscribe(5, (name("a"), 0), (name("b"), 1), (name("c"), 2)))
    c.expect(suback(5, [0, 1, 2]))
