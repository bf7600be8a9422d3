"""3.1: CONNECT, its flags, its payload, and what the server does with them."""

import pytest
from conformance.statement import statement
from wire.encoding import binary, frame, property_field, text, u8, u16
from wire.packets import (Will, auth, connack, connect_packet, disconnect, pingreq,
                          puback, pubcomp, publish, pubrel, subscribe, unsuback, unsubscribe)


def raw_connect(flags, payload, properties=None, level=5):
    return frame("connect", text("MQTT") + u8(level) + u8(flags) + u16(60) +
                 property_field(properties) + payload)


@statement("MQTT-3.1.0-1", "5.0")
@pytest.mark.parametrize("packet", [publish("a", "x"), subscribe(1, "a"), pingreq(), disconnect(),
                                    auth(0x18)], ids=lambda p: p.kind.upper())
def test_MQTT_3_1_0_1_first_packet_must_be_connect(dial, packet):
    c = dial()
    c.send(packet)
    c.expect_close()


@statement("MQTT-3.1.0-2", "MQTT-3.2.0-2", "5.0")
def test_MQTT_3_1_0_2_second_connect_closes(connect):
    c = connect()
    c.send(connect_packet(c.client_id))
    c.expect_close(reason=0x82)


@statement("MQTT-3.1.2-1", "5.0")
@pytest.mark.parametrize("wrong", ["MQTX", "mqtt", "", "MQTT5", "HTTP/1.1"])
def test_MQTT_3_1_2_1_other_protocol_name_closes(dial, wrong):
    c = dial()
    c.send(connect_packet("x", name=wrong))
    c.expect_close(reason={0x80, 0x81, 0x82, 0x84})


@statement("MQTT-3.1.2-2", "5.0")
@pytest.mark.parametrize("level", [0, 1, 2, 6, 255])
def test_MQTT_3_1_2_2_other_version_closes(dial, level):
    # The refusal may have the form of any version, so only the bytes are looked at.
    c = dial()
    c.send(connect_packet("x", level=level))
    said = b""
    while chunk := _read(c):
        said += chunk
    if said:
        assert said[0] == 0x20 and said[2] == 0 and said[3] in (0x01, 0x84)


def _read(client):
    try:
        return client.stream.recv(4096)
    except ConnectionResetError:
        return b""


@statement("MQTT-3.1.2-3", "5.0")
def test_MQTT_3_1_2_3_reserved_connect_flag_closes(dial):
    c = dial()
    c.send(raw_connect(flags=0x03, payload=text("x")))
    c.expect_close(reason={0x81, 0x82})


@statement("MQTT-3.1.2-4", "MQTT-3.2.2-2", "MQTT-3.1.4-4", "5.0")
def test_MQTT_3_1_2_4_clean_start_discards_session(connect, topic):
    c = connect(session_expiry_interval=100)
    c.subscribe((topic, 1))
    c.disconnect()
    connect().publish(topic, "queued for the old session", qos=1)
    again = connect(c.client_id, clean_start=True, session_present=False)
    again.publish(topic, "no subscription", qos=1)
    again.expect_nothing()


@statement("MQTT-3.1.2-5", "MQTT-3.1.2-23", "MQTT-3.2.2-3", "5.0")
def test_MQTT_3_1_2_5_session_is_resumed(connect, topic):
    c = connect(session_expiry_interval=100)
    c.subscribe((topic, 1))
    c.disconnect()
    connect().publish(topic, "while away", qos=1)
    c = connect(c.client_id, clean_start=False, session_present=True)
    c.receive(publish(topic, "while away", qos=1))


@statement("MQTT-3.1.2-6", "MQTT-3.2.2-3", "5.0")
def test_MQTT_3_1_2_6_no_session_makes_a_new_one(connect, topic):
    c = connect(clean_start=False, session_present=False)
    c.subscribe((topic, 1))
    c.publish(topic, "works", qos=1)
    c.receive(publish(topic, "works", qos=1))


@statement("MQTT-3.1.2-11", "5.0")
@pytest.mark.parametrize("qos", [1, 2, 3])
def test_MQTT_3_1_2_11_will_qos_without_will_closes(dial, qos):
    c = dial()
    c.send(raw_connect(flags=0x02 | qos << 3, payload=text("x")))
    c.expect_close(reason={0x81, 0x82})


@statement("MQTT-3.1.2-12", "5.0")
def test_MQTT_3_1_2_12_will_qos_3_closes(dial):
    c = dial()
    c.send(connect_packet("x", will=Will("will", "x", qos=3)))
    c.expect_close(reason={0x81, 0x82, 0x9B})


@statement("MQTT-3.1.2-13", "5.0")
def test_MQTT_3_1_2_13_will_retain_without_will_closes(dial):
    c = dial()
    c.send(raw_connect(flags=0x22, payload=text("x")))
    c.expect_close(reason={0x81, 0x82})


@statement("MQTT-3.1.2-9", "5.0")
@pytest.mark.parametrize("payload", [text("x"), text("x") + u8(0),
                                     text("x") + u8(0) + text("will")],
                         ids=["no will at all", "no topic", "no payload"])
def test_MQTT_3_1_2_9_will_flag_needs_the_fields(dial, payload):
    c = dial()
    c.send(raw_connect(flags=0x06, payload=payload))
    c.expect_close(reason={0x81, 0x82})


@statement("MQTT-3.1.2-16", "MQTT-3.1.2-18", "5.0")
def test_MQTT_3_1_2_16_user_name_without_flag_closes(dial):
    c = dial()
    c.send(raw_connect(flags=0x02, payload=text("x") + text("user")))
    c.expect_close(reason={0x81, 0x82})


@statement("MQTT-3.1.2-17", "5.0")
def test_MQTT_3_1_2_17_flag_without_user_name_closes(dial):
    c = dial()
    c.send(raw_connect(flags=0x82, payload=text("x")))
    c.expect_close(reason={0x81, 0x82})


@statement("MQTT-3.1.2-18", "5.0")
def test_MQTT_3_1_2_18_password_without_flag_closes(dial):
    c = dial()
    c.send(raw_connect(flags=0x82, payload=text("x") + text("user") + binary("password")))
    c.expect_close(reason={0x81, 0x82})


@statement("MQTT-3.1.2-19", "5.0")
def test_MQTT_3_1_2_19_flag_without_password_closes(dial):
    c = dial()
    c.send(raw_connect(flags=0xC2, payload=text("x") + text("user")))
    c.expect_close(reason={0x81, 0x82})


@statement("MQTT-3.1.2-19", "5.0")
def test_MQTT_3_1_2_19_password_without_user_name_is_well_formed(dial, name):
    c = dial()
    c.send(raw_connect(flags=0x42, payload=text(name()) + binary("password")))
    c.expect(connack(reason={0x00, 0x86, 0x87}))


@statement("MQTT-3.1.2-28", "5.0")
@pytest.mark.parametrize("asked", [{}, {"request_response_information": 0}])
def test_MQTT_3_1_2_28_response_information_only_on_request(connect, asked):
    assert connect(**asked).connack.property("response_information") is None


@statement("MQTT-3.1.2-28", "5.0")
def test_MQTT_3_1_2_28_response_information_may_be_asked_for(connect):
    connect(request_response_information=1)


@statement("MQTT-3.1.2-29", "5.0")
def test_MQTT_3_1_2_29_no_explanations_where_declined(connect, name):
    # The client refuses reason strings and user properties by itself.
    c = connect(request_problem_information=0)
    c.send(unsubscribe(1, name("never")))
    c.expect(unsuback(1, [0x11]))
    c.send(pubrel(77))
    c.expect(pubcomp(77, reason={0x00, 0x92}))
    c.send(publish("$SYS/broker/version", "forged", qos=1, id=5))
    c.expect(puback(5, reason=set(range(256))))


@statement("MQTT-3.1.3-1", "5.0")
def test_MQTT_3_1_3_1_payload_fields_in_order(connect, topic):
    watcher = connect()
    watcher.subscribe(topic)
    c = connect(will=Will(topic, "the will", content_type="text/plain"), username="user",
                password="password")
    c.disconnect(0x04)
    watcher.expect(publish(topic, "the will", content_type="text/plain"))


@statement("MQTT-3.1.3-2", "5.0")
def test_MQTT_3_1_3_2_client_id_names_the_session(connect, name, topic):
    first = connect(name("a"), session_expiry_interval=100)
    first.subscribe(topic)
    first.disconnect()
    connect(name("b"), clean_start=False, session_present=False)
    connect(name("A"), clean_start=False, session_present=False)
    connect(name("a"), clean_start=False, session_present=True)


@statement("MQTT-3.1.3-3", "5.0")
def test_MQTT_3_1_3_3_missing_client_id_closes(dial):
    c = dial()
    c.send(raw_connect(flags=0x02, payload=b""))
    c.expect_close(reason={0x81, 0x82, 0x85})


@statement("MQTT-3.1.3-4", "5.0")
def test_MQTT_3_1_3_4_client_id_that_is_not_utf8_closes(dial):
    c = dial()
    c.send(connect_packet(b"\xc3\x28"))
    c.expect_close(reason={0x81, 0x82, 0x85})


@statement("MQTT-3.1.3-5", "5.0")
@pytest.mark.parametrize("client_id", ["Z", "0123456789abcdefghijklm", "nopqrstuvwxyzABCDEFGHIJ",
                                       "KLMNOPQRSTUVWXYZ0123456"])
def test_MQTT_3_1_3_5_client_ids_of_1_to_23_characters(connect, client_id):
    connect(client_id).disconnect()


@statement("MQTT-3.1.3-6", "MQTT-3.1.3-7", "MQTT-3.2.2-16", "5.0")
def test_MQTT_3_1_3_6_empty_client_id_is_assigned(connect):
    first, second = connect(""), connect("")
    given = [c.connack.property("assigned_client_identifier") for c in (first, second)]
    assert all(given) and given[0] != given[1]
    first.ping()


@statement("MQTT-3.1.3-7", "5.0")
def test_MQTT_3_1_3_7_assigned_client_id_names_the_session(connect, topic):
    c = connect("", clean_start=False, session_expiry_interval=100)
    given = c.connack.property("assigned_client_identifier")
    c.subscribe((topic, 1))
    c.disconnect()
    connect().publish(topic, "for the assigned name", qos=1)
    again = connect(given, clean_start=False, session_present=True)
    assert again.connack.property("assigned_client_identifier") is None
    again.receive(publish(topic, "for the assigned name", qos=1))


@statement("MQTT-3.1.3-8", "5.0")
def test_MQTT_3_1_3_8_client_id_is_accepted_or_refused_with_0x85(dial):
    c = dial()
    c.send(connect_packet("x" * 65_535))
    answer = c.expect(connack(reason={0x00, 0x85}))
    if answer.reason:
        c.connack = answer
        c.expect_close()


@statement("MQTT-3.1.3-11", "5.0")
@pytest.mark.parametrize("bad", [b"\xc3\x28", b"a\0", b"will/#", b"will/+", b""])
def test_MQTT_3_1_3_11_bad_will_topic_closes(dial, bad):
    c = dial()
    c.send(connect_packet("x", will=Will(bad, "x")))
    c.expect_close(reason={0x81, 0x82, 0x90})


@statement("MQTT-3.1.3-12", "5.0")
def test_MQTT_3_1_3_12_user_name_that_is_not_utf8_closes(dial):
    c = dial()
    c.send(connect_packet("x", username=b"\xc3\x28", password="x"))
    c.expect_close(reason={0x81, 0x82, 0x86})


@statement("MQTT-3.1.4-2", "MQTT-3.2.2-7", "5.0")
def test_MQTT_3_1_4_2_failed_authentication_closes(start_broker, dial):
    c = dial(to=start_broker(anonymous=False))
    c.send(connect_packet("stranger"))
    c.expect_close(reason={0x86, 0x87})


@statement("MQTT-3.1.4-3", "5.0")
def test_MQTT_3_1_4_3_existing_connection_is_taken_over(connect):
    first = connect(session_expiry_interval=100)
    second = connect(first.client_id, clean_start=False, session_present=True)
    first.expect_close(reason=0x8E)
    second.ping()


@statement("MQTT-3.1.4-3", "MQTT-3.1.4-4", "5.0")
def test_MQTT_3_1_4_3_takeover_with_clean_start(connect, topic):
    first = connect(session_expiry_interval=100)
    first.subscribe((topic, 1))
    second = connect(first.client_id, clean_start=True, session_present=False)
    first.expect_close(reason=0x8E)
    second.publish(topic, "no subscription", qos=1)
    second.expect_nothing()


@statement("MQTT-3.1.4-5", "MQTT-3.2.0-1", "5.0")
def test_MQTT_3_1_4_5_connect_is_answered_with_connack(dial, name):
    c = dial()
    c.send(connect_packet(name()))
    c.expect(connack(reason=0, session_present=False))


@statement("MQTT-3.1.4-6", "5.0")
def test_MQTT_3_1_4_6_nothing_after_a_refused_connect_is_processed(dial, connect, topic, name):
    c = dial()
    c.send(connect_packet(name(), authentication_method="no such method"),
           publish(topic, "must not be kept", retain=True))
    c.expect_close(reason={0x8C, 0x87})
    watcher = connect()
    watcher.subscribe(topic)
    watcher.expect_nothing()
