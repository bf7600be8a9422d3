"""3.15 and 4.12: AUTH and enhanced authentication."""

import pytest
from conformance.statement import statement
from wire.encoding import frame, property_field, u8
from wire.packets import auth, connack, connect_packet, publish


@statement("MQTT-3.15.1-1", "5.0")
@pytest.mark.parametrize("flags", [1, 2, 8, 15])
def test_MQTT_3_15_1_1_auth_with_reserved_flags_closes(connect, flags):
    c = connect()
    c.send(frame("auth", u8(0x19) + property_field({"authentication_method": "x"}), flags))
    c.expect_close(reason={0x81, 0x82})


@statement("MQTT-3.15.2-1", "5.0")
@pytest.mark.parametrize("reason", [0x01, 0x17, 0x1A, 0x80, 0xFF])
def test_MQTT_3_15_2_1_auth_with_another_code_closes(connect, reason):
    c = connect()
    c.send(auth(reason, authentication_method="x"))
    c.expect_close(reason={0x81, 0x82})


@statement("MQTT-4.12.0-1", "5.0")
@pytest.mark.parametrize("method", ["none such", "", "\U0001f511" * 100])
def test_MQTT_4_12_0_1_unsupported_method_is_refused(dial, name, method):
    c = dial()
    c.send(connect_packet(name(), authentication_method=method, authentication_data=b"\0x"))
    c.expect_close(reason={0x87, 0x8C})


@statement("MQTT-4.12.0-6", "5.0")
def test_MQTT_4_12_0_6_no_method_asked_none_given(connect):
    c = connect(username="somebody", password="x")
    assert c.connack.property("authentication_method") is None
    assert c.connack.property("authentication_data") is None


@statement("MQTT-4.12.0-7", "5.0")
@pytest.mark.parametrize("packet", [auth(0x18, authentication_method="x"),
                                    auth(0x19, authentication_method="x"), auth(0x19), auth()],
                         ids=["continue", "re-authenticate", "without method", "short"])
def test_MQTT_4_12_0_7_auth_without_a_method_in_connect_closes(connect, packet):
    c = connect()
    c.send(packet)
    c.expect_close(reason={0x81, 0x82, 0x8C})


def test_connection_is_usable_with_user_name_and_password(connect, topic):
    c = connect(username="somebody", password=b"\x00\xff" * 100)
    c.subscribe(topic)
    c.publish(topic, "x")
    c.expect(publish(topic, "x"))


def test_user_name_may_be_empty(dial, name):
    c = dial()
    c.send(connect_packet(name(), username="", password=""))
    c.expect(connack(reason={0x00, 0x86, 0x87}))
