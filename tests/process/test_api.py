"""The admin API walked by its own OpenAPI document: who may do what, and what is malformed."""

import http.client
import json
import os
import re
import socket
import subprocess

import pytest
from wire.broker import default_binary
from wire.node import check_configuration, clean_environment, troupectl

ROLES = ["viewer", "operator", "admin"]
SECRET = "secret-of-the-configuration-01"


def make_token(folder, name, role):
    said = subprocess.run([troupectl(), "token", "add", folder / "tokens", name, "--role", role],
                          capture_output=True, text=True, timeout=20, env=clean_environment())
    assert said.returncode == 0, said.stderr
    return said.stdout.strip()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    yield from node_with_tokens(tmp_path_factory.mktemp("api"))


@pytest.fixture
def quiet(tmp_path_factory):
    """One of which nobody was refused yet: of many refusals not each has a line in its log."""
    yield from node_with_tokens(tmp_path_factory.mktemp("quiet"))


def node_with_tokens(folder):
    """A node with a token of each role, and the document."""
    from wire.node import Node
    tokens = {role: make_token(folder, f"name-of-{role}", role) for role in ROLES}
    node = Node(folder, http={"bind": "127.0.0.1:0", "token": SECRET,
                              "token_file": str(folder / "tokens")}).start()
    node.tokens = tokens
    node.document = json.loads(ask(node, "GET", "/api/v1/openapi.json", tokens["viewer"])[2])
    yield node
    node.kill()


def ask(node, method, target, token=None, body=None, content_type="application/json"):
    connection = http.client.HTTPConnection(*node.http, timeout=15)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if body is not None:
        headers["Content-Type"] = content_type
    connection.request(method, target, body=body, headers=headers)
    answer = connection.getresponse()
    result = answer.status, dict(answer.headers), answer.read().decode()
    connection.close()
    return result


def operations(node):
    for path, methods in node.document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def filled(path):
    return re.sub(r"\{[^}]*\}", "nothing", path)


def refused(answer, *statuses):
    assert answer[0] in statuses, answer
    body = json.loads(answer[2])
    assert set(body) == {"code", "message"}
    assert re.fullmatch(r"[A-Z_]+", body["code"]) and body["message"].endswith(".")
    return body


def test_the_document_is_whole(served):
    found = {(method, path) for method, path, _ in operations(served)}
    assert {("get", "/api/v1/status"), ("put", "/api/v1/log"), ("post", "/api/v1/config/reload"),
            ("get", "/metrics"), ("post", "/api/v1/cluster/evict")} <= found
    identifiers = [operation["operationId"] for _, _, operation in operations(served)]
    assert len(set(identifiers)) == len(identifiers)
    for _, path, operation in operations(served):
        assert operation["summary"].endswith(".")
        declared = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
        assert declared == set(re.findall(r"\{([^}]*)\}", path))


def test_nobody_comes_in_without_a_token_of_the_role(served):
    for method, path, operation in operations(served):
        if operation["x-role"] == "none":
            continue
        target = filled(path)
        for token in (None, "wrong-token-0123456789", served.tokens["admin"][:-1]):
            refused(ask(served, method.upper(), target, token, body="{}"), 401)
        for role in ROLES[:ROLES.index(operation["x-role"])]:
            refused(ask(served, method.upper(), target, served.tokens[role], body="{}"), 403)


def test_malformed_requests_are_refused_and_end_nothing(served):
    token = served.tokens["admin"]
    for method, path, operation in operations(served):
        target, send = filled(path), method.upper()
        refused(ask(served, send, target + "?no-such-parameter=1", token,
                    body="{}" if "requestBody" in operation else None), 400)
        refused(ask(served, send, target + "?a=%zz", token), 400, 415)
        for parameter in operation["parameters"]:
            if parameter["in"] != "query":
                continue
            schema, name = parameter["schema"], parameter["name"]
            wrong = ["x"] if schema["type"] in ("integer", "boolean") or "enum" in schema else []
            if schema["type"] == "integer":
                wrong += ["-1", "1.5", "99999999999999999999", str(schema["maximum"] + 1)]
            elif "maxLength" in schema:
                wrong += ["x" * (schema["maxLength"] + 1)]
            for value in wrong:
                if len(value) < 7000:
                    refused(ask(served, send, f"{target}?{name}={value}", token), 400)
        if "requestBody" in operation:
            for body in ("{", "[]", "null", "7", '{"no-such-member": 1}', "\xff"):
                refused(ask(served, send, target, token, body=body.encode("latin-1")), 400)
            refused(ask(served, send, target, token, body="{}", content_type="text/plain"), 415)
        else:
            refused(ask(served, send, target, token, body="{}"), 400)
    assert served.alive()


def conforms(value, schema, where="answer"):
    """The few words of JSON Schema that the document uses."""
    if value is None:
        assert schema.get("nullable") or not schema, where
        return
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int,
             "number": (int, float)}
    if "type" in schema:
        assert isinstance(value, kinds[schema["type"]]), (where, value)
    if isinstance(value, dict) and "properties" in schema:
        assert set(schema.get("required", [])) <= set(value), where
        for name, member in value.items():
            rule = schema["properties"].get(name, schema.get("additionalProperties"))
            assert rule is not None, f"{where}.{name} is not in the document"
            conforms(member, rule, f"{where}.{name}")
    if isinstance(value, list):
        for each in value:
            conforms(each, schema["items"], where + "[]")


def test_what_is_shown_has_the_shape_of_the_document(served):
    shown = 0
    for method, path, operation in operations(served):
        if method != "get" or any(p["required"] for p in operation["parameters"]):
            continue
        status, headers, body = ask(served, "GET", path, served.tokens["viewer"])
        if status == 404 and "ALONE" in body:
            continue
        assert status == 200, (path, body)
        content = operation["responses"]["200"]["content"]
        if "application/json" in content:
            conforms(json.loads(body), content["application/json"]["schema"], path)
            shown += 1
    assert shown >= 7


def test_unknown_paths_and_methods(served):
    token = served.tokens["viewer"]
    assert refused(ask(served, "GET", "/api/v1/nothing", token), 404)["code"] == "NOT_FOUND"
    answer = ask(served, "PATCH", "/api/v1/log", token)
    assert refused(answer, 405)["code"] == "METHOD_NOT_ALLOWED"
    assert answer[1]["Allow"] == "GET, HEAD, PUT"


def test_changes_are_audited_and_nothing_secret_is_logged(quiet):
    served = quiet
    assert ask(served, "PUT", "/api/v1/log", served.tokens["admin"],
               '{"level": "debug", "module": "net"}')[0] == 200
    assert ask(served, "PUT", "/api/v1/log", SECRET, '{"level": "error"}')[0] == 200
    assert ask(served, "PUT", "/api/v1/log", SECRET, '{"level": "loud"}')[0] == 400
    refused(ask(served, "PUT", "/api/v1/log", served.tokens["viewer"], "{}"), 403)
    shown = json.loads(ask(served, "GET", "/api/v1/log", served.tokens["viewer"])[2])
    levels = {each["module"]: each["level"] for each in shown["data"]}
    assert levels["session"] == "error" and levels["audit"] == "info"
    # The log is written behind the answer.
    served.await_log("An administrator was refused")
    log = served.log_text()
    audit = [line for line in log.splitlines() if "dministrator" in line]
    assert any("name-of-admin" in line and "level of net is debug" in line for line in audit)
    assert any("http.token" in line and "level of all is error" in line for line in audit)
    assert any("failed" in line and "400" in line for line in audit)
    assert any("refused" in line and "name-of-viewer" in line for line in audit)
    for secret in [SECRET, *served.tokens.values(), "wrong-token-0123456789"]:
        assert secret not in log
    # Nor does the configuration show it.
    body = ask(served, "GET", "/api/v1/config", served.tokens["viewer"])[2]
    keys = {each["key"]: each["value"] for each in json.loads(body)["data"]}
    assert keys["http.token"] == "(secret)" and SECRET not in body
    assert keys["limits.max_packet_size"] == "2MiB" and keys["node.shards"] == "8"


def test_the_configuration_is_checked_and_reloaded(make_node):
    node = make_node().start()
    node.tables["limits"] = {"max_inflight": 7}
    node.write_configuration()
    checked = json.loads(ask(node, "POST", "/api/v1/config/check", body="{}")[2])
    assert checked == {"good": True, "applied": False, "problems": [],
                       "changes": [{"key": "limits.max_inflight", "reloadable": True}]}
    assert json.loads(ask(node, "POST", "/api/v1/config/reload", body="{}")[2])["applied"]
    body = json.loads(ask(node, "GET", "/api/v1/config")[2])
    assert {"key": "limits.max_inflight", "value": "7", "default": False,
            "reloadable": True} in body["data"]
    node.tables["limits"] = {"max_inflight": 0}
    node.write_configuration()
    checked = json.loads(ask(node, "POST", "/api/v1/config/check", body="{}")[2])
    assert not checked["good"] and "limits.max_inflight" in checked["problems"][0]
    answer = refused(ask(node, "POST", "/api/v1/config/reload", body="{}"), 409)
    assert "limits.max_inflight" in answer["message"]


def levels(node):
    return {each["module"]: each["level"]
            for each in json.loads(ask(node, "GET", "/api/v1/log")[2])["data"]}


@pytest.mark.parametrize("reload", ["api", "signal"])
def test_log_levels_that_were_set_stay_unless_a_reload_changes_that_key(make_node, reload):
    node = make_node()
    node.tables["log"] = {"level": "info"}
    node.start()

    def again():
        node.write_configuration()
        if reload == "signal":
            return node.reload()
        assert json.loads(ask(node, "POST", "/api/v1/config/reload", body="{}")[2])["applied"]

    assert ask(node, "PUT", "/api/v1/log", body='{"level": "debug", "module": "net"}')[0] == 200
    node.tables["limits"] = {"max_inflight": 7}
    again()
    assert levels(node) == dict.fromkeys(levels(node), "info") | {"net": "debug"}
    node.tables["log"] = {"level": "debug"}
    again()
    assert set(levels(node).values()) == {"debug"} | {levels(node)["audit"]}
    assert ask(node, "PUT", "/api/v1/log", body='{"level": "trace", "module": "net"}')[0] == 200
    # What is refused changes nothing, the levels neither.
    node.tables["log"] = {"level": "info"}
    node.tables["auth"] = {"password_file": str(node.folder / "no-such-file")}
    node.write_configuration()
    refused(ask(node, "POST", "/api/v1/config/reload", body="{}"), 409)
    assert (levels(node)["net"], levels(node)["session"]) == ("trace", "debug")


def test_tokens_of_a_file_change_at_a_reload(make_node):
    node = make_node()
    first = make_token(node.folder, "a", "viewer")
    node.tables["http"]["token_file"] = str(node.folder / "tokens")
    node.start()
    assert ask(node, "GET", "/metrics")[0] == 401
    assert ask(node, "GET", "/metrics", first)[0] == 200
    second = make_token(node.folder, "a", "viewer")
    node.reload()
    assert ask(node, "GET", "/metrics", first)[0] == 401
    assert ask(node, "GET", "/metrics", second)[0] == 200
    (node.folder / "tokens").write_text("a:root:sha256:x\n")
    node.reload("Reload refused")
    assert ask(node, "GET", "/metrics", second)[0] == 200


def test_a_site_with_a_name_of_its_own_for_loopback_is_refused(make_node):
    node = make_node().start()
    connection = http.client.HTTPConnection(*node.http, timeout=10)
    connection.request("GET", "/api/v1/status", headers={"Host": "evil.example:18083"})
    answer = connection.getresponse()
    assert answer.status == 401
    assert "not by another name" in json.loads(answer.read())["message"]


def test_the_unix_socket_is_for_the_owner(make_node):
    node = make_node()
    make_token(node.folder, "a", "viewer")
    node.tables["http"]["token_file"] = str(node.folder / "tokens")
    node.start()
    path = node.folder / "data" / "admin.sock"
    assert path.stat().st_mode & 0o777 == 0o600
    said = subprocess.run([troupectl(), "status", "--url", f"unix:{path}"], capture_output=True,
                          text=True, timeout=20, env=clean_environment())
    assert said.returncode == 0 and "ready" in said.stdout, said.stderr
    # It is found by itself, and a token that is none of this node's does no harm.
    (node.folder / "other").write_text("some-other-token\n")
    said = subprocess.run([troupectl(), "log", "level", "info"], capture_output=True, text=True,
                          timeout=20, env=clean_environment(
                              TROUPE_DATA=str(node.folder / "data"),
                              TROUPE_TOKEN_FILE=str(node.folder / "other")))
    assert said.returncode == 0, said.stderr
    node.await_log(f"uid {os.getuid()}")
    node.restart(9)  # a socket that is left behind is replaced
    stream = socket.socket(socket.AF_UNIX)
    stream.connect(str(path))
    stream.close()
    assert node.stop() == 0
    assert not path.exists()


def test_wrong_token_files_are_told(tmp_path):
    (tmp_path / "tokens").write_text("nonsense\n")
    code, _ = check_configuration(tmp_path, f'[http]\ntoken_file = "{tmp_path}/tokens"\n')
    assert code == 0  # as with password files, what is in it is read at the start
    said = subprocess.run([default_binary("troupe")], capture_output=True, text=True, timeout=20,
                          cwd=tmp_path, env=clean_environment(
                              TROUPE_HTTP__TOKEN_FILE=f"{tmp_path}/tokens",
                              TROUPE_HTTP__BIND="127.0.0.1:0"))
    assert said.returncode == 1 and "tokens, line 1" in said.stderr


@pytest.mark.parametrize("arguments,code", [
    (["status"], 0), (["status", "--nonsense"], 2), (["nonsense"], 2), (["cluster", "show"], 5),
    (["log", "level", "debug"], 4)])
def test_exit_codes(served, arguments, code):
    (served.folder / "viewer").write_text(served.tokens["viewer"] + "\n")
    address = ["--url", f"http://127.0.0.1:{served.http[1]}", "--token-file",
               str(served.folder / "viewer")]
    said = subprocess.run([troupectl(), *arguments, *address], capture_output=True, text=True,
                          timeout=20, env=clean_environment())
    assert said.returncode == code, said.stderr
    assert served.tokens["viewer"] not in said.stdout + said.stderr


def test_no_node_is_an_exit_code_of_its_own(tmp_path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        said = subprocess.run([troupectl(), "status", "--url",
                               f"http://127.0.0.1:{closed.getsockname()[1]}"],
                              capture_output=True, text=True, timeout=20, env=clean_environment())
    assert said.returncode == 3
    said = subprocess.run([troupectl(), "status", "--token-file", tmp_path / "none"],
                          capture_output=True, text=True, timeout=20, env=clean_environment())
    assert said.returncode == 1
