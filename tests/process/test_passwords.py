"""Who may connect: password files in Mosquitto's formats, and clients without a name."""

import base64
import hashlib
import os
import subprocess

import pytest
from wire.node import troupectl
from wire.packets import V5, V31, V311, connack, connect_packet

VERSIONS = (V31, V311, V5)
# [MQTT-3.2.2-1] of 3.1.1 and 3.2.2.2 of 5.0
WRONG = {V31: 4, V311: 4, V5: 0x86}
REFUSED = {V31: 5, V311: 5, V5: 0x87}


def coded(raw):
    return base64.b64encode(raw).decode()


def line_6(user, password):
    """Mosquitto before 2.0: one round of SHA-512."""
    salt = os.urandom(12)
    return f"{user}:$6${coded(salt)}${coded(hashlib.sha512(password.encode() + salt).digest())}\n"


def line_7(user, password, iterations=101):
    """Mosquitto since 2.0: PBKDF2."""
    salt = os.urandom(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations)
    return f"{user}:$7${iterations}${coded(salt)}${coded(digest)}\n"


@pytest.fixture
def node(make_node):
    """A node with a password file of ada ($6$), bob ($7$) and cleo (troupectl)."""
    made = make_node(auth={"password_file": "passwords", "allow_anonymous": False})
    made.passwords = made.folder / "passwords"
    made.passwords.write_text(line_6("ada", "six") + line_7("bob", "seven"))
    made.passwords.chmod(0o600)
    subprocess.run([troupectl(), "passwd", "--batch", made.passwords, "cleo"], input="eight\n",
                   text=True, check=True, timeout=20)
    made.tables["auth"]["password_file"] = str(made.passwords)
    return made.start()


@pytest.mark.parametrize("version", VERSIONS)
def test_right_and_wrong_passwords(node, version):
    for user, password in (("ada", "six"), ("bob", "seven"), ("cleo", "eight")):
        node.connect(f"{user}-1", version=version, username=user, password=password).disconnect()
        wrong = node.connect(f"{user}-2", version=version, username=user, password="nine",
                             reason=WRONG[version])
        wrong.expect_close()


@pytest.mark.parametrize("version", VERSIONS)
def test_unknown_users_and_missing_passwords(node, version):
    node.connect("x", version=version, username="mallory", password="six", reason=WRONG[version])
    node.connect("y", version=version, username="ada", reason=WRONG[version])
    node.connect("z", version=version, username="ada", password="", reason=WRONG[version])
    node.connect("n", version=version, reason=REFUSED[version])
    assert node.metric("troupe_authentication_total", result="failure") == 4
    # Names and passwords never reach the log as they were typed.
    assert "six" not in node.log_text()


def test_mosquitto_passwd_writes_what_is_read(make_node):
    node = make_node(auth={"allow_anonymous": False})
    passwords = node.folder / "passwords"
    try:
        subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "dora", "four words in it"],
                       check=True, capture_output=True, timeout=20)
    except FileNotFoundError:
        pytest.skip("mosquitto_passwd is not installed")
    node.tables["auth"]["password_file"] = str(passwords)
    node.start().connect("dora", username="dora", password="four words in it").disconnect()
    node.connect("dora", username="dora", password="four words", reason=0x86)


def test_passwords_are_read_again(node):
    staying = node.connect("staying", username="ada", password="six")
    node.passwords.write_text(line_7("bob", "changed") + line_7("eve", "new"))
    node.reload()
    node.connect("b1", username="bob", password="seven", reason=0x86)
    node.connect("b2", username="bob", password="changed").disconnect()
    node.connect("e", username="eve", password="new").disconnect()
    node.connect("a", username="ada", password="six", reason=0x86)
    # Whoever is connected stays.
    staying.ping()


def test_a_broken_password_file_changes_nothing(node):
    node.passwords.write_text("bob:$7$nonsense\n")
    node.reload(expect="Reload refused")
    node.await_log("passwords, line 1")
    node.connect("b", username="bob", password="seven").disconnect()


def test_a_broken_password_file_prevents_the_start(make_node):
    node = make_node(auth={"password_file": "/nonexistent/passwords"})
    with pytest.raises(RuntimeError, match="/nonexistent/passwords"):
        node.start()


# --- clients without a user name ---------------------------------------------------


def outside_address():
    """An address of this machine that is not loopback; connecting to it stays on the machine."""
    shown = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=False)
    found = [each for each in shown.stdout.split() if "." in each]
    return found[0] if found else pytest.skip("this machine has loopback addresses only")


def greet_from_outside(node, version, wanted):
    node.addresses["tcp"] = (outside_address(), node.addresses["tcp"][1])
    client = node.dial(version=version)
    client.send(connect_packet("outside"))
    client.expect(connack(wanted))
    client.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_anonymous_from_loopback_only(start_node, version):
    node = start_node([{"name": "tcp", "transport": "tcp", "bind": "0.0.0.0:0"}])
    node.addresses["tcp"] = ("127.0.0.1", node.addresses["tcp"][1])
    node.connect("inside", version=version).disconnect()
    greet_from_outside(node, version, REFUSED[version])


def test_anonymous_from_everywhere_when_configured(start_node):
    node = start_node([{"name": "tcp", "transport": "tcp", "bind": "0.0.0.0:0"}],
                      auth={"allow_anonymous": True})
    greet_from_outside(node, V5, 0)


def test_each_listener_decides_about_anonymous_clients(start_node):
    node = start_node([
        {"name": "open", "transport": "tcp", "allow_anonymous": True},
        {"name": "shut", "transport": "tcp", "allow_anonymous": False},
    ])
    node.connect("a", listener="open").disconnect()
    node.connect("b", listener="shut", reason=0x87)
