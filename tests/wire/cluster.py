"""Several nodes that are one cluster, each a process of its own on ports of the kernel's choice."""

import json
import subprocess

from wire.node import Node, clean_environment, troupectl, wait_for

SECRET = "the secret of this test"
READY_WITHIN = 60.0


class ClusterNode(Node):
    """A node of a cluster. The first one's port for nodes is the seed of the others."""

    cluster_address = None

    def _read_addresses(self, ready):
        super()._read_addresses(ready)
        entry = ready.get("cluster")
        self.cluster_address = (entry["address"], entry["port"]) if entry else None
        # It is known to the others by this port from now on.
        self.tables["cluster"]["listen"] = "%s:%d" % self.cluster_address

    @property
    def name(self):
        return self.tables["node"]["name"]

    @property
    def reached_at(self):
        """Where the other nodes find it: what it advertises, or where it listens."""
        told = self.tables["cluster"].get("advertise")
        return told or (self.cluster_address and "%s:%d" % self.cluster_address)

    def cluster(self):
        """What /api/v1/cluster says."""
        return json.loads(self.get("/api/v1/cluster")[2])

    def shards(self):
        return json.loads(self.get("/api/v1/cluster/shards")[2])["shards"]

    def members(self):
        """States by name."""
        return {each["name"]: each["state"] for each in self.cluster()["members"]}

    def ready(self):
        return self.get("/readyz")[0] == 200

    def wait_ready(self, within=READY_WITHIN):
        def look():
            assert self.alive(), self.log_text()[-3000:]
            return self.ready()
        try:
            wait_for(look, within, f"{self.name} is ready")
        except AssertionError as late:
            raise AssertionError(f"{late}: {self.get('/readyz')[2]}") from None

    def ctl(self, *arguments):
        """troupectl cluster ..., asked of this node."""
        return subprocess.run(
            [troupectl(), "cluster", *arguments], capture_output=True, text=True, timeout=30,
            env=clean_environment(TROUPE_URL=f"http://127.0.0.1:{self.http[1]}"))


class Cluster:
    """`count` nodes n1, n2, ...; n1 is the seed of the others. `start()` waits until all are ready."""

    def __init__(self, folder, count=3, expect=None, listeners=("tcp",), cluster=None, **tables):
        self.folder = folder
        self.listeners, self.tables = listeners, tables
        self.settings = {"secret": SECRET, "bootstrap_expect": expect or count,
                         **(cluster or {})}
        self.nodes = []
        for _ in range(count):
            self.add()

    def add(self, name=None, **settings):
        """One more node, not yet started; `settings` are of [cluster]."""
        name = name or f"n{len(self.nodes) + 1}"
        folder = self.folder / name
        folder.mkdir()
        tables = {key: dict(value) for key, value in self.tables.items()}
        tables.setdefault("node", {})["name"] = name
        tables["cluster"] = {"listen": "127.0.0.1:0", **self.settings, **settings}
        self.nodes.append(ClusterNode(folder, self.listeners, **tables))
        return self.nodes[-1]

    def join(self, node, seed=None):
        """Starts the node with the address of another one as its seed."""
        seed = seed or self.nodes[0]
        if seed is not node and seed.reached_at:
            node.tables["cluster"]["seeds"] = [seed.reached_at]
        return node.start()

    def start(self):
        for node in self.nodes:
            self.join(node)
        self.wait_ready()
        return self

    def living(self):
        """Those that are started and do not stand still."""
        return [node for node in self.nodes if node.alive() and not node.still]

    def wait_ready(self, within=READY_WITHIN):
        for node in self.living():
            node.wait_ready(within)

    def wait_owners(self, within=READY_WITHIN):
        """Every living node knows an owner of every shard, and all the same ones."""
        def agreed():
            seen = {json.dumps([(s["owner"], s["epoch"]) for s in node.shards()])
                    for node in self.living()}
            return len(seen) == 1 and '[""' not in seen.pop()
        wait_for(agreed, within, "all nodes know the same owners")

    def end(self):
        """Stops all that live; the exit codes by name. Together: one after the other the last
        ones would wait for a majority."""
        alive = [node for node in self.nodes if node.alive()]
        for node in alive:
            node.process.terminate()
            node.go_on()
        return {node.name: node.stop() for node in alive if node.alive() or node.process.poll() == 0}
