"""4.9, receive maximum and maximum packet size; 4.6, the order of messages."""

import pytest
from conformance.statement import statement
from wire.packets import (connack, connect_packet, pingreq, pingresp, puback, pubcomp, publish,
                          pubrec, pubrel, suback, subscribe)


@pytest.fixture
def publisher(connect):
    return connect()


@statement("MQTT-3.3.4-9", "MQTT-4.9.0-1", "MQTT-4.9.0-2", "5.0")
@pytest.mark.parametrize("window", [1, 2, 5])
def test_MQTT_3_3_4_9_no_more_than_the_receive_maximum(connect, publisher, topic, window):
    c = connect(receive_maximum=window)
    c.subscribe((topic, 1))
    for number in range(window + 3):
        publisher.publish(topic, str(number), qos=1)
    got = [c.expect(publish(topic, str(number), qos=1)) for number in range(window)]
    c.expect_nothing()
    for number in range(window, window + 3):
        c.send(puback(got.pop(0).id))
        got.append(c.expect(publish(topic, str(number), qos=1)))
    c.send(*[puback(one.id) for one in got])
    c.expect_nothing()


@statement("MQTT-3.3.4-9", "MQTT-4.9.0-2", "5.0")
def test_MQTT_3_3_4_9_qos_2_counts_until_pubcomp(connect, publisher, topic):
    c = connect(receive_maximum=1)
    c.subscribe((topic, 2))
    publisher.publish(topic, "1", qos=2)
    publisher.publish(topic, "2", qos=2)
    one = c.expect(publish(topic, "1", qos=2))
    c.send(pubrec(one.id))
    c.expect(pubrel(one.id))
    c.expect_nothing()
    c.send(pubcomp(one.id))
    c.receive(publish(topic, "2", qos=2))


@statement("MQTT-3.3.4-9", "5.0")
def test_MQTT_3_3_4_9_qos_0_is_not_held_back(connect, publisher, name):
    room = name("room")
    c = connect(receive_maximum=1)
    c.subscribe((f"{room}/1", 1), (f"{room}/0", 0))
    publisher.publish(f"{room}/1", "a", qos=1)
    publisher.publish(f"{room}/1", "b", qos=1)
    one = c.expect(publish(f"{room}/1", "a", qos=1))
    publisher.publish(f"{room}/0", "free", qos=0)
    c.expect(publish(f"{room}/0", "free"))
    c.send(puback(one.id))
    c.receive(publish(f"{room}/1", "b", qos=1))


@statement("MQTT-3.3.4-10", "MQTT-4.9.0-3", "5.0")
def test_MQTT_3_3_4_10_other_packets_flow_while_the_window_is_full(connect, publisher, topic):
    c = connect(receive_maximum=1)
    c.subscribe((topic, 1))
    publisher.publish(topic, "1", qos=1)
    publisher.publish(topic, "2", qos=1)
    one = c.expect(publish(topic, "1", qos=1))
    c.send(pingreq(), subscribe(70, topic + "/x"), publish(topic + "/y", "x", qos=1, id=71),
           publish(topic + "/y", "x", qos=2, id=72))
    c.expect_any_order(pingresp(), suback(70, [0]), puback(71), pubrec(72))
    c.send(pubrel(72))
    c.expect(pubcomp(72))
    c.send(puback(one.id))
    c.receive(publish(topic, "2", qos=1))


@statement("MQTT-3.3.4-7", "MQTT-4.9.0-2", "5.0")
def test_MQTT_3_3_4_7_client_beyond_the_servers_maximum_is_closed(start_broker, connect, topic):
    c = connect(to=start_broker(receive_maximum=2))
    assert c.connack.property("receive_maximum") == 2
    c.send(publish(topic, "1", qos=2, id=1), publish(topic, "2", qos=2, id=2))
    c.expect_any_order(pubrec(1), pubrec(2))
    c.send(publish(topic, "3", qos=2, id=3))
    c.expect_close(reason=0x93)


@statement("MQTT-3.3.4-7", "5.0")
def test_MQTT_3_3_4_7_servers_window_opens_again(start_broker, connect, topic):
    c = connect(to=start_broker(receive_maximum=2))
    for number in range(1, 30):
        c.publish(topic, "x", qos=1 + number % 2)
    c.send(publish(topic, "1", qos=2, id=100), publish(topic, "2", qos=2, id=101))
    c.expect(pubrec(100), pubrec(101))
    c.send(pubrel(100))
    c.expect(pubcomp(100))
    c.send(publish(topic, "3", qos=2, id=102))
    c.expect(pubrec(102))


@statement("MQTT-3.1.2-24", "MQTT-3.1.2-25", "5.0")
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_MQTT_3_1_2_24_too_large_a_message_counts_as_sent(connect, publisher, topic, qos):
    # The client refuses a packet above the maximum that it announced.
    c = connect(maximum_packet_size=100, receive_maximum=1)
    c.subscribe((topic, qos))
    overhead = 2 + 2 + len(topic) + (2 if qos else 0) + 1
    for payload in (b"a" * 200, b"b" * (101 - overhead), b"c" * (100 - overhead), b"d"):
        publisher.publish(topic, payload, qos=qos)
    c.receive(publish(topic, b"c" * (100 - overhead), qos=qos))
    c.receive(publish(topic, b"d", qos=qos))


@statement("MQTT-3.1.2-25", "5.0")
def test_MQTT_3_1_2_25_too_large_for_one_is_not_too_large_for_others(connect, publisher, topic):
    small, large = connect(maximum_packet_size=50), connect()
    for c in (small, large):
        c.subscribe((topic, 1))
    publisher.publish(topic, b"x" * 100, qos=1)
    publisher.publish(topic, b"y", qos=1)
    large.receive(publish(topic, b"x" * 100, qos=1))
    large.receive(publish(topic, b"y", qos=1))
    small.receive(publish(topic, b"y", qos=1))


@statement("MQTT-3.1.2-25", "5.0")
def test_MQTT_3_1_2_25_too_large_for_the_connection_that_resumes(connect, publisher, topic):
    c = connect(session_expiry_interval=100)
    c.subscribe((topic, 1))
    c.disconnect()
    publisher.publish(topic, b"x" * 100, qos=1)
    publisher.publish(topic, b"y", qos=1)
    c = connect(c.client_id, clean_start=False, session_present=True, maximum_packet_size=50)
    c.receive(publish(topic, b"y", qos=1))
    c.expect_nothing()


@statement("MQTT-4.6.0-5", "MQTT-4.6.0-6", "5.0")
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_MQTT_4_6_0_5_messages_keep_the_order_of_their_publisher(connect, publisher, name, qos):
    room = name("room")
    subscribers = {pattern: connect() for pattern in (f"{room}/a", f"{room}/+", f"{room}/#")}
    for pattern, c in subscribers.items():
        c.subscribe((pattern, qos))
    for number in range(100):
        publisher.publish(f"{room}/a", str(number), qos=qos)
    for c in subscribers.values():
        for number in range(100):
            c.receive(publish(f"{room}/a", str(number), qos=qos))


@statement("MQTT-4.6.0-5", "5.0")
def test_MQTT_4_6_0_5_order_holds_for_pipelined_publishes(connect, publisher, topic):
    c = connect()
    c.subscribe((topic, 1))
    publisher.send(*[publish(topic, str(number), qos=1, id=number) for number in range(1, 201)])
    for number in range(1, 201):
        c.receive(publish(topic, str(number), qos=1))


@statement("MQTT-2.2.1-5", "5.0")
def test_MQTT_2_2_1_5_pipelined_publishes_are_all_acknowledged(connect, publisher, topic):
    publisher.send(*[publish(topic, str(number), qos=1, id=number) for number in range(1, 101)])
    assert sorted(publisher.expect(puback(range(1, 101))).id for _ in range(100)) == \
        list(range(1, 101))


@statement("MQTT-4.6.0-5", "5.0")
def test_MQTT_4_6_0_5_order_holds_for_queued_messages(connect, publisher, topic):
    c = connect(session_expiry_interval=100)
    c.subscribe((topic, 1))
    c.disconnect()
    for number in range(100):
        publisher.publish(topic, str(number), qos=1)
    c = connect(c.client_id, clean_start=False, session_present=True, receive_maximum=7)
    for number in range(100):
        c.receive(publish(topic, str(number), qos=1))


@statement("MQTT-4.6.0-5", "5.0")
def test_MQTT_4_6_0_5_in_flight_comes_before_queued(connect, publisher, topic):
    c = connect(session_expiry_interval=100)
    c.subscribe((topic, 1))
    for number in range(3):
        publisher.publish(topic, str(number), qos=1)
        c.expect(publish(topic, str(number), qos=1))
    c.disconnect()
    for number in range(3, 6):
        publisher.publish(topic, str(number), qos=1)
    c = connect(c.client_id, clean_start=False, session_present=True)
    for number in range(6):
        c.receive(publish(topic, str(number), qos=1, dup=number < 3))


@statement("MQTT-4.6.0-6", "5.0")
def test_MQTT_4_6_0_6_every_topic_is_ordered(connect, publisher, name):
    room = name("room")
    c = connect()
    c.subscribe((f"{room}/#", 1))
    for number in range(20):
        for level in "abcde":
            publisher.publish(f"{room}/{level}", str(number), qos=1)
    last = dict.fromkeys("abcde", -1)
    for _ in range(100):
        got = c.receive(publish(lambda t: t.startswith(room), qos=1))
        level, number = got.topic[-1], int(got.payload)
        assert number == last[level] + 1
        last[level] = number


def test_connect_and_everything_else_in_one_write(dial, name, topic):
    c = dial()
    c.send(connect_packet(name()), subscribe(1, (topic, 1)), publish(topic, "x", qos=1, id=2))
    c.connack = c.expect(connack())
    c.expect(suback(1, [1]))
    c.expect_any_order(puback(2), publish(topic, "x", qos=1))
