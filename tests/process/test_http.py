"""The HTTP port beyond loopback, and figures that are gathered from everywhere."""

import http.client
import subprocess

from wire.broker import default_binary
from wire.node import clean_environment, wait_for

FIRST, SECOND = "first-token-0123456789", "second-token-0123456789"


def ask(node, path, token=None):
    connection = http.client.HTTPConnection("127.0.0.1", node.http[1], timeout=10)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    status, body = answer.status, answer.read().decode()
    connection.close()
    return status, body


def test_beyond_loopback_a_token_is_needed():
    said = subprocess.run([default_binary("troupe"), "--test-config"], capture_output=True,
                          text=True, timeout=20,
                          env=clean_environment(TROUPE_HTTP__BIND="0.0.0.0:18083"))
    assert said.returncode != 0
    assert ("http.bind 0.0.0.0:18083 can be reached from other machines: set http.token"
            in said.stderr)


def test_a_token_from_a_file_is_asked_for_and_changes_at_a_reload(make_node):
    node = make_node(http={"bind": "0.0.0.0:0"})
    secret = node.folder / "token"
    secret.write_text(FIRST + "\n")
    node.tables["http"]["token"] = f"file://{secret}"
    node.start()
    assert ask(node, "/livez")[0] == 200
    assert ask(node, "/readyz") == (200, '{\n  "ready": true\n}\n')
    for path in ("/metrics", "/api/v5/status"):
        assert ask(node, path)[0] == 401
        assert ask(node, path, SECOND)[0] == 401
        assert ask(node, path, FIRST)[0] == 200
    secret.write_text(SECOND + "\n")
    node.reload()
    assert ask(node, "/metrics", FIRST)[0] == 401
    assert ask(node, "/metrics", SECOND)[0] == 200
    # A reload may not open the port to everybody.
    secret.write_text("\n")
    node.reload("http.token is empty")
    assert ask(node, "/metrics")[0] == 401
    assert ask(node, "/metrics", SECOND)[0] == 200
    assert "-token-" not in node.log_text()


def test_sessions_at_rest_and_what_they_are_owed(make_node):
    node = make_node(limits={"passivation_delay": "1s"}).start()
    away = node.connect("away", session_expiry_interval=3600)
    away.subscribe(("a/#", 1))
    away.disconnect()
    sender = node.connect("sender")
    for _ in range(3):
        sender.publish("a/b", "12345", qos=1)
    wait_for(lambda: node.metric("troupe_sessions_passive") == 1, 10, "the session to rest")
    assert node.metric("troupe_sessions_count") == 2
    assert node.metric("troupe_messages_queued") == 3
    assert node.metric("troupe_owed_backlog_bytes") > 3 * 5
    assert node.metric("troupe_actors_count", **{"class": "session"}) == 1
    assert node.metric("troupe_actors_count", **{"class": "topic_shard"}) == 8
    node.restart()
    wait_for(lambda: node.metric("troupe_messages_queued") == 3, 10, "the queue to be counted")
    assert node.metric("troupe_sessions_passive") == 1
