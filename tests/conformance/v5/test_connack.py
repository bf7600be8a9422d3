"""3.2: CONNACK, its flags, reason codes and properties."""

import pytest
from conformance.statement import statement
from wire.encoding import encode
from wire.packets import connect_packet, publish, suback, subscribe


@statement("MQTT-3.2.0-1", "5.0")
def test_MQTT_3_2_0_1_connack_comes_before_queued_messages(connect, topic):
    c = connect(session_expiry_interval=100)
    c.subscribe((topic, 1))
    c.disconnect()
    publisher = connect()
    for number in range(5):
        publisher.publish(topic, str(number), qos=1)
    back = connect(c.client_id, clean_start=False, session_present=True)  # expects CONNACK first
    for number in range(5):
        back.receive(publish(topic, str(number), qos=1))


@statement("MQTT-3.2.0-2", "5.0")
def test_MQTT_3_2_0_2_one_connack_only(connect):
    c = connect()
    c.send(connect_packet(c.client_id))
    said = c.expect_close(reason=0x82)
    assert said is None or said.kind != "connack"


@statement("MQTT-3.2.2-1", "5.0")
def test_MQTT_3_2_2_1_reserved_flags_are_zero(dial, name):
    c = dial()
    c.stream.sendall(encode(connect_packet(name()), 5))
    head = c.stream.recv(4)
    assert head[0] == 0x20 and head[2] == 0x00 and head[3] == 0x00


@statement("MQTT-3.2.2-6", "MQTT-3.2.2-7", "5.0")
def test_MQTT_3_2_2_6_refusal_has_no_session_present(connect, dial, topic):
    c = connect(session_expiry_interval=100)
    c.subscribe(topic)
    c.disconnect()
    refused = dial()
    refused.send(connect_packet(c.client_id, clean_start=False, authentication_method="none such"))
    refused.expect_close(reason={0x87, 0x8C})  # the parser refuses both together
    connect(c.client_id, clean_start=False, session_present=True)


@statement("MQTT-3.2.2-8", "5.0")
def test_MQTT_3_2_2_8_refusals_use_connect_reason_codes(dial):
    # The parser knows which codes a CONNACK may carry.
    for packet in (connect_packet("x", authentication_method="none such"),
                   connect_packet(b"\xff"), connect_packet("x", maximum_packet_size=0)):
        c = dial()
        c.send(packet)
        c.expect_close(reason={0x81, 0x82, 0x85, 0x87, 0x8C})


@statement("MQTT-3.2.2-9", "MQTT-3.2.2-10", "5.0")
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_MQTT_3_2_2_9_maximum_qos_is_announced_or_all_are_taken(connect, topic, qos):
    c = connect()
    highest = c.connack.property("maximum_qos")
    granted = qos if highest is None else min(qos, highest)
    c.send(subscribe(1, (topic, qos)))
    c.expect(suback(1, [granted]))
    if highest is None or qos <= highest:
        c.publish(topic, "taken", qos=qos)
        c.receive(publish(topic, "taken", qos=qos))


@statement("MQTT-3.2.2-16", "5.0")
def test_MQTT_3_2_2_16_assigned_client_ids_are_new(connect):
    given = set()
    for _ in range(20):
        c = connect("", session_expiry_interval=5)
        given.add(c.connack.property("assigned_client_identifier"))
        c.disconnect(session_expiry_interval=0)
    assert len(given) == 20 and None not in given


@statement("MQTT-3.2.2-16", "5.0")
def test_MQTT_3_2_2_16_no_assigned_client_id_where_one_was_given(connect):
    assert connect().connack.property("assigned_client_identifier") is None


@statement("MQTT-3.2.2-19", "MQTT-3.2.2-20", "5.0")
@pytest.mark.parametrize("limit", [5, 20, 40])
def test_MQTT_3_2_2_19_explanations_stay_within_the_packet_size(dial, limit):
    # The client refuses a packet above the maximum that it announced.
    c = dial()
    c.send(connect_packet("x", authentication_method="none such", maximum_packet_size=limit))
    c.expect_close(reason={0x87, 0x8C})


def test_session_expiry_is_the_clients_unless_the_server_says_other(connect):
    given = connect(session_expiry_interval=30).connack.property("session_expiry_interval")
    assert given is None or given <= 30


def test_connack_of_an_accepted_connection_names_no_impossible_limit(connect):
    c = connect()
    assert c.connack.property("maximum_qos") in (None, 0, 1)
    assert c.connack.property("receive_maximum") != 0
