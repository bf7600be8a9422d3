"""Refusals by an access list, as far as the specification says how they look."""

import pytest
from conformance.statement import statement
from wire.packets import puback, pubcomp, publish, pubrec, pubrel, subscribe

ACCESS = "topic readwrite open/#\ntopic read look/#\n"
DENIED = {0x80, 0x83, 0x87}


@pytest.fixture
def guarded(start_broker):
    return start_broker(acl=ACCESS)


@statement("MQTT-3.8.4-7", "MQTT-3.9.3-2", "5.0")
def test_MQTT_3_8_4_7_refused_filters_have_a_code_of_failure(connect, guarded, name):
    c = connect(to=guarded)
    c.send(subscribe(1, (f"open/{name()}", 1), (f"closed/{name()}", 1), (f"look/{name()}", 0)))
    got = c.next_packet()
    assert got.kind == "suback" and got.reasons[0] == 1 and got.reasons[2] == 0
    if c.reasons_required:
        assert got.reasons[1] in DENIED


@statement("MQTT-3.4.2-1", "5.0")
def test_MQTT_3_4_2_1_refused_publish_has_its_reason(connect, guarded, name):
    watcher, c = connect(to=guarded), connect(to=guarded)
    watcher.subscribe((f"look/{name()}", 1))
    c.send(publish(f"look/{name()}", "refused", qos=1, id=1))
    c.expect(puback(1, reason=DENIED))
    watcher.expect_nothing()


@statement("MQTT-4.3.3-9", "5.0")
def test_MQTT_4_3_3_9_identifier_is_new_again_after_a_refusal(connect, guarded, name):
    watcher, c = connect(to=guarded), connect(to=guarded)
    watcher.subscribe((f"open/{name()}", 2))
    c.send(publish(f"closed/{name()}", "refused", qos=2, id=4))
    c.expect(pubrec(4, reason=DENIED))
    c.send(publish(f"open/{name()}", "taken", qos=2, id=4))
    c.expect(pubrec(4))
    c.send(pubrel(4))
    c.expect(pubcomp(4, reason=0))
    watcher.receive(publish(f"open/{name()}", "taken", qos=2))


def test_refused_qos_0_publish_goes_nowhere(connect, guarded, name):
    watcher, c = connect(to=guarded), connect(to=guarded)
    watcher.subscribe((f"look/{name()}", 1))
    c.send(publish(f"look/{name()}", "refused"))
    c.ping()
    watcher.expect_nothing()
