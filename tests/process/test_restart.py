"""What survives the process, and what time does meanwhile: SIGTERM and SIGKILL."""

import signal
import time

import pytest
from wire.node import wait_for
from wire.packets import V311, Will, puback, publish, pubcomp, pubrec, pubrel

pytestmark = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL],
                                     ids=["SIGTERM", "SIGKILL"])


def durable(node, client_id, **fields):
    return node.connect(client_id, **{"session_expiry_interval": 600, **fields})


def resumed(node, client_id, **fields):
    return durable(node, client_id, clean_start=False, session_present=True, **fields)


def until(moment):
    """The rest of a time that the specification counts, seen from outside."""
    time.sleep(max(0.0, moment - time.monotonic()))


def test_sessions_queues_and_retained_messages(start_node, number):
    node = start_node()
    reader = durable(node, "reader")
    reader.subscribe(("a/+", 2), ("b", 1), subscription_identifier=9)
    reader.disconnect()
    old = node.connect("old", version=V311, clean_start=False)
    old.subscribe(("a/#", 1))
    writer = node.connect("writer")
    sent = []
    for count in range(50):
        sent.append(publish(f"a/{count % 3}", f"{count}", qos=1 + count % 2,
                            subscription_identifier=[9]))
        writer.publish(sent[-1].topic, sent[-1].payload, qos=sent[-1].qos, content_type="t")
    writer.publish("kept", "retained", qos=1, retain=True)
    writer.publish("removed", "x", qos=1, retain=True)
    writer.publish("removed", "", qos=1, retain=True)
    node.restart(number)
    reader = resumed(node, "reader")
    got = [reader.next_packet() for _ in sent]
    for message in got:
        assert message.property("content_type") == "t"
        assert message.property("subscription_identifier") == [9]
        reader.acknowledge(message)
    for topic in ("a/0", "a/1", "a/2"):
        for qos in (1, 2):
            wanted = [p.payload for p in sent if (p.topic, p.qos) == (topic, qos)]
            assert [m.payload for m in got if (m.topic, m.qos) == (topic, qos)] == wanted
    old = node.connect("old", version=V311, clean_start=False, session_present=True)
    assert {int(old.next_packet().payload) for _ in sent} == set(range(50))
    # The subscription is in force again.
    node.connect("writer").publish("b", "new", qos=1)
    reader.receive(publish("b", "new", qos=1, subscription_identifier=[9]))
    reader.subscribe("kept", "removed")
    reader.receive(publish("kept", "retained", retain=True))
    reader.expect_nothing()


def test_what_a_burst_has_in_common_is_written_once(start_node, number):
    """Topics and properties of one publisher's messages, and all of them come back with each."""
    node = start_node()
    reader = durable(node, "reader")
    reader.subscribe(("#", 1))
    reader.disconnect()
    writer = node.connect("writer")
    topics = ["one/" + "x" * 300, "two/" + "y" * 300]
    sent = [publish(topics[count // 10 % 2], f"{count}", qos=1, id=count + 1, content_type="t" * 100)
            for count in range(100)]
    writer.send(*sent)
    for each in sent:
        writer.await_packet(puback(each.id))
    written = sum(file.stat().st_size for file in (node.folder / "data").rglob("*.log"))
    assert 0 < written < 100 * 400 / 2
    node.restart(number)
    reader = resumed(node, "reader")
    got = []
    for _ in sent:
        got.append(reader.next_packet())
        reader.acknowledge(got[-1])
        assert got[-1].property("content_type") == "t" * 100
    for topic in topics:
        assert [m.payload for m in got if m.topic == topic] == [
            p.payload for p in sent if p.topic == topic]


def test_qos_2_goes_on_where_it_was(start_node, number):
    """Identifiers of both directions are remembered, nothing is delivered twice."""
    node = start_node()
    reader, writer = durable(node, "reader"), durable(node, "writer")
    reader.subscribe(("q", 2))
    writer.send(publish("q", "one", qos=2, id=7))
    writer.expect(pubrec(7))
    first = reader.expect(publish("q", "one", qos=2))
    reader.send(pubrec(first.id))
    reader.expect(pubrel(first.id))
    node.restart(number)
    writer, reader = resumed(node, "writer"), resumed(node, "reader")
    writer.send(publish("q", "one", qos=2, id=7, dup=True))
    writer.expect(pubrec(7))
    writer.send(pubrel(7))
    writer.expect(pubcomp(7))
    # [MQTT-4.4.0-1]: the PUBREL comes again, with its identifier.
    reader.expect(pubrel(first.id))
    reader.send(pubcomp(first.id))
    reader.expect_nothing()


def test_message_expiry_counts_while_the_node_is_down(start_node, number):
    node = start_node()
    reader = durable(node, "reader")
    reader.subscribe(("e/#", 1))
    reader.disconnect()
    writer = node.connect("writer")
    begin = time.monotonic()
    writer.publish("e/short", "gone", qos=1, message_expiry_interval=2)
    writer.publish("e/long", "there", qos=1, message_expiry_interval=100)
    writer.publish("e/kept/short", "gone", qos=1, retain=True, message_expiry_interval=2)
    writer.publish("e/kept/long", "there", qos=1, retain=True, message_expiry_interval=100)
    if number == signal.SIGKILL:
        node.kill()
    else:
        node.stop()
    until(begin + 2.2)
    node.start()
    left = lambda seconds: 90 < seconds <= 98  # noqa: E731
    reader = resumed(node, "reader")
    for message in (reader.next_packet(), reader.next_packet()):
        assert message.topic in ("e/long", "e/kept/long")
        assert left(message.property("message_expiry_interval"))
        reader.acknowledge(message)
    reader.expect_nothing()
    late = node.connect("late")
    late.subscribe("e/kept/#")
    late.expect(publish("e/kept/long", "there", retain=True, message_expiry_interval=left))
    late.expect_nothing()


def test_session_expiry_counts_while_the_node_is_down(start_node, number):
    node = start_node()
    for client_id, expiry in (("short", 2), ("long", 600), ("forever", 0xFFFFFFFF)):
        client = node.connect(client_id, session_expiry_interval=expiry)
        client.subscribe(("s", 1))
        client.disconnect()
    gone_at = time.monotonic()
    node.connect("writer").publish("s", "x", qos=1)
    if number == signal.SIGKILL:
        node.kill()
    else:
        node.stop()
    until(gone_at + 2.2)
    node.start()
    for client_id in ("long", "forever"):
        resumed(node, client_id).receive(publish("s", "x", qos=1))
    # At once, before the shard has looked for what has expired.
    short = node.connect("short", clean_start=False, session_present=False)
    short.expect_nothing()
    wait_for(lambda: node.metric("troupe_sessions_durable") == 2, 5, "the session to be gone")


def test_session_expiry_goes_on_after_a_restart(start_node, number):
    """The rest of the time is counted from the disconnection, not from the start."""
    node = start_node()
    node.connect("short", session_expiry_interval=3).disconnect()
    gone_at = time.monotonic()
    node.restart(number)
    assert node.metric("troupe_sessions_durable") == 1
    wait_for(lambda: node.metric("troupe_sessions_durable") == 0, 8, "the session to be gone")
    assert time.monotonic() - gone_at > 2.5


def test_will_delay_goes_on_after_a_restart(start_node, number):
    node = start_node()
    watcher = durable(node, "watcher")
    watcher.subscribe(("will/#", 1))
    device = node.connect("device", session_expiry_interval=600,
                          will=Will("will/device", "late", qos=1, will_delay_interval=3))
    device.close()
    wait_for(lambda: node.metric("troupe_sessions_connected") == 1, 5, "the device to be gone")
    gone_at = time.monotonic()
    node.restart(number)
    watcher = resumed(node, "watcher")
    watcher.receive(publish("will/device", "late", qos=1), within=10)
    assert time.monotonic() - gone_at > 2.5
    watcher.expect_nothing()


def test_a_will_that_fell_due_while_the_node_was_down(start_node, number):
    node = start_node()
    watcher = durable(node, "watcher")
    watcher.subscribe(("will/#", 1))
    watcher.disconnect()
    device = node.connect("device", session_expiry_interval=600,
                          will=Will("will/device", "due", qos=1, retain=True,
                                    will_delay_interval=1))
    device.close()
    wait_for(lambda: node.metric("troupe_sessions_connected") == 0, 5, "the device to be gone")
    if number == signal.SIGKILL:
        node.kill()
    else:
        node.stop()
    until(time.monotonic() + 1.2)
    node.start()
    watcher = resumed(node, "watcher")
    watcher.receive(publish("will/device", "due", qos=1))
    watcher.expect_nothing()
    late = node.connect("late")
    late.subscribe("will/#")
    late.expect(publish("will/device", "due", retain=True))


def test_a_device_that_is_back_in_time_sends_no_will(start_node, number):
    node = start_node()
    watcher = durable(node, "watcher")
    watcher.subscribe(("will/#", 1))
    will = Will("will/device", "late", qos=1, will_delay_interval=2)
    device = durable(node, "device", will=will)
    device.close()
    wait_for(lambda: node.metric("troupe_sessions_connected") == 1, 5, "the device to be gone")
    gone_at = time.monotonic()
    node.restart(number)
    device = resumed(node, "device")
    watcher = resumed(node, "watcher")
    until(gone_at + 2.5)
    watcher.expect_nothing()
    device.ping()


def test_who_was_connected_when_the_node_went(start_node, number):
    """Its session is there; its will is sent, as the connection ended without a goodbye of its own."""
    node = start_node()
    watcher = durable(node, "watcher")
    watcher.subscribe(("will/#", 1))
    watcher.disconnect()
    device = durable(node, "device", will=Will("will/device", "cut off", qos=1))
    device.subscribe(("d", 1))
    node.restart(number)
    watcher = resumed(node, "watcher")
    watcher.receive(publish("will/device", "cut off", qos=1))
    node.connect("writer").publish("d", "x", qos=1)
    resumed(node, "device").receive(publish("d", "x", qos=1))
