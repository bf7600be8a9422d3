"""3.3.2.3.4: topic aliases in both directions."""

import pytest
from conformance.statement import statement
from wire.packets import publish


def alias_maximum(client):
    highest = client.connack.property("topic_alias_maximum") or 0
    if not highest:
        pytest.skip("the broker takes no topic aliases")
    return highest


@statement("MQTT-3.3.2-12", "5.0")
def test_MQTT_3_3_2_12_every_alias_up_to_the_maximum_is_taken(connect, name):
    c = connect()
    room, highest = name("room"), alias_maximum(c)
    c.subscribe(f"{room}/+")
    for alias in sorted({1, 2, highest // 2 or 1, highest}):
        c.send(publish(f"{room}/{alias}", "set", topic_alias=alias))
        c.expect(publish(f"{room}/{alias}", "set"))
    for alias in sorted({1, 2, highest // 2 or 1, highest}):
        c.send(publish("", "used", topic_alias=alias))
        c.expect(publish(f"{room}/{alias}", "used"))


@statement("MQTT-3.3.2-12", "5.0")
def test_MQTT_3_3_2_12_alias_may_be_set_anew(connect, topic):
    c = connect()
    alias_maximum(c)
    c.subscribe(topic + "/#")
    c.send(publish(topic + "/1", "a", topic_alias=1), publish(topic + "/2", "b", topic_alias=1),
           publish("", "c", topic_alias=1))
    c.expect_any_order(publish(topic + "/1", "a"), publish(topic + "/2", "b"),
                       publish(topic + "/2", "c"))


@statement("MQTT-3.3.2-12", "5.0")
@pytest.mark.parametrize("qos", [1, 2])
def test_MQTT_3_3_2_12_alias_works_at_every_qos(connect, topic, qos):
    c, subscriber = connect(), connect()
    alias_maximum(c)
    subscriber.subscribe((topic, 2))
    c.publish(topic, "set", qos=qos, topic_alias=1)
    subscriber.receive(publish(topic, "set", qos=qos))
    c.publish("", "used", qos=qos, topic_alias=1)
    subscriber.receive(publish(topic, "used", qos=qos))


@statement("MQTT-3.3.2-7", "5.0")
def test_MQTT_3_3_2_7_alias_ends_with_the_connection(connect, topic):
    c = connect(session_expiry_interval=100)
    alias_maximum(c)
    c.publish(topic, "set", qos=1, topic_alias=1)
    c.disconnect()
    c = connect(c.client_id, clean_start=False, session_present=True)
    c.send(publish("", "unknown alias", topic_alias=1))
    c.expect_close(reason={0x82, 0x94, 0x90})


@statement("MQTT-3.3.2-7", "5.0")
def test_MQTT_3_3_2_7_alias_is_not_shared_between_connections(connect, topic):
    first, second = connect(), connect()
    alias_maximum(first)
    first.publish(topic, "set", qos=1, topic_alias=1)
    second.send(publish("", "unknown alias", topic_alias=1))
    second.expect_close(reason={0x82, 0x94, 0x90})


@statement("MQTT-3.3.2-8", "5.0")
def test_MQTT_3_3_2_8_alias_zero_closes(connect, topic):
    c = connect()
    c.send(publish(topic, "x", topic_alias=0))
    c.expect_close(reason={0x81, 0x82, 0x94})


@statement("MQTT-3.3.2-9", "MQTT-3.2.2-17", "5.0")
def test_MQTT_3_3_2_9_alias_above_the_maximum_closes(connect, topic):
    c = connect()
    highest = c.connack.property("topic_alias_maximum") or 0
    c.send(publish(topic, "x", topic_alias=highest + 1))
    c.expect_close(reason={0x82, 0x94})


@statement("MQTT-3.1.2-26", "MQTT-3.3.2-11", "5.0")
def test_MQTT_3_1_2_26_broker_stays_within_the_clients_maximum(connect, name):
    # The client refuses an alias above its maximum or one that was not set.
    c, publisher = connect(topic_alias_maximum=2), connect()
    room = name("room")
    c.subscribe((f"{room}/+", 1))
    for turn in range(3):
        for level in ("a", "b", "c"):
            publisher.publish(f"{room}/{level}", str(turn), qos=1)
            c.receive(publish(f"{room}/{level}", str(turn), qos=1))


@statement("MQTT-3.1.2-26", "5.0")
def test_MQTT_3_1_2_26_redelivery_on_a_new_connection_sets_aliases_anew(connect, topic):
    c, publisher = connect(topic_alias_maximum=5, session_expiry_interval=100), connect()
    c.subscribe((topic, 1))
    for number in range(3):
        publisher.publish(topic, str(number), qos=1)
        c.expect(publish(topic, str(number), qos=1))
    c.close()
    c = connect(c.client_id, clean_start=False, session_present=True, topic_alias_maximum=5)
    for number in range(3):
        c.receive(publish(topic, str(number), qos=1, dup=True))


@statement("MQTT-3.1.2-27", "5.0")
@pytest.mark.parametrize("announced", [{}, {"topic_alias_maximum": 0}])
def test_MQTT_3_1_2_27_no_alias_where_none_is_taken(connect, topic, announced):
    c, publisher = connect(**announced), connect()
    c.subscribe(topic)
    for _ in range(5):
        publisher.send(publish(topic, "x"))
        c.expect(publish(topic, "x", topic_alias=None))
