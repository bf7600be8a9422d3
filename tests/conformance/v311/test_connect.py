"""3.1 and 3.2 of MQTT 3.1.1: CONNECT and CONNACK."""

import time

import pytest
from conformance.statement import statement
from wire.encoding import binary, frame, text, u8, u16
from wire.packets import (Will, connack, connect_packet, disconnect, pingreq, publish, subscribe)


def raw_connect(flags, payload, level=4, keep_alive=60):
    return frame("connect", text("MQTT") + u8(level) + u8(flags) + u16(keep_alive) + payload)


@statement("MQTT-3.1.0-1", "3.1.1")
@pytest.mark.parametrize("packet", [publish("a", "x"), subscribe(1, "a"), pingreq(), disconnect()],
                         ids=lambda p: p.kind.upper())
def test_MQTT311_3_1_0_1_first_packet_must_be_connect(dial, packet):
    c = dial()
    c.send(packet)
    c.expect_close()


@statement("MQTT-3.1.0-2", "3.1.1")
def test_MQTT311_3_1_0_2_second_connect_closes(connect):
    c = connect()
    c.send(connect_packet(c.client_id))
    c.expect_close()


@statement("MQTT-3.1.2-1", "3.1.1")
@pytest.mark.parametrize("wrong", ["MQTX", "mqtt", ""])
def test_MQTT311_3_1_2_1_other_protocol_name_closes(dial, wrong):
    c = dial()
    c.send(connect_packet("x", name=wrong))
    c.expect_close()


@statement("MQTT-3.1.2-2", "3.1.1")
@pytest.mark.parametrize("level", [2, 6, 99])
def test_MQTT311_3_1_2_2_other_level_is_refused(dial, level):
    c = dial()
    c.send(connect_packet("x", level=level))
    said = b""
    try:
        while chunk := c.stream.recv(100):
            said += chunk
    except ConnectionResetError:
        pass
    # A server that also speaks 5.0 may take an unknown level for a later version.
    assert said in (b"", b"\x20\x02\x00\x01") or said[3] == 0x84


@statement("MQTT-3.1.2-3", "3.1.1")
def test_MQTT311_3_1_2_3_reserved_connect_flag_closes(dial):
    c = dial()
    c.send(raw_connect(0x03, text("x")))
    c.expect_close()


@statement("MQTT-3.1.2-4", "MQTT-3.1.2-5", "MQTT-3.2.2-2", "3.1.1")
def test_MQTT311_3_1_2_4_session_is_resumed(connect, topic):
    c = connect(clean_start=False, session_present=False)
    c.subscribe((topic, 2))
    c.disconnect()
    publisher = connect()
    publisher.publish(topic, "1", qos=1)
    publisher.publish(topic, "2", qos=2)
    c = connect(c.client_id, clean_start=False, session_present=True)
    c.receive(publish(topic, "1", qos=1))
    c.receive(publish(topic, "2", qos=2))


@statement("MQTT-3.1.2-6", "MQTT-3.2.2-1", "MQTT-3.1.4-3", "3.1.1")
def test_MQTT311_3_1_2_6_clean_session_discards_the_old_one(connect, topic):
    c = connect(clean_start=False)
    c.subscribe((topic, 1))
    c.disconnect()
    connect().publish(topic, "queued", qos=1)
    clean = connect(c.client_id, clean_start=True, session_present=False)
    clean.publish(topic, "no subscription", qos=1)
    clean.expect_nothing()
    clean.subscribe((topic, 1))
    clean.disconnect()
    connect(c.client_id, clean_start=False, session_present=False).expect_nothing()


@statement("MQTT-3.1.2-7", "3.1.1")
def test_MQTT311_3_1_2_7_retained_messages_outlive_the_session(connect, topic):
    c = connect()
    c.publish(topic, "kept", qos=1, retain=True)
    c.disconnect()
    late = connect()
    late.subscribe((topic, 1))
    late.receive(publish(topic, "kept", qos=1, retain=True))


@statement("MQTT-3.1.2-9", "3.1.1")
@pytest.mark.parametrize("payload", [text("x"), text("x") + text("will")],
                         ids=["no will at all", "no message"])
def test_MQTT311_3_1_2_9_will_flag_needs_the_fields(dial, payload):
    c = dial()
    c.send(raw_connect(0x06, payload))
    c.expect_close()


@statement("MQTT-3.1.2-11", "3.1.1")
def test_MQTT311_3_1_2_11_will_fields_without_flag_close(dial):
    c = dial()
    c.send(raw_connect(0x02, text("x") + text("will") + binary("message")))
    c.expect_close()


@statement("MQTT-3.1.2-13", "3.1.1")
@pytest.mark.parametrize("qos", [1, 2, 3])
def test_MQTT311_3_1_2_13_will_qos_without_flag_closes(dial, qos):
    c = dial()
    c.send(raw_connect(0x02 | qos << 3, text("x")))
    c.expect_close()


@statement("MQTT-3.1.2-14", "3.1.1")
def test_MQTT311_3_1_2_14_will_qos_3_closes(dial):
    c = dial()
    c.send(connect_packet("x", will=Will("will", "x", qos=3)))
    c.expect_close()


@statement("MQTT-3.1.2-15", "3.1.1")
def test_MQTT311_3_1_2_15_will_retain_without_flag_closes(dial):
    c = dial()
    c.send(raw_connect(0x22, text("x")))
    c.expect_close()


@statement("MQTT-3.1.2-18", "3.1.1")
def test_MQTT311_3_1_2_18_user_name_without_flag_closes(dial):
    c = dial()
    c.send(raw_connect(0x02, text("x") + text("user")))
    c.expect_close()


@statement("MQTT-3.1.2-19", "3.1.1")
def test_MQTT311_3_1_2_19_flag_without_user_name_closes(dial):
    c = dial()
    c.send(raw_connect(0x82, text("x")))
    c.expect_close()


@statement("MQTT-3.1.2-20", "3.1.1")
def test_MQTT311_3_1_2_20_password_without_flag_closes(dial):
    c = dial()
    c.send(raw_connect(0x82, text("x") + text("user") + binary("password")))
    c.expect_close()


@statement("MQTT-3.1.2-21", "3.1.1")
def test_MQTT311_3_1_2_21_flag_without_password_closes(dial):
    c = dial()
    c.send(raw_connect(0xC2, text("x") + text("user")))
    c.expect_close()


@statement("MQTT-3.1.2-22", "3.1.1")
def test_MQTT311_3_1_2_22_password_flag_without_user_name_flag_closes(dial):
    c = dial()
    c.send(raw_connect(0x42, text("x") + binary("password")))
    c.expect_close()


@statement("MQTT-3.1.2-24", "3.1.1")
def test_MQTT311_3_1_2_24_silent_client_is_closed(connect, topic):
    watcher = connect()
    watcher.subscribe(topic)
    c = connect(keep_alive=1, will=Will(topic, "silent"))
    began = time.monotonic()
    c.expect_close(within=6)
    assert 1.4 <= time.monotonic() - began <= 4
    watcher.receive(publish(topic, "silent"))


@statement("MQTT-3.1.3-1", "3.1.1")
def test_MQTT311_3_1_3_1_payload_fields_in_order(connect, topic):
    watcher = connect()
    watcher.subscribe(topic)
    c = connect(will=Will(topic, "the will"), username="user", password="password")
    c.close()
    watcher.receive(publish(topic, "the will"))


@statement("MQTT-3.1.3-2", "3.1.1")
def test_MQTT311_3_1_3_2_client_id_names_the_session(connect, name):
    connect(name("a"), clean_start=False).disconnect()
    connect(name("b"), clean_start=False, session_present=False)
    connect(name("A"), clean_start=False, session_present=False)
    connect(name("a"), clean_start=False, session_present=True)


@statement("MQTT-3.1.3-3", "MQTT-3.1.4-1", "3.1.1")
@pytest.mark.parametrize("raw", [raw_connect(0x02, b""), raw_connect(0x02, u16(9) + b"short"),
                                 frame("connect"), frame("connect", text("MQTT") + u8(4)),
                                 raw_connect(0x02, text("x") + b"more")],
                         ids=["no client id", "client id cut", "empty", "no flags", "trailing"])
def test_MQTT311_3_1_4_1_broken_connect_closes_without_connack(dial, raw):
    c = dial()
    c.send(raw)
    assert c.expect_close() is None


@statement("MQTT-3.1.3-4", "MQTT-3.1.3-10", "MQTT-3.1.3-11", "3.1.1")
@pytest.mark.parametrize("packet", [connect_packet(b"\xc3\x28"),
                                    connect_packet("x", will=Will(b"\xc3\x28", "w")),
                                    connect_packet("x", username=b"\xc3\x28", password="p")],
                         ids=["client id", "will topic", "user name"])
def test_MQTT311_3_1_3_4_strings_must_be_utf8(dial, packet):
    c = dial()
    c.send(packet)
    c.expect_close()


@statement("MQTT-3.1.3-5", "3.1.1")
@pytest.mark.parametrize("client_id", ["Y", "0123456789abcdefghijklx", "nopqrstuvwxyzABCDEFGHIX",
                                       "KLMNOPQRSTUVWXYZ012345X"])
def test_MQTT311_3_1_3_5_client_ids_of_1_to_23_characters(connect, client_id):
    connect(client_id).disconnect()


@statement("MQTT-3.1.3-6", "3.1.1")
def test_MQTT311_3_1_3_6_empty_client_id_is_assigned(connect, topic):
    first, second = connect(""), connect("")
    for c in (first, second):
        c.subscribe(topic)
    second.publish(topic, "x", qos=1)
    first.receive(publish(topic, "x"))
    second.receive(publish(topic, "x"))


@statement("MQTT-3.1.3-8", "MQTT-3.1.3-9", "MQTT-3.2.2-4", "MQTT-3.2.2-5", "3.1.1")
def test_MQTT311_3_1_3_8_empty_client_id_without_clean_session_is_refused(dial):
    c = dial()
    c.send(connect_packet("", clean_start=False))
    c.expect(connack(reason=2, session_present=False))
    c.connack = True
    c.expect_close()


@statement("MQTT-3.1.4-2", "3.1.1")
@pytest.mark.parametrize("clean", [False, True])
def test_MQTT311_3_1_4_2_existing_connection_is_closed(connect, clean):
    first = connect(clean_start=clean)
    second = connect(first.client_id, clean_start=clean, session_present=not clean)
    first.expect_close()
    second.ping()


@statement("MQTT-3.1.4-4", "MQTT-3.2.0-1", "3.1.1")
def test_MQTT311_3_1_4_4_connect_is_answered_with_connack(dial, name, topic):
    c = dial()
    c.send(connect_packet(name()), subscribe(1, topic), publish(topic, "x"))
    c.expect(connack(reason=0))


@statement("MQTT-3.1.4-5", "3.1.1")
def test_MQTT311_3_1_4_5_nothing_after_a_refused_connect_is_processed(dial, connect, topic):
    c = dial()
    c.send(connect_packet("", clean_start=False), publish(topic, "must not be kept", retain=True))
    c.expect_close()
    watcher = connect()
    watcher.subscribe(topic)
    watcher.expect_nothing()


@statement("MQTT-3.2.2-3", "3.1.1")
def test_MQTT311_3_2_2_3_no_stored_session_is_not_present(connect):
    connect(clean_start=False, session_present=False)


@statement("MQTT-3.2.2-5", "MQTT-3.2.2-6", "3.1.1")
def test_MQTT311_3_2_2_5_refused_credentials_close(start_broker, dial):
    c = dial(to=start_broker(anonymous=False))
    c.send(connect_packet("stranger"))
    c.expect(connack(reason={4, 5}, session_present=False))
    c.connack = True
    c.expect_close()
