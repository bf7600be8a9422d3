"""4.12: enhanced authentication, by the method SCRAM-SHA-256."""

import pytest
from conformance.statement import statement
from wire.packets import auth, connack, connect_packet, pingreq, pingresp, publish
from wire.scram import ScramClient, verifier_line

pytestmark = pytest.mark.only("troupe")
METHOD = ScramClient.method
REFUSED = {0x86, 0x87, 0x8C}
VERIFIERS = verifier_line("alice", "secret") + verifier_line("bob", "other")


@pytest.fixture
def secured(start_broker):
    return start_broker(scram=VERIFIERS)


@pytest.fixture
def begin(dial, secured, name):
    """Sends CONNECT with the first message; returns client, conversation and challenge."""
    def start(user="alice", password="secret"):
        c, scram = dial(to=secured), ScramClient(user, password)
        c.send(connect_packet(name(user), authentication_method=METHOD,
                              authentication_data=scram.first()))
        challenge = c.expect(auth(0x18, authentication_method=METHOD))
        return c, scram, challenge.property("authentication_data")
    return start


@pytest.fixture
def authenticated(begin):
    c, scram, challenge = begin()
    c.send(auth(0x18, authentication_method=METHOD, authentication_data=scram.final(challenge)))
    c.connack = c.expect(connack(authentication_method=METHOD))
    scram.verify(c.connack.property("authentication_data"))
    return c


@statement("MQTT-4.12.0-2", "5.0")
def test_MQTT_4_12_0_2_challenge_has_the_code_to_continue(begin):
    begin()  # expects AUTH 0x18


@statement("MQTT-4.12.0-5", "5.0")
def test_MQTT_4_12_0_5_method_is_repeated(authenticated):
    assert authenticated.connack.property("authentication_method") == METHOD
    authenticated.ping()


@statement("MQTT-4.12.0-4", "5.0")
@pytest.mark.parametrize("user, password", [("alice", "wrong"), ("nobody", "secret")])
def test_MQTT_4_12_0_4_wrong_proof_is_refused(begin, user, password):
    c, scram, challenge = begin(user, password)
    c.send(auth(0x18, authentication_method=METHOD, authentication_data=scram.final(challenge)))
    c.expect_close(reason=REFUSED)


@statement("MQTT-4.12.0-4", "5.0")
@pytest.mark.parametrize("data", [b"", b"nonsense", b"c=biws,r=forged,p=AAAA", b"\xff" * 100])
def test_MQTT_4_12_0_4_nonsense_is_refused(begin, data):
    c, _, _ = begin()
    c.send(auth(0x18, authentication_method=METHOD, authentication_data=data))
    c.expect_close(reason=REFUSED | {0x80, 0x81, 0x82})


@statement("MQTT-4.12.0-4", "5.0")
def test_MQTT_4_12_0_4_other_packets_do_not_get_in(begin, connect, secured, topic):
    c, _, _ = begin()
    c.send(publish(topic, "unauthenticated", retain=True))
    c.expect_close(reason=REFUSED | {0x80, 0x81, 0x82})


@statement("MQTT-4.12.0-5", "5.0")
@pytest.mark.parametrize("properties", [{"authentication_method": "other"}, {}])
def test_MQTT_4_12_0_5_another_method_in_auth_closes(begin, properties):
    c, scram, challenge = begin()
    c.send(auth(0x18, authentication_data=scram.final(challenge), **properties))
    c.expect_close(reason=REFUSED | {0x81, 0x82})


@statement("MQTT-4.12.1-1", "5.0")
def test_MQTT_4_12_1_1_authentication_may_be_repeated(authenticated, topic):
    c, scram = authenticated, ScramClient("alice", "secret")
    c.subscribe((topic, 1))
    c.send(auth(0x19, authentication_method=METHOD, authentication_data=scram.first()))
    challenge = c.expect(auth(0x18, authentication_method=METHOD))
    c.send(pingreq())
    c.expect(pingresp())
    c.send(auth(0x18, authentication_method=METHOD,
                authentication_data=scram.final(challenge.property("authentication_data"))))
    c.expect(auth(0x00, authentication_method=METHOD))
    c.publish(topic, "still here", qos=1)
    c.receive(publish(topic, "still here", qos=1))


@statement("MQTT-4.12.1-1", "5.0")
def test_MQTT_4_12_1_1_by_another_method_closes(authenticated):
    authenticated.send(auth(0x19, authentication_method="other", authentication_data=b"x"))
    authenticated.expect_close(reason=REFUSED | {0x82})


@statement("MQTT-4.12.1-2", "5.0")
def test_MQTT_4_12_1_2_failed_repetition_closes(authenticated):
    c, scram = authenticated, ScramClient("alice", "wrong")
    c.send(auth(0x19, authentication_method=METHOD, authentication_data=scram.first()))
    challenge = c.expect(auth(0x18, authentication_method=METHOD))
    c.send(auth(0x18, authentication_method=METHOD,
                authentication_data=scram.final(challenge.property("authentication_data"))))
    c.expect_close(reason=REFUSED)


def test_continuation_out_of_place_closes(authenticated):
    authenticated.send(auth(0x18, authentication_method=METHOD, authentication_data=b"x"))
    authenticated.expect_close(reason=REFUSED | {0x82})
