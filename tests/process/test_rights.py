"""What a client may do: an ACL file in Mosquitto's format."""

import pytest
from wire.packets import V5, V31, V311, Will, publish, suback, subscribe

RULES = """
# Without a user section: clients without a name.
topic read news/#
topic write inbox

user ada
topic readwrite home/#
topic deny home/secret/#
topic read sensors/+/temperature
topic write commands/ada

user bob
topic write sensors/#
topic home/kitchen

pattern readwrite clients/%c/#
pattern read users/%u/inbox
pattern write users/%u/outbox
"""


@pytest.fixture
def node(make_node):
    made = make_node()
    made.rules = made.folder / "acl"
    made.rules.write_text(RULES)
    made.tables["auth"] = {"acl_file": str(made.rules)}
    return made.start()


def named(node, user, client_id=None, **fields):
    # Without a password file a user name is taken from loopback as it is.
    return node.connect(client_id or f"{user}-device", username=user, **fields)


MAY = [  # user, topic, may publish, may subscribe
    ("ada", "home/kitchen", True, True), ("ada", "home/secret/safe", False, False),
    ("ada", "sensors/3/temperature", False, True), ("ada", "sensors/3/humidity", False, False),
    ("ada", "commands/ada", True, False), ("ada", "commands/bob", False, False),
    ("ada", "news/today", False, False), ("ada", "elsewhere", False, False),
    ("bob", "sensors/3/humidity", True, False), ("bob", "home/kitchen", True, True),
    ("bob", "home/hall", False, False), ("eve", "home/kitchen", False, False),
    ("ada", "clients/ada-device/x", True, True), ("ada", "clients/bob-device/x", False, False),
    ("ada", "users/ada/inbox", False, True), ("ada", "users/ada/outbox", True, False),
    ("ada", "users/bob/outbox", False, False),
    (None, "news/today", False, True), (None, "inbox", True, False),
    (None, "home/kitchen", False, False), (None, "clients/anybody/y", True, True),
]


@pytest.mark.parametrize("user,topic,may_publish,may_subscribe", MAY)
def test_rules(node, user, topic, may_publish, may_subscribe):
    client = named(node, user, None if user else "anybody")
    for qos in (1, 2):
        client.publish(topic, "x", qos=qos, reason=None if may_publish else 0x87)
    client.subscribe((topic, 1), granted=[1] if may_subscribe else [0x87])


@pytest.mark.parametrize("version", [V31, V311])
def test_older_versions_hear_nothing_of_a_refused_publish(node, version):
    """[MQTT-3.3.5-2]: acknowledged, and not delivered; a refused filter answers 0x80."""
    ada = named(node, "ada", version=version)
    ada.send(subscribe(1, ("home/kitchen", 1), ("home/secret/safe", 1)))
    # 3.1 knows no failure code; a broker may still answer 0x80.
    ada.expect(suback(1, [1, 0x80]))
    bob = named(node, "bob", version=version)
    bob.publish("home/hall", "not allowed", qos=1)
    bob.publish("home/hall", "not allowed", qos=2)
    bob.publish("home/kitchen", "allowed", qos=1)
    ada.receive(publish("home/kitchen", "allowed", qos=1))
    ada.expect_nothing()


def test_deny_within_a_wider_subscription(node):
    """home/# may be subscribed, what is denied below it does not arrive."""
    ada = named(node, "ada")
    ada.subscribe(("home/#", 1))
    helper = node.connect("root", username="root")
    helper.publish("home/secret/safe", "hidden", qos=1, reason=0x87)
    ada.publish("home/kitchen", "seen", qos=1)
    ada.receive(publish("home/kitchen", "seen", qos=1))
    node.rules.write_text(RULES + "\nuser root\ntopic readwrite home/#\n")
    node.reload()
    helper.publish("home/secret/safe", "hidden", qos=1)
    helper.publish("home/hall", "seen", qos=1)
    ada.receive(publish("home/hall", "seen", qos=1))
    ada.expect_nothing()


def test_a_refused_will_is_not_sent(node):
    ada = named(node, "ada")
    ada.subscribe("home/#")
    bob = named(node, "bob", will=Will("home/hall", "last words"))
    bob.close()
    allowed = named(node, "bob", client_id="second", will=Will("home/kitchen", "last words"))
    allowed.close()
    ada.receive(publish("home/kitchen", "last words"))
    ada.expect_nothing()


def test_rules_are_read_again(node):
    ada, bob = named(node, "ada"), named(node, "bob")
    bob.publish("home/hall", "x", qos=1, reason=0x87)
    node.rules.write_text(RULES.replace("topic home/kitchen", "topic home/hall"))
    node.reload()
    bob.publish("home/hall", "x", qos=1)
    bob.publish("home/kitchen", "x", qos=1, reason=0x87)
    ada.ping()


def test_a_broken_acl_file_changes_nothing(node):
    ada = named(node, "ada")
    node.rules.write_text("topic readwrite home/#\ntopics everything\n")
    node.reload(expect="Reload refused")
    node.await_log("acl, line 2: expected")
    ada.publish("home/kitchen", "x", qos=1)
    ada.publish("news/x", "x", qos=1, reason=0x87)


def test_refusals_are_counted(node):
    ada = named(node, "ada", version=V5)
    ada.publish("nowhere", "x", qos=1, reason=0x87)
    ada.publish("nowhere", "x")
    ada.ping()
    assert node.metric("troupe_messages_dropped_total", reason="not_authorized") == 2
    assert node.metric("troupe_authorization_total", result="deny") >= 2
