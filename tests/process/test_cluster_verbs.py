"""troupectl cluster against a node that is played here: what is asked, and how answers read."""

import http.server
import json
import subprocess
import threading

import pytest
from wire.broker import default_binary
from wire.node import clean_environment, troupectl

LINK = {"state": "up", "sent_bytes": 1, "received_bytes": 2, "window_bytes": 4096, "dropped": 0,
        "round_trip_seconds": 0.00123}


def member(name, **more):
    return {"name": name, "node": "00000000000000" + name[-1] * 2, "address": f"{name}.local:4883",
            "kind": "full", "state": "up", "release": "0.1.0", "voter": True, "replicas": 8,
            "owned": 4, "link": LINK, **more}


VIEW = {"name": "plant", "id": "000000000000004d", "self": "n1", "leader": "n2", "term": 7,
        "map_version": 3, "shards": 8, "replicas": 3, "without_owner": 2,
        "problems": ["Shards without an owner: 2"],
        "members": [member("n1", link={**LINK, "state": "self"}), member("n2"),
                    member("n3", kind="witness", state="joining", voter=False, replicas=0, owned=0,
                           link={**LINK, "state": "down"})]}
SHARDS = {"shards": [{"shard": i, "owner": "n1" if i < 4 else "n2" if i < 6 else "", "epoch": 5,
                      "replicas": ["n1", "n2"] if i % 4 != 3 else ["n2", "n1"]} for i in range(8)]}


class PlayedNode(http.server.ThreadingHTTPServer):
    """Answers with what it was given and keeps what it was asked."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), PlayedRequest)
        self.asked, self.answers = [], {"/api/v1/cluster": VIEW, "/api/v1/cluster/shards": SHARDS}
        self.order = (200, {"done": True, "text": "Node n3 is evicted."})
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def run(self, *arguments):
        url = f"http://127.0.0.1:{self.server_address[1]}"
        return subprocess.run([troupectl(), "cluster", *arguments],
                              capture_output=True, text=True, timeout=20,
                              env=clean_environment(TROUPE_URL=url))


class PlayedRequest(http.server.BaseHTTPRequestHandler):
    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):  # noqa: N802
        body = self.server.answers.get(self.path)
        self.answer(200 if body else 404, body or {"code": "NOT_FOUND", "message": "Nothing."})

    def do_POST(self):  # noqa: N802
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, self.headers["Content-Type"], body))
        self.answer(*self.server.order)

    def log_message(self, *_):
        pass


@pytest.fixture
def played():
    node = PlayedNode()
    yield node
    node.shutdown()
    node.server_close()


def test_the_cluster_is_a_table(played):
    said = played.run("show")
    assert said.returncode == 0, said.stderr
    assert said.stdout == """\
cluster        plant (000000000000004d)
leader         n2, term 7
shards         8, 3 replicas wanted, map version 3, 2 without an owner
NOT READY      Shards without an owner: 2

MEMBER          ADDRESS        ROLE          STATE    LINK  RTT     UNACKED  REPLICAS  OWNS  RELEASE  NODE
n1 (this node)  n1.local:4883  full, voter   up       -     -       -        8         4     0.1.0    0000000000000011
n2              n2.local:4883  full, leader  up       up    1.2 ms  4.0 KiB  8         4     0.1.0    0000000000000022
n3              n3.local:4883  witness       joining  down  -       -        0         0     0.1.0    0000000000000033
"""


def test_shards_alike_are_one_row(played):
    said = played.run("shards")
    assert said.stdout == """\
OWNER  PREFERRED  OTHER REPLICAS  COUNT  SHARDS
n1     n1         n2              3      0-2
n1     n2         n1              1      3
n2     n1         n2              2      4-5
-      n1         n2              1      6
-      n2         n1              1      7
"""


def test_json_is_the_answer_itself(played):
    assert json.loads(played.run("show", "--json").stdout) == VIEW
    assert json.loads(played.run("shards", "--json").stdout) == SHARDS


@pytest.mark.parametrize("arguments,path,body", [
    (["join", "10.0.0.1:4883"], "join", {"address": "10.0.0.1:4883"}),
    (["leave"], "leave", {"force": False}),
    (["leave", "n2", "--force"], "leave", {"node": "n2", "force": True}),
    (["evict", "n3"], "evict", {"node": "n3", "force": False}),
    (["plan"], "plan", {"apply": False}),
    (["plan", "--apply"], "plan", {"apply": True}),
])
def test_orders_are_posted_as_json(played, arguments, path, body):
    said = played.run(*arguments)
    assert (said.returncode, said.stdout) == (0, "Node n3 is evicted.\n"), said.stderr
    assert played.asked == [(f"/api/v1/cluster/{path}", "application/json", body)]


def test_a_refusal_is_told_and_fails(played):
    played.order = (409, {"code": "CONFLICT", "message": "Member n1 is the last one."})
    said = played.run("evict", "n1")
    assert said.returncode == 1
    assert said.stderr.endswith("Member n1 is the last one.\n")


def test_text_of_others_cannot_change_the_terminal(played):
    played.answers["/api/v1/cluster"] = {**VIEW, "members": [member("n\x1b[2J1")]}
    assert "\x1b" not in played.run("show").stdout


def test_wrong_usage_and_other_versions(played):
    assert played.run().returncode == 2
    assert played.run("evict").returncode == 2
    played.answers["/api/v1/cluster"] = {"name": "plant"}
    said = played.run("show")
    assert said.returncode == 1
    assert "another version" in said.stderr


def test_a_node_that_runs_alone_says_so(start_node):
    node = start_node()
    said = subprocess.run([troupectl(), "cluster", "show", "--url",
                           f"http://127.0.0.1:{node.http[1]}"], capture_output=True, text=True,
                          timeout=20, env=clean_environment())
    assert said.returncode == 5
    assert "This node runs alone" in said.stderr


@pytest.mark.parametrize("more,told", [
    (["--join", "somewhere"], "--join: cluster.seeds must be a list of addresses"),
    (["--cluster-listen", "10.0.0.1:4883", "--join", "a:1", "--join", "b:2"],
     "--cluster-listen: cluster.listen 10.0.0.1:4883 can be reached from other machines"),
    (["--cluster-listen", "127.0.0.1:0"], ""),
])
def test_the_command_line_names_the_cluster(more, told):
    environment = clean_environment(TROUPE_CLUSTER__SECRET="0123456789abcdef")
    said = subprocess.run([default_binary("troupe"), "--test-config", *more], capture_output=True,
                          text=True, timeout=20, env=environment)
    assert said.returncode == (78 if told else 0), said.stderr
    assert told in said.stderr
