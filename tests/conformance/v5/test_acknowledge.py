"""3.4 to 3.7 and 4.3: the exchanges of QoS 0, 1 and 2 in both directions."""

import time

import pytest
from conformance.statement import statement
from wire.encoding import frame, u16
from wire.packets import (puback, pubcomp, publish, pubrec, pubrel)

UNKNOWN = {0x00, 0x92}


@pytest.fixture
def subscriber(connect, topic):
    c = connect()
    c.subscribe((topic, 2))
    return c


@statement("MQTT-3.4.2-1", "5.0")
def test_MQTT_3_4_2_1_puback_without_subscribers(connect, topic):
    c = connect()
    c.send(publish(topic, "nobody", qos=1, id=1))
    c.expect(puback(1, reason={0x00, 0x10}))


@statement("MQTT-3.5.2-1", "5.0")
def test_MQTT_3_5_2_1_pubrec_without_subscribers(connect, topic):
    c = connect()
    c.send(publish(topic, "nobody", qos=2, id=1))
    c.expect(pubrec(1, reason={0x00, 0x10}))
    c.send(pubrel(1))
    c.expect(pubcomp(1, reason=0x00))


@statement("MQTT-3.4.2-2", "MQTT-3.4.2-3", "MQTT-3.5.2-2", "MQTT-3.5.2-3", "MQTT-3.6.2-2",
           "MQTT-3.6.2-3", "MQTT-3.7.2-2", "MQTT-3.7.2-3", "5.0")
def test_MQTT_3_4_2_2_acknowledgements_stay_within_the_packet_size(connect, name):
    # The client refuses a packet above its maximum of 32 bytes.
    topic = name()[:3]
    c = connect(maximum_packet_size=32)
    c.send(publish("$SYS/x", "", qos=1, id=1))
    c.expect(puback(1, reason=set(range(256))))
    c.send(publish("$SYS/x", "", qos=2, id=2))
    if c.expect(pubrec(2, reason=set(range(256)))).reason < 0x80:
        c.send(pubrel(2))
        c.expect(pubcomp(2))
    c.send(pubrel(99))
    c.expect(pubcomp(99, reason=UNKNOWN))
    c.send(pubrec(98))
    c.expect(pubrel(98, reason=UNKNOWN))
    c.publish(topic, "", qos=2)


@statement("MQTT-3.6.1-1", "5.0")
@pytest.mark.parametrize("flags", [0, 1, 3, 6, 15])
def test_MQTT_3_6_1_1_pubrel_with_other_flags_closes(connect, topic, flags):
    c = connect()
    c.send(publish(topic, "x", qos=2, id=1))
    c.expect(pubrec(1))
    c.send(frame("pubrel", u16(1), flags))
    c.expect_close(reason={0x81, 0x82})


@statement("MQTT-3.6.2-1", "5.0")
def test_MQTT_3_6_2_1_pubrec_of_an_unknown_message(connect):
    c = connect()
    c.send(pubrec(4242))
    c.expect(pubrel(4242, reason=UNKNOWN))


@statement("MQTT-3.7.2-1", "5.0")
def test_MQTT_3_7_2_1_pubrel_of_an_unknown_message(connect):
    c = connect()
    c.send(pubrel(4242))
    c.expect(pubcomp(4242, reason=UNKNOWN))


def test_acknowledgements_of_unknown_messages_do_no_harm(connect, subscriber, topic):
    c = connect()
    subscriber.send(puback(4242), pubcomp(4243))
    c.publish(topic, "x", qos=1)
    subscriber.receive(publish(topic, "x", qos=1))


@statement("MQTT-4.3.1-1", "5.0")
def test_MQTT_4_3_1_1_qos_0_is_sent_without_dup(connect, topic):
    c = connect()
    c.subscribe(topic)
    c.publish(topic, "x", qos=2)
    c.expect(publish(topic, "x", qos=0, dup=False))


@statement("MQTT-4.3.2-1", "MQTT-4.3.2-2", "5.0")
def test_MQTT_4_3_2_1_qos_1_gets_an_unused_identifier(connect, subscriber, topic):
    c = connect()
    for number in range(5):
        c.publish(topic, str(number), qos=1)
    got = [subscriber.expect(publish(topic, str(number), qos=1, dup=False)) for number in range(5)]
    assert len({g.id for g in got}) == 5


@statement("MQTT-4.3.2-3", "5.0")
def test_MQTT_4_3_2_3_qos_1_is_unacknowledged_until_puback(connect, topic):
    c = connect(session_expiry_interval=100)
    c.subscribe((topic, 1))
    publisher = connect()
    for number in range(3):
        publisher.publish(topic, str(number), qos=1)
    got = [c.expect(publish(topic, str(number), qos=1)) for number in range(3)]
    c.send(puback(got[1].id))
    c.disconnect()
    c = connect(c.client_id, clean_start=False, session_present=True)
    c.receive(publish(topic, "0", qos=1, id=got[0].id, dup=True))
    c.receive(publish(topic, "2", qos=1, id=got[2].id, dup=True))
    c.expect_nothing()


@statement("MQTT-4.3.2-4", "5.0")
def test_MQTT_4_3_2_4_qos_1_is_answered_with_its_identifier(connect, topic):
    c = connect()
    for number in (1, 2, 65_535):
        c.send(publish(topic, "x", qos=1, id=number))
        c.expect(puback(number))


@statement("MQTT-4.3.2-5", "5.0")
@pytest.mark.parametrize("dup", [False, True])
def test_MQTT_4_3_2_5_identifier_is_new_again_after_puback(connect, subscriber, topic, dup):
    c = connect()
    c.send(publish(topic, "one", qos=1, id=5))
    c.expect(puback(5))
    c.send(publish(topic, "two", qos=1, id=5, dup=dup))
    c.expect(puback(5))
    subscriber.receive(publish(topic, "one", qos=1))
    subscriber.receive(publish(topic, "two", qos=1))


@statement("MQTT-4.3.3-1", "MQTT-4.3.3-2", "5.0")
def test_MQTT_4_3_3_1_qos_2_gets_an_unused_identifier(connect, subscriber, topic):
    c = connect()
    for number in range(5):
        c.publish(topic, str(number), qos=2)
    got = [subscriber.expect(publish(topic, str(number), qos=2, dup=False)) for number in range(5)]
    assert len({g.id for g in got}) == 5


@statement("MQTT-4.3.3-3", "5.0")
def test_MQTT_4_3_3_3_qos_2_is_unacknowledged_until_pubrec(connect, topic):
    c = connect(session_expiry_interval=100)
    c.subscribe((topic, 2))
    connect().publish(topic, "x", qos=2)
    got = c.expect(publish(topic, "x", qos=2))
    c.disconnect()
    c = connect(c.client_id, clean_start=False, session_present=True)
    c.receive(publish(topic, "x", qos=2, id=got.id, dup=True))


@statement("MQTT-4.3.3-4", "5.0")
def test_MQTT_4_3_3_4_pubrec_is_answered_with_pubrel(connect, subscriber, topic):
    connect().publish(topic, "x", qos=2)
    got = subscriber.expect(publish(topic, "x", qos=2))
    subscriber.send(pubrec(got.id))
    subscriber.expect(pubrel(got.id, reason=0))
    subscriber.send(pubcomp(got.id))
    subscriber.expect_nothing()


@statement("MQTT-4.3.3-4", "MQTT-4.4.0-2", "5.0")
def test_MQTT_4_3_3_4_pubrec_with_an_error_ends_the_exchange(connect, topic):
    c = connect(session_expiry_interval=100, receive_maximum=1)
    c.subscribe((topic, 2))
    publisher = connect()
    publisher.publish(topic, "refused", qos=2)
    publisher.publish(topic, "next", qos=2)
    got = c.expect(publish(topic, "refused", qos=2))
    c.send(pubrec(got.id, 0x83))
    c.receive(publish(topic, "next", qos=2))
    c.expect_nothing()


@statement("MQTT-4.3.3-5", "MQTT-4.3.3-6", "5.0")
def test_MQTT_4_3_3_5_pubrel_is_unacknowledged_until_pubcomp(connect, topic):
    c = connect(session_expiry_interval=100)
    c.subscribe((topic, 2))
    connect().publish(topic, "x", qos=2)
    got = c.expect(publish(topic, "x", qos=2))
    c.send(pubrec(got.id))
    c.expect(pubrel(got.id))
    c.disconnect()
    c = connect(c.client_id, clean_start=False, session_present=True, session_expiry_interval=100)
    c.expect(pubrel(got.id))
    c.send(pubcomp(got.id))
    c.expect_nothing()
    c.disconnect()
    connect(c.client_id, clean_start=False, session_present=True).expect_nothing()


@statement("MQTT-4.3.3-8", "5.0")
def test_MQTT_4_3_3_8_qos_2_is_answered_with_its_identifier(connect, topic):
    c = connect()
    for number in (1, 2, 65_535):
        c.send(publish(topic, "x", qos=2, id=number))
        c.expect(pubrec(number))


@statement("MQTT-4.3.3-10", "5.0")
def test_MQTT_4_3_3_10_repeated_publish_is_delivered_once(connect, subscriber, topic):
    c = connect()
    c.send(publish(topic, "once", qos=2, id=9))
    c.expect(pubrec(9))
    c.send(publish(topic, "once", qos=2, id=9, dup=True))
    c.expect(pubrec(9, reason={0x00, 0x10, 0x91}))
    c.send(pubrel(9))
    c.expect(pubcomp(9))
    c.publish(topic, "sentinel", qos=2)
    subscriber.receive(publish(topic, "once", qos=2))
    subscriber.receive(publish(topic, "sentinel", qos=2))


@statement("MQTT-4.3.3-10", "5.0")
def test_MQTT_4_3_3_10_repeated_publish_after_a_reconnect(connect, subscriber, topic):
    c = connect(session_expiry_interval=100)
    c.send(publish(topic, "once", qos=2, id=9))
    c.expect(pubrec(9))
    c.close()
    c = connect(c.client_id, clean_start=False, session_present=True)
    c.send(publish(topic, "once", qos=2, id=9, dup=True))
    c.expect(pubrec(9))
    c.send(pubrel(9))
    c.expect(pubcomp(9))
    c.publish(topic, "sentinel", qos=2)
    subscriber.receive(publish(topic, "once", qos=2))
    subscriber.receive(publish(topic, "sentinel", qos=2))


@statement("MQTT-4.3.3-11", "5.0")
def test_MQTT_4_3_3_11_pubrel_is_answered_with_pubcomp(connect, topic):
    c = connect()
    c.send(publish(topic, "x", qos=2, id=300))
    c.expect(pubrec(300))
    c.send(pubrel(300))
    c.expect(pubcomp(300, reason=0))
    c.send(pubrel(300))
    c.expect(pubcomp(300, reason=UNKNOWN))


@statement("MQTT-4.3.3-12", "5.0")
def test_MQTT_4_3_3_12_identifier_is_new_again_after_pubcomp(connect, subscriber, topic):
    c = connect()
    for payload in ("one", "two"):
        c.send(publish(topic, payload, qos=2, id=5))
        c.expect(pubrec(5))
        c.send(pubrel(5))
        c.expect(pubcomp(5))
    subscriber.receive(publish(topic, "one", qos=2))
    subscriber.receive(publish(topic, "two", qos=2))


@statement("MQTT-4.3.3-7", "5.0")
def test_MQTT_4_3_3_7_message_that_was_sent_does_not_expire(connect, topic):
    c = connect(session_expiry_interval=100)
    c.subscribe((topic, 2))
    connect().publish(topic, "started", qos=2, message_expiry_interval=1)
    got = c.expect(publish(topic, "started", qos=2))
    c.disconnect()
    time.sleep(1.5)
    c = connect(c.client_id, clean_start=False, session_present=True)
    c.receive(publish(topic, "started", qos=2, id=got.id, dup=True))


@statement("MQTT-4.3.3-13", "5.0")
def test_MQTT_4_3_3_13_exchange_goes_on_after_expiry(connect, topic):
    c = connect()
    c.send(publish(topic, "short-lived", qos=2, id=3, message_expiry_interval=1))
    c.expect(pubrec(3))
    time.sleep(1.5)
    c.send(pubrel(3))
    c.expect(pubcomp(3, reason=0))


@statement("MQTT-4.4.0-2", "5.0")
def test_MQTT_4_4_0_2_puback_with_an_error_ends_the_exchange(connect, topic):
    c = connect(session_expiry_interval=100)
    c.subscribe((topic, 1))
    connect().publish(topic, "refused", qos=1)
    got = c.expect(publish(topic, "refused", qos=1))
    c.send(puback(got.id, 0x99))
    c.disconnect()
    c = connect(c.client_id, clean_start=False, session_present=True)
    c.expect_nothing()


def test_acknowledgement_may_spell_out_success(connect, subscriber, topic):
    c = connect()
    c.send(publish(topic, "x", qos=2, id=1))
    c.expect(pubrec(1))
    c.send(pubrel(1, 0x00, reason_string="going on", user_property=[("k", "v")]))
    c.expect(pubcomp(1))
    got = subscriber.expect(publish(topic, "x", qos=2))
    subscriber.send(pubrec(got.id, 0x00, reason_string="took it"))
    subscriber.expect(pubrel(got.id))
    subscriber.send(pubcomp(got.id, 0x00))
    subscriber.expect_nothing()
