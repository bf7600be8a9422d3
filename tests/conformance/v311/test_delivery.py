"""4.1 to 4.6 of MQTT 3.1.1: session state, delivery protocols, redelivery, order."""

import pytest
from conformance.statement import statement
from wire.packets import puback, pubcomp, publish, pubrec, pubrel


@pytest.fixture
def publisher(connect):
    return connect()


def resume(connect, client):
    return connect(client.client_id, clean_start=False, session_present=True)


@statement("MQTT-4.1.0-1", "MQTT-4.1.0-2", "3.1.1")
@pytest.mark.parametrize("clean", [False, True])
def test_MQTT311_4_1_0_2_session_lasts_as_long_as_its_connection(connect, publisher, topic, clean):
    c = connect(clean_start=clean)
    c.subscribe((topic, 1))
    for number in range(10):
        publisher.publish(topic, str(number), qos=1)
        c.receive(publish(topic, str(number), qos=1))
        c.ping()


@statement("MQTT-4.3.1-1", "3.1.1")
def test_MQTT311_4_3_1_1_qos_0_is_sent_without_dup(connect, publisher, topic):
    c = connect()
    c.subscribe(topic)
    publisher.publish(topic, "x", qos=0)
    c.expect(publish(topic, "x", qos=0, dup=False))


@statement("MQTT-4.3.2-1", "3.1.1")
def test_MQTT311_4_3_2_1_qos_1_is_unacknowledged_until_puback(connect, publisher, topic):
    c = connect(clean_start=False)
    c.subscribe((topic, 1))
    for number in range(3):
        publisher.publish(topic, str(number), qos=1)
    got = [c.expect(publish(topic, str(number), qos=1, dup=False)) for number in range(3)]
    c.send(puback(got[1].id))
    c.disconnect()
    c = resume(connect, c)
    c.receive(publish(topic, "0", qos=1, id=got[0].id, dup=True))
    c.receive(publish(topic, "2", qos=1, id=got[2].id, dup=True))
    c.expect_nothing()


@statement("MQTT-4.3.2-2", "3.1.1")
@pytest.mark.parametrize("dup", [False, True])
def test_MQTT311_4_3_2_2_identifier_is_new_again_after_puback(connect, publisher, topic, dup):
    c = connect()
    c.subscribe((topic, 1))
    publisher.send(publish(topic, "one", qos=1, id=5))
    publisher.expect(puback(5))
    publisher.send(publish(topic, "two", qos=1, id=5, dup=dup))
    publisher.expect(puback(5))
    c.receive(publish(topic, "one", qos=1))
    c.receive(publish(topic, "two", qos=1))


@statement("MQTT-4.3.3-1", "3.1.1")
def test_MQTT311_4_3_3_1_sender_of_qos_2(connect, publisher, topic):
    c = connect(clean_start=False)
    c.subscribe((topic, 2))
    publisher.publish(topic, "x", qos=2)
    got = c.expect(publish(topic, "x", qos=2, dup=False))
    c.disconnect()
    c = resume(connect, c)
    c.expect(publish(topic, "x", qos=2, id=got.id, dup=True))
    c.send(pubrec(got.id))
    c.expect(pubrel(got.id))
    c.disconnect()
    c = resume(connect, c)
    c.expect(pubrel(got.id))
    c.send(pubcomp(got.id))
    c.expect_nothing()


@statement("MQTT-4.3.3-2", "3.1.1")
def test_MQTT311_4_3_3_2_receiver_of_qos_2(connect, publisher, topic):
    c = connect()
    c.subscribe((topic, 2))
    publisher.send(publish(topic, "once", qos=2, id=9))
    publisher.expect(pubrec(9))
    publisher.send(publish(topic, "once", qos=2, id=9, dup=True))
    publisher.expect(pubrec(9))
    publisher.send(pubrel(9))
    publisher.expect(pubcomp(9))
    publisher.send(publish(topic, "new", qos=2, id=9))
    publisher.expect(pubrec(9))
    publisher.send(pubrel(9))
    publisher.expect(pubcomp(9))
    publisher.send(pubrel(9))
    publisher.expect(pubcomp(9))
    c.receive(publish(topic, "once", qos=2))
    c.receive(publish(topic, "new", qos=2))
    c.expect_nothing()


@statement("MQTT-4.3.3-2", "3.1.1")
def test_MQTT311_4_3_3_2_receiver_of_qos_2_remembers_across_connections(connect, topic):
    watcher = connect()
    watcher.subscribe((topic, 2))
    c = connect(clean_start=False)
    c.send(publish(topic, "once", qos=2, id=9))
    c.expect(pubrec(9))
    c.close()
    c = resume(connect, c)
    c.send(publish(topic, "once", qos=2, id=9, dup=True))
    c.expect(pubrec(9))
    c.send(pubrel(9))
    c.expect(pubcomp(9))
    watcher.receive(publish(topic, "once", qos=2))
    watcher.expect_nothing()


@statement("MQTT-4.4.0-1", "MQTT-2.3.1-4", "3.1.1")
def test_MQTT311_4_4_0_1_unacknowledged_packets_are_sent_again(connect, publisher, topic):
    c = connect(clean_start=False)
    c.subscribe((topic, 2))
    for payload, qos in (("1", 1), ("2", 2), ("released", 2)):
        publisher.publish(topic, payload, qos=qos)
    one = c.expect(publish(topic, "1", qos=1))
    two = c.expect(publish(topic, "2", qos=2))
    released = c.expect(publish(topic, "released", qos=2))
    c.send(pubrec(released.id))
    c.expect(pubrel(released.id))
    c.close()
    c = resume(connect, c)
    c.expect_any_order(publish(topic, "1", qos=1, id=one.id, dup=True),
                       publish(topic, "2", qos=2, id=two.id, dup=True), pubrel(released.id))


@statement("MQTT-4.5.0-1", "3.1.1")
def test_MQTT311_4_5_0_1_every_matching_session_gets_the_message(connect, publisher, name):
    room = name("room")
    away = [connect(clean_start=False) for _ in range(3)]
    for c, pattern in zip(away, (f"{room}/a", f"{room}/+", f"{room}/#")):
        c.subscribe((pattern, 1))
        c.disconnect()
    publisher.publish(f"{room}/a", "x", qos=1)
    for c in away:
        resume(connect, c).receive(publish(f"{room}/a", "x", qos=1))


@statement("MQTT-4.6.0-1", "3.1.1")
def test_MQTT311_4_6_0_1_redelivery_keeps_the_order(connect, publisher, topic):
    c = connect(clean_start=False)
    c.subscribe((topic, 2))
    for number in range(10):
        publisher.publish(topic, str(number), qos=1 + number % 2)
    got = [c.expect(publish(topic, str(number), qos=1 + number % 2)) for number in range(10)]
    c.close()
    c = resume(connect, c)
    for one in got:
        c.expect(publish(topic, one.payload, qos=one.qos, id=one.id, dup=True))


@statement("MQTT-4.6.0-2", "MQTT-4.6.0-3", "3.1.1")
def test_MQTT311_4_6_0_2_server_answers_in_the_order_of_publishes(connect, topic):
    c = connect()
    c.send(*[publish(topic, "x", qos=1, id=number) for number in range(1, 21)])
    c.expect(*[puback(number) for number in range(1, 21)])
    c.send(*[publish(topic, "x", qos=2, id=number) for number in range(1, 11)])
    c.expect(*[pubrec(number) for number in range(1, 11)])


@statement("MQTT-4.6.0-4", "3.1.1")
def test_MQTT311_4_6_0_4_server_sends_pubrel_in_the_order_of_pubrec(connect, publisher, topic):
    c = connect()
    c.subscribe((topic, 2))
    for number in range(5):
        publisher.publish(topic, str(number), qos=2)
    got = [c.expect(publish(topic, str(number), qos=2)) for number in range(5)]
    order = [got[at].id for at in (3, 0, 4, 1, 2)]
    c.send(*[pubrec(number) for number in order])
    c.expect(*[pubrel(number) for number in order])


@statement("MQTT-4.6.0-5", "MQTT-4.6.0-6", "3.1.1")
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_MQTT311_4_6_0_6_messages_keep_the_order_of_their_publisher(connect, publisher, topic, qos):
    c = connect()
    c.subscribe((topic, qos))
    for number in range(50):
        publisher.publish(topic, str(number), qos=qos)
    for number in range(50):
        c.receive(publish(topic, str(number), qos=qos))


def test_versions_understand_each_other(connect, topic):
    old, new = connect(version=4), connect(version=5)
    for c in (old, new):
        c.subscribe((topic, 2))
    old.publish(topic, "from 3.1.1", qos=2)
    new.publish(topic, "from 5.0", qos=1, user_property=[("k", "v")], content_type="t")
    for c, properties in ((old, {}), (new, {"user_property": [("k", "v")], "content_type": "t"})):
        c.receive(publish(topic, "from 3.1.1", qos=2))
        c.receive(publish(topic, "from 5.0", qos=1, **properties))
