"""4.1, 4.4 and 4.5: session state, its expiry, redelivery, takeover."""

import time

import pytest
from conformance.statement import statement
from wire.packets import (connack, connect_packet, options, puback, pubcomp, publish, pubrec,
                          pubrel)


@pytest.fixture
def publisher(connect):
    return connect()


def resume(connect, client, **fields):
    return connect(client.client_id, clean_start=False, session_present=True, **fields)


@statement("MQTT-4.1.0-1", "5.0")
@pytest.mark.parametrize("expiry", [{}, {"session_expiry_interval": 0},
                                    {"session_expiry_interval": 1}])
def test_MQTT_4_1_0_1_state_lives_as_long_as_the_connection(connect, publisher, topic, expiry):
    c = connect(**expiry)
    c.subscribe((topic, 1))
    time.sleep(1.5)
    publisher.publish(topic, "still subscribed", qos=1)
    c.receive(publish(topic, "still subscribed", qos=1))


@statement("MQTT-4.1.0-2", "5.0")
@pytest.mark.parametrize("expiry", [{}, {"session_expiry_interval": 0}])
def test_MQTT_4_1_0_2_session_without_expiry_ends_with_the_connection(connect, topic, expiry):
    c = connect(**expiry)
    c.subscribe((topic, 1))
    c.disconnect()
    connect(c.client_id, clean_start=False, session_present=False)


@statement("MQTT-4.1.0-2", "5.0")
def test_MQTT_4_1_0_2_session_ends_when_its_expiry_has_passed(connect, topic):
    c = connect(session_expiry_interval=1)
    c.subscribe((topic, 1))
    c.disconnect()
    end = time.monotonic() + 5
    time.sleep(2)
    while True:
        probe = connect(c.client_id, clean_start=False, session_present={False, True},
                        session_expiry_interval=1)
        if not probe.connack.session_present:
            return
        assert time.monotonic() < end, "the session did not expire"
        probe.disconnect()
        time.sleep(2)


@statement("MQTT-4.1.0-2", "5.0")
def test_MQTT_4_1_0_2_expiry_starts_when_the_connection_ends(connect, topic):
    c = connect(session_expiry_interval=2)
    time.sleep(2.5)
    c.disconnect()
    resume(connect, c)


@statement("MQTT-3.1.2-23", "5.0")
def test_MQTT_3_1_2_23_session_that_never_expires(connect, publisher, topic):
    c = connect(session_expiry_interval=0xFFFFFFFF)
    c.subscribe((topic, 2))
    c.disconnect()
    publisher.publish(topic, "kept", qos=2)
    resume(connect, c).receive(publish(topic, "kept", qos=2))


@statement("MQTT-3.1.2-23", "5.0")
def test_MQTT_3_1_2_23_session_survives_a_failing_network(connect, publisher, topic):
    c = connect(session_expiry_interval=100)
    c.subscribe((topic, 1))
    c.close()
    publisher.publish(topic, "kept", qos=1)
    resume(connect, c).receive(publish(topic, "kept", qos=1, dup={False, True}))


@statement("MQTT-3.1.2-23", "5.0")
def test_MQTT_3_1_2_23_disconnect_may_change_the_expiry(connect):
    c = connect(session_expiry_interval=100)
    c.disconnect(session_expiry_interval=0)
    connect(c.client_id, clean_start=False, session_present=False, session_expiry_interval=1)
    c = connect(c.client_id, clean_start=False, session_present=True, session_expiry_interval=1)
    c.disconnect(session_expiry_interval=100)
    time.sleep(2.5)
    resume(connect, c)


@statement("MQTT-3.1.2-23", "5.0")
def test_MQTT_3_1_2_23_resumed_session_takes_the_new_expiry(connect):
    c = connect(session_expiry_interval=100)
    c.disconnect()
    resume(connect, c, session_expiry_interval=0).disconnect()
    connect(c.client_id, clean_start=False, session_present=False)


@statement("MQTT-4.4.0-1", "5.0")
def test_MQTT_4_4_0_1_unacknowledged_messages_are_sent_again(connect, publisher, topic):
    c = connect(session_expiry_interval=100)
    c.subscribe((topic, 2))
    got = []
    for number, qos in enumerate((1, 2, 1, 2)):  # one by one: order is promised for one QoS alone
        publisher.publish(topic, str(number), qos=qos)
        got.append(c.expect(publish(topic, str(number), qos=qos)))
    c.close()
    c = resume(connect, c, session_expiry_interval=100)
    for one in got:
        c.expect(publish(topic, one.payload, qos=one.qos, id=one.id, dup=True))
    c.close()
    c = resume(connect, c)
    for one in got:
        c.receive(publish(topic, one.payload, qos=one.qos, id=one.id, dup=True))
    c.expect_nothing()


@statement("MQTT-4.4.0-1", "5.0")
def test_MQTT_4_4_0_1_publish_and_pubrel_are_sent_again(connect, publisher, topic):
    c = connect(session_expiry_interval=100)
    c.subscribe((topic, 2))
    publisher.publish(topic, "released", qos=2)
    publisher.publish(topic, "sent", qos=2)
    released = c.expect(publish(topic, "released", qos=2))
    sent = c.expect(publish(topic, "sent", qos=2))
    c.send(pubrec(released.id))
    c.expect(pubrel(released.id))
    c.close()
    c = resume(connect, c)
    c.expect_any_order(pubrel(released.id), publish(topic, "sent", qos=2, id=sent.id, dup=True))
    c.send(pubcomp(released.id), pubrec(sent.id))
    c.expect(pubrel(sent.id))
    c.send(pubcomp(sent.id))
    c.expect_nothing()


@statement("MQTT-4.4.0-1", "5.0")
def test_MQTT_4_4_0_1_nothing_is_sent_again_on_the_same_connection(connect, publisher, topic):
    c = connect(session_expiry_interval=100)
    c.subscribe((topic, 2))
    publisher.publish(topic, "1", qos=1)
    publisher.publish(topic, "2", qos=2)
    c.expect(publish(topic, "1", qos=1), publish(topic, "2", qos=2))
    time.sleep(2)
    c.expect_nothing()


@statement("MQTT-4.4.0-1", "5.0")
def test_MQTT_4_4_0_1_clean_start_sends_nothing_again(connect, publisher, topic):
    c = connect(session_expiry_interval=100)
    c.subscribe((topic, 1))
    publisher.publish(topic, "1", qos=1)
    c.expect(publish(topic, "1", qos=1))
    c.close()
    connect(c.client_id, clean_start=True, session_present=False).expect_nothing()


@statement("MQTT-4.4.0-1", "5.0")
def test_MQTT_4_4_0_1_takeover_hands_over_what_is_in_flight(connect, publisher, topic):
    c = connect(session_expiry_interval=100)
    c.subscribe((topic, 1))
    publisher.publish(topic, "in flight", qos=1)
    got = c.expect(publish(topic, "in flight", qos=1))
    other = resume(connect, c)
    c.expect_close(reason=0x8E)
    other.receive(publish(topic, "in flight", qos=1, id=got.id, dup=True))
    publisher.publish(topic, "later", qos=1)
    other.receive(publish(topic, "later", qos=1))


@statement("MQTT-4.4.0-1", "5.0")
def test_MQTT_4_4_0_1_resumed_with_a_smaller_window(connect, publisher, topic):
    # The client refuses more than it announced, also when the session comes from a wider one.
    c = connect(session_expiry_interval=100)
    c.subscribe((topic, 1))
    for number in range(5):
        publisher.publish(topic, str(number), qos=1)
    got = [c.expect(publish(topic, str(number), qos=1)) for number in range(5)]
    c.close()
    c = resume(connect, c, receive_maximum=2)
    for one in got:
        c.receive(publish(topic, one.payload, qos=1, id=one.id, dup={False, True}))
    c.expect_nothing()


@statement("MQTT-4.5.0-1", "5.0")
def test_MQTT_4_5_0_1_every_matching_session_gets_the_message(connect, publisher, name):
    room = name("room")
    present = connect()
    away = [connect(session_expiry_interval=100) for _ in range(3)]
    present.subscribe((f"{room}/a", 1))
    for c, pattern in zip(away, (f"{room}/a", f"{room}/+", f"{room}/#")):
        c.subscribe((pattern, 1))
        c.disconnect()
    publisher.publish(f"{room}/a", "x", qos=1)
    present.receive(publish(f"{room}/a", "x", qos=1))
    for c in away:
        resume(connect, c).receive(publish(f"{room}/a", "x", qos=1))


@statement("MQTT-4.5.0-1", "5.0")
def test_MQTT_4_5_0_1_options_of_the_subscription_are_kept(connect, publisher, topic):
    c = connect(session_expiry_interval=100)
    c.subscribe((topic, options(1, retain_as_published=True)), subscription_identifier=7)
    c.disconnect()
    publisher.publish(topic, "x", qos=2, retain=True)
    c = resume(connect, c)
    c.receive(publish(topic, "x", qos=1, retain=True, subscription_identifier=[7]))
    publisher.publish(topic, "y", qos=2, retain=True)
    c.receive(publish(topic, "y", qos=1, retain=True, subscription_identifier=[7]))


@statement("MQTT-3.1.4-3", "5.0")
def test_MQTT_3_1_4_3_takeovers_in_quick_succession(dial, name):
    client_id, opened = name("storm"), []
    for _ in range(20):
        opened.append(dial())
        opened[-1].send(connect_packet(client_id, clean_start=False, session_expiry_interval=100))
    alive = []
    for c in opened:
        try:
            c.connack = c.expect(connack(session_present={False, True}))
            c.ping()
            alive.append(c)
        except AssertionError as ended:
            # A CONNACK that was not sent yet says "busy": it has no reason for a takeover.
            assert any(word in str(ended) for word in ("DISCONNECT(reason=0x8e", "CONNACK(reason=0x89",
                                                       "closed", "reset")), ended
    last = dial()
    last.send(connect_packet(client_id, clean_start=False, session_expiry_interval=0))
    last.connack = last.expect(connack(session_present=True))
    for c in alive:
        c.expect_close(reason=0x8E)
    last.ping()


def test_qos_2_publisher_may_finish_after_a_reconnect(connect, topic):
    subscriber = connect()
    subscriber.subscribe((topic, 2))
    c = connect(session_expiry_interval=100)
    c.send(publish(topic, "x", qos=2, id=11))
    c.expect(pubrec(11))
    c.disconnect()
    c = resume(connect, c)
    c.send(pubrel(11))
    c.expect(pubcomp(11, reason=0))
    subscriber.receive(publish(topic, "x", qos=2))
    subscriber.expect_nothing()


def test_qos_0_while_away_is_not_an_obligation(connect, publisher, topic):
    c = connect(session_expiry_interval=100)
    c.subscribe((topic, 1))
    c.disconnect()
    publisher.publish(topic, "0", qos=0)
    publisher.publish(topic, "1", qos=1)
    c = resume(connect, c)
    got = c.next_packet()
    if got.qos == 0:
        got = c.next_packet()
    assert (got.payload, got.qos) == (b"1", 1)
    c.send(puback(got.id))
