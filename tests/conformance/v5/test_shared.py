"""4.8.2: shared subscriptions."""

import time

import pytest
from conformance.statement import statement
from wire.packets import puback, publish, pubrec, pubrel, pubcomp, suback, subscribe


@pytest.fixture
def publisher(connect):
    return connect()


def members(connect, topic, count, qos=1, **fields):
    group = [connect(**fields) for _ in range(count)]
    for member in group:
        member.subscribe((f"$share/group/{topic}", qos))
    return group


def taken(member):
    """The payloads that have arrived at a member, acknowledged."""
    member.ping()
    member.ping()
    got, member.inbox = member.inbox, []
    for one in got:
        member.acknowledge(one)
    return [int(one.payload) for one in got]


@statement("MQTT-4.8.2-1", "MQTT-4.8.2-2", "5.0")
@pytest.mark.parametrize("wrong", ["$share/", "$share//a", "$share/group", "$share/gr+up/a",
                                   "$share/gr#up/a", "$share/+/a", "$share/#", "$share/group/"])
def test_MQTT_4_8_2_1_ill_formed_shared_filters_are_refused(connect, wrong):
    c = connect()
    c.send(subscribe(1, wrong))
    got = c.next_packet()
    assert got.kind in ("suback", "disconnect")
    assert (got.reasons[0] if got.kind == "suback" else got.reason) >= 0x80


@statement("MQTT-4.8.2-2", "5.0")
def test_MQTT_4_8_2_2_filter_after_the_share_name_may_have_wildcards(connect, publisher, name):
    room = name("room")
    c = connect()
    c.subscribe((f"$share/a group with $ and é/{room}/+/#", 1))
    publisher.publish(f"{room}/a/b", "x", qos=1)
    c.receive(publish(f"{room}/a/b", "x", qos=1))


@statement("MQTT-4.8.2-3", "5.0")
@pytest.mark.parametrize("granted", [0, 1, 2])
def test_MQTT_4_8_2_3_granted_qos_holds(connect, publisher, topic, granted):
    [member] = members(connect, topic, 1, qos=granted)
    for published in (0, 1, 2):
        publisher.publish(topic, str(published), qos=published)
        member.receive(publish(topic, str(published), qos=min(published, granted)))


@statement("MQTT-4.8.2-3", "5.0")
def test_MQTT_4_8_2_3_each_member_has_its_qos(connect, publisher, topic):
    low, high = connect(), connect()
    low.subscribe((f"$share/group/{topic}", 0))
    high.subscribe((f"$share/group/{topic}", 2))
    for number in range(10):
        publisher.publish(topic, str(number), qos=2)
    counts = 0
    for member, qos in ((low, 0), (high, 2)):
        member.ping()
        member.ping()
        counts += len(member.inbox)
        assert all(got.qos == qos for got in member.inbox)
    assert counts == 10


def test_each_message_goes_to_one_member(connect, publisher, topic):
    group = members(connect, topic, 3)
    for number in range(30):
        publisher.publish(topic, str(number), qos=1)
    shares = [taken(member) for member in group]
    assert sorted(sum(shares, [])) == list(range(30))
    assert all(shares), f"a member got nothing: {shares}"


@pytest.mark.only("troupe")
def test_members_take_turns(connect, publisher, topic):
    group = members(connect, topic, 3)
    for number in range(30):
        publisher.publish(topic, str(number), qos=1)
    assert [len(taken(member)) for member in group] == [10, 10, 10]


def test_groups_and_ordinary_subscribers_get_a_copy_each(connect, publisher, topic):
    one, two, plain = connect(), connect(), connect()
    one.subscribe((f"$share/one/{topic}", 1))
    two.subscribe((f"$share/two/{topic}", 1))
    plain.subscribe((topic, 1))
    publisher.publish(topic, "x", qos=1)
    for c in (one, two, plain):
        c.receive(publish(topic, "x", qos=1))
        c.expect_nothing()


def test_shared_and_ordinary_subscription_of_one_client_are_two(connect, publisher, topic):
    c = connect()
    c.subscribe((topic, 1), subscription_identifier=1)
    c.subscribe((f"$share/group/{topic}", 1), subscription_identifier=2)
    publisher.publish(topic, "x", qos=1)
    got = [c.receive(publish(topic, "x", qos=1)) for _ in range(2)]
    assert sorted(sum((g.property("subscription_identifier") for g in got), [])) == [1, 2]


def test_unsubscribe_leaves_the_group(connect, publisher, topic):
    stays, leaves = members(connect, topic, 2)
    leaves.unsubscribe(f"$share/group/{topic}")
    for number in range(6):
        publisher.publish(topic, str(number), qos=1)
    assert taken(stays) == list(range(6))
    assert taken(leaves) == []


def test_closed_member_gets_nothing_while_another_is_there(connect, publisher, topic):
    stays, leaves = members(connect, topic, 2)
    leaves.disconnect()
    for number in range(6):
        publisher.publish(topic, str(number), qos=1)
    assert taken(stays) == list(range(6))


@pytest.mark.only("troupe")
def test_offline_member_gets_nothing_while_another_is_there(connect, publisher, topic):
    stays, away = members(connect, topic, 2, session_expiry_interval=100)
    away.disconnect()
    for number in range(6):
        publisher.publish(topic, str(number), qos=1)
    assert taken(stays) == list(range(6))
    connect(away.client_id, clean_start=False, session_present=True).expect_nothing()


def test_group_without_anyone_online_keeps_messages(connect, publisher, topic):
    [away] = members(connect, topic, 1, session_expiry_interval=100)
    away.disconnect()
    for number in range(3):
        publisher.publish(topic, str(number), qos=1)
    back = connect(away.client_id, clean_start=False, session_present=True)
    for number in range(3):
        back.receive(publish(topic, str(number), qos=1))


@statement("MQTT-4.8.2-4", "5.0")
def test_MQTT_4_8_2_4_started_qos_2_delivery_is_completed_with_the_same_client(
        connect, publisher, topic):
    first, second = members(connect, topic, 2, qos=2, session_expiry_interval=100)
    publisher.publish(topic, "0", qos=2)
    holder, other = holder_first(first, second)
    got = holder.expect(publish(topic, "0", qos=2))
    holder.close()
    other.expect_nothing()
    back = connect(holder.client_id, clean_start=False, session_present=True)
    back.expect(publish(topic, "0", qos=2, id=got.id, dup=True))
    back.send(pubrec(got.id))
    back.expect(pubrel(got.id))
    back.send(pubcomp(got.id))
    other.expect_nothing()


def holder_first(first, second):
    """Both, first the one that is sent the message: that may wait for a disk."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        for one, other in ((first, second), (second, first)):
            one.ping()
            if one.inbox:
                return one, other
    raise AssertionError("nothing arrived at either of them")


@statement("MQTT-4.8.2-5", "5.0")
def test_MQTT_4_8_2_5_started_qos_2_message_ends_with_its_session(connect, publisher, topic):
    first, second = members(connect, topic, 2, qos=2)
    publisher.publish(topic, "0", qos=2)
    holder, other = holder_first(first, second)
    got = holder.expect(publish(topic, "0", qos=2))
    holder.send(pubrec(got.id))
    holder.expect(pubrel(got.id))
    holder.disconnect()
    publisher.publish(topic, "1", qos=2)
    other.receive(publish(topic, "1", qos=2))
    other.expect_nothing()


@pytest.mark.only("troupe")
def test_unacknowledged_qos_1_message_goes_to_another_member(connect, publisher, topic):
    first, second = members(connect, topic, 2)
    publisher.publish(topic, "0", qos=1)
    holder, other = holder_first(first, second)
    holder.expect(publish(topic, "0", qos=1))
    holder.disconnect()
    other.receive(publish(topic, "0", qos=1, dup={False, True}))


@statement("MQTT-4.8.2-6", "5.0")
@pytest.mark.parametrize("qos", [1, 2])
def test_MQTT_4_8_2_6_refused_message_goes_to_nobody_else(connect, publisher, topic, qos):
    first, second = members(connect, topic, 2, qos=qos)
    publisher.publish(topic, "0", qos=qos)
    holder, other = holder_first(first, second)
    got = holder.expect(publish(topic, "0", qos=qos))
    holder.send(puback(got.id, 0x83) if qos == 1 else pubrec(got.id, 0x83))
    holder.expect_nothing()
    other.expect_nothing()


def test_shared_filter_may_be_asked_for_again(connect, publisher, topic):
    c = connect()
    c.subscribe((f"$share/group/{topic}", 0))
    c.send(subscribe(9, (f"$share/group/{topic}", 1)))
    c.expect(suback(9, [1]))
    publisher.publish(topic, "x", qos=1)
    c.receive(publish(topic, "x", qos=1))
    c.expect_nothing()
