"""3.8 to 3.11: SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK."""

import pytest
from conformance.statement import statement
from wire.encoding import frame, property_field, text, u8, u16
from wire.packets import (options, puback, pubcomp, publish, pubrec, pubrel, suback, subscribe,
                          unsuback, unsubscribe)



@pytest.fixture
def publisher(connect):
    return connect()


@statement("MQTT-3.8.1-1", "5.0")
@pytest.mark.parametrize("flags", [0, 1, 3, 4, 10])
def test_MQTT_3_8_1_1_subscribe_with_other_flags_closes(connect, topic, flags):
    c = connect()
    c.send(frame("subscribe", u16(1) + u8(0) + text(topic) + u8(0), flags))
    c.expect_close(reason={0x81, 0x82})


@statement("MQTT-3.8.3-1", "5.0")
@pytest.mark.parametrize("bad", [b"\xc3\x28", b"a/\xed\xbf\xbf"])
def test_MQTT_3_8_3_1_filter_that_is_not_utf8_closes(connect, bad):
    c = connect()
    c.send(subscribe(1, bad))
    c.expect_close(reason={0x81, 0x82, 0x8F})


@statement("MQTT-3.8.3-2", "5.0")
def test_MQTT_3_8_3_2_subscribe_without_filter_closes(connect):
    c = connect()
    c.send(subscribe(1))
    c.expect_close(reason={0x81, 0x82})


@statement("MQTT-3.8.3-3", "5.0")
def test_MQTT_3_8_3_3_no_local_keeps_own_messages_away(connect, publisher, topic):
    c = connect()
    c.subscribe((topic, options(1, no_local=True)))
    c.publish(topic, "own", qos=1)
    publisher.publish(topic, "other's", qos=1)
    c.receive(publish(topic, "other's", qos=1))
    c.expect_nothing()


@statement("MQTT-3.8.3-3", "5.0")
def test_MQTT_3_8_3_3_no_local_holds_for_its_subscription_only(connect, name):
    room = name("room")
    c = connect()
    c.subscribe((f"{room}/a", options(1, no_local=True)), (f"{room}/+", options(1)))
    c.publish(f"{room}/a", "through the other", qos=1)
    c.receive(publish(f"{room}/a", "through the other", qos=1))
    c.expect_nothing()


@statement("MQTT-3.8.3-3", "5.0")
def test_MQTT_3_8_3_3_no_local_after_a_reconnect_of_the_same_client(connect, publisher, topic):
    c = connect(session_expiry_interval=100)
    c.subscribe((topic, options(1, no_local=True)))
    c.publish(topic, "own", qos=1)
    c.disconnect()
    publisher.publish(topic, "other's", qos=1)
    c = connect(c.client_id, clean_start=False, session_present=True)
    c.receive(publish(topic, "other's", qos=1))
    c.publish(topic, "own again", qos=1)
    c.expect_nothing()


@statement("MQTT-3.8.3-4", "5.0")
def test_MQTT_3_8_3_4_no_local_on_a_shared_subscription_closes(connect, topic):
    c = connect()
    c.send(subscribe(1, (f"$share/group/{topic}", options(1, no_local=True))))
    c.expect_close(reason=0x82)


@statement("MQTT-3.8.3-5", "5.0")
@pytest.mark.parametrize("byte", [0x40, 0x80, 0xC1, 0x30, 0x03],
                         ids=["bit 6", "bit 7", "both", "retain handling 3", "QoS 3"])
def test_MQTT_3_8_3_5_reserved_option_bits_close(connect, topic, byte):
    c = connect()
    c.send(subscribe(1, (topic, byte)))
    c.expect_close(reason={0x81, 0x82})


@statement("MQTT-3.8.4-1", "MQTT-3.8.4-2", "5.0")
def test_MQTT_3_8_4_1_subscribe_is_answered_with_its_identifier(connect, topic):
    c = connect()
    for number in (1, 300, 65_535):
        c.send(subscribe(number, topic))
        c.expect(suback(number, [0]))


@statement("MQTT-3.8.4-3", "5.0")
def test_MQTT_3_8_4_3_same_filter_replaces_the_subscription(connect, publisher, topic):
    c = connect()
    c.subscribe((topic, 0))
    c.subscribe((topic, 2))
    publisher.publish(topic, "x", qos=2)
    c.receive(publish(topic, "x", qos=2))
    c.expect_nothing()
    c.subscribe((topic, 0))
    publisher.publish(topic, "y", qos=2)
    c.receive(publish(topic, "y", qos=0))
    c.expect_nothing()


@statement("MQTT-3.8.4-3", "5.0")
def test_MQTT_3_8_4_3_options_are_replaced_too(connect, publisher, topic):
    c = connect()
    c.subscribe((topic, options(1, retain_as_published=True, no_local=True)))
    c.subscribe((topic, options(1)))
    c.publish(topic, "own", qos=1, retain=True)
    c.receive(publish(topic, "own", qos=1, retain=False))
    c.expect_nothing()


@statement("MQTT-3.8.4-4", "5.0")
def test_MQTT_3_8_4_4_replacing_loses_nothing_and_resends_retained(connect, publisher, topic):
    publisher.publish(topic, "kept", qos=1, retain=True)
    c = connect(session_expiry_interval=100, receive_maximum=1)
    c.subscribe((topic, 1))
    kept = c.expect(publish(topic, "kept", qos=1, retain=True))
    publisher.publish(topic, "live 1", qos=1)
    publisher.publish(topic, "live 2", qos=1)
    number = c.new_id()
    c.send(subscribe(number, (topic, 1)))
    c.expect(suback(number, [1]))
    c.send(puback(kept.id))
    got = [c.receive(publish(topic, qos=1, retain={False, True})) for _ in range(3)]
    assert [g.payload for g in got if not g.retain] == [b"live 1", b"live 2"]
    assert [g.payload for g in got if g.retain] == [b"kept"]


@statement("MQTT-3.8.4-5", "MQTT-3.8.4-6", "MQTT-3.9.3-1", "5.0")
def test_MQTT_3_8_4_5_many_filters_one_suback_in_order(connect, publisher, name):
    room = name("room")
    c = connect()
    c.send(subscribe(1, (f"{room}/2", 2), (f"{room}/0", 0), (f"{room}/1", 1), (f"{room}/2", 1)))
    c.expect(suback(1, [2, 0, 1, 1]))
    for level, granted in (("0", 0), ("1", 1), ("2", 1)):
        publisher.publish(f"{room}/{level}", "x", qos=2)
        c.receive(publish(f"{room}/{level}", "x", qos=granted))


@statement("MQTT-3.8.4-6", "MQTT-3.9.3-1", "5.0")
def test_MQTT_3_8_4_6_one_code_for_each_of_many_filters(connect, name):
    room = name("room")
    c = connect()
    c.send(subscribe(1, *[(f"{room}/{at}", at % 3) for at in range(100)]))
    c.expect(suback(1, [at % 3 for at in range(100)]))


@statement("MQTT-3.8.4-7", "MQTT-3.9.3-2", "5.0")
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_MQTT_3_8_4_7_suback_shows_the_granted_qos(connect, topic, qos):
    c = connect()
    c.send(subscribe(1, (topic, qos)))
    c.expect(suback(1, [qos]))


@statement("MQTT-3.8.4-8", "5.0")
@pytest.mark.parametrize("published", [0, 1, 2])
@pytest.mark.parametrize("granted", [0, 1, 2])
def test_MQTT_3_8_4_8_delivered_at_the_lower_qos(connect, publisher, topic, published, granted):
    c = connect()
    c.subscribe((topic, granted))
    publisher.publish(topic, "x", qos=published)
    c.receive(publish(topic, "x", qos=min(published, granted)))
    c.expect_nothing()


@statement("MQTT-3.8.4-8", "5.0")
@pytest.mark.parametrize("granted", [0, 1, 2])
def test_MQTT_3_8_4_8_holds_for_retained_messages(connect, publisher, topic, granted):
    publisher.publish(topic, "kept", qos=2, retain=True)
    c = connect()
    c.subscribe((topic, granted))
    c.receive(publish(topic, "kept", qos=granted, retain=True))


@statement("MQTT-3.9.2-1", "MQTT-3.9.2-2", "MQTT-3.11.2-1", "MQTT-3.11.2-2", "5.0")
def test_MQTT_3_9_2_1_explanations_stay_within_the_packet_size(connect):
    # The client refuses a packet above its maximum of 32 bytes.
    c = connect(maximum_packet_size=32)
    c.send(unsubscribe(1, "never", "never/2"))
    c.expect(unsuback(1, [0x11, 0x11]))
    c.send(subscribe(2, ("$SYS/never", 0), ("$share/g/x", 0)))
    c.expect(suback(2, lambda codes: len(codes) == 2))


@statement("MQTT-3.10.1-1", "5.0")
@pytest.mark.parametrize("flags", [0, 1, 3, 4, 10])
def test_MQTT_3_10_1_1_unsubscribe_with_other_flags_closes(connect, topic, flags):
    c = connect()
    c.send(frame("unsubscribe", u16(1) + u8(0) + text(topic), flags))
    c.expect_close(reason={0x81, 0x82})


@statement("MQTT-3.10.3-1", "5.0")
def test_MQTT_3_10_3_1_filter_that_is_not_utf8_closes(connect):
    c = connect()
    c.send(unsubscribe(1, b"\xc3\x28"))
    c.expect_close(reason={0x81, 0x82, 0x8F})


@statement("MQTT-3.10.3-2", "5.0")
def test_MQTT_3_10_3_2_unsubscribe_without_filter_closes(connect):
    c = connect()
    c.send(frame("unsubscribe", u16(1) + property_field(), 2))
    c.expect_close(reason={0x81, 0x82})


@statement("MQTT-3.10.4-1", "5.0")
def test_MQTT_3_10_4_1_filters_are_compared_by_character(connect, publisher, name):
    room = name("Room")
    c = connect()
    c.subscribe((f"{room}/+", 1))
    c.send(unsubscribe(50, f"{room}/#", f"{room}/a", f"{room.lower()}/+", f"{room}/+/"))
    c.expect(unsuback(50, [0x11] * 4))
    publisher.publish(f"{room}/a", "still", qos=1)
    c.receive(publish(f"{room}/a", "still", qos=1))
    c.send(unsubscribe(51, f"{room}/+"))
    c.expect(unsuback(51, [0x00]))
    publisher.publish(f"{room}/a", "no more", qos=1)
    c.expect_nothing()


@statement("MQTT-3.10.4-2", "5.0")
def test_MQTT_3_10_4_2_nothing_new_after_unsubscribe(connect, publisher, name):
    room = name("room")
    c = connect()
    c.subscribe((f"{room}/a", 1), (f"{room}/b", 1))
    c.unsubscribe(f"{room}/a")
    publisher.publish(f"{room}/a", "no more", qos=1)
    publisher.publish(f"{room}/b", "sentinel", qos=1)
    c.receive(publish(f"{room}/b", "sentinel", qos=1))
    c.expect_nothing()


@statement("MQTT-3.10.4-3", "5.0")
def test_MQTT_3_10_4_3_started_exchanges_are_completed(connect, publisher, topic):
    c = connect(session_expiry_interval=100)
    c.subscribe((topic, 2))
    publisher.publish(topic, "1", qos=1)
    publisher.publish(topic, "2", qos=2)
    one = c.expect(publish(topic, "1", qos=1))
    two = c.expect(publish(topic, "2", qos=2))
    c.unsubscribe(topic)
    c.send(pubrec(two.id))
    c.expect(pubrel(two.id))
    c.disconnect()
    c = connect(c.client_id, clean_start=False, session_present=True)
    c.expect_any_order(publish(topic, "1", qos=1, id=one.id, dup=True), pubrel(two.id))
    c.send(puback(one.id), pubcomp(two.id))
    c.expect_nothing()


@statement("MQTT-3.10.4-4", "MQTT-3.10.4-5", "5.0")
def test_MQTT_3_10_4_4_unsubscribe_is_answered_with_its_identifier(connect, topic):
    c = connect()
    c.subscribe(topic)
    c.send(unsubscribe(400, topic))
    c.expect(unsuback(400, [0x00]))
    c.send(unsubscribe(65_535, topic))
    c.expect(unsuback(65_535, [0x11]))


@statement("MQTT-3.10.4-6", "MQTT-3.11.3-1", "MQTT-3.11.3-2", "5.0")
def test_MQTT_3_10_4_6_many_filters_one_unsuback_in_order(connect, publisher, name):
    room = name("room")
    c = connect()
    c.subscribe((f"{room}/a", 1), (f"{room}/b", 1), (f"{room}/c", 1))
    c.send(unsubscribe(9, f"{room}/a", f"{room}/x", f"{room}/c", f"{room}/a"))
    c.expect(unsuback(9, [0x00, 0x11, 0x00, 0x11]))
    for level in "acb":
        publisher.publish(f"{room}/{level}", level, qos=1)
    c.receive(publish(f"{room}/b", "b", qos=1))
    c.expect_nothing()


def test_subscriptions_take_effect_before_their_suback(connect, publisher, topic):
    c = connect()
    for turn in range(20):
        c.subscribe((topic, 1))
        publisher.publish(topic, str(turn), qos=1)
        c.receive(publish(topic, str(turn), qos=1))
        c.unsubscribe(topic)
        publisher.publish(topic, "unheard", qos=1)
    c.expect_nothing()
