"""Copies of all nodes of a cluster by one order, and one new node made of them."""

import pathlib
import subprocess

from process.admin.test_backup import BEFORE, OFFLINE, Load, ctl
from process.admin.test_shard_move import move
from wire.broker import NotStarted
from wire.node import clean_environment, wait_for
from wire.packets import pubcomp, publish, pubrec, pubrel

KEPT = 20  # retained messages
SESSIONS = 6  # so that several shards have some


def backup_of(node, name):
    return pathlib.Path(node.tables["node"]["data_dir"]) / "backups" / name


def restore(node, backups, code=0):
    """What `troupe --restore` says; the copies lie where no node is any more."""
    node.write_configuration()
    given = [word for each in backups for word in ("--restore", str(each))]
    ran = subprocess.run([node.binary, "--config", str(node.config), *given], capture_output=True,
                         text=True, timeout=120, env=clean_environment())
    assert ran.returncode == code, ran.stderr
    return ran.stderr


def lose_all(cluster, name, to):
    """All nodes die at once and their directories are gone; the copies were taken away before."""
    for node in cluster.nodes:
        node.kill()
    saved = []
    for node in cluster.nodes:
        data = pathlib.Path(node.tables["node"]["data_dir"])
        copy = to / node.name
        if backup_of(node, name).exists():
            backup_of(node, name).rename(copy)
            saved.append(copy)
        data.rename(to / f"lost-{node.name}")
    return saved


class Owed:
    """Durable sessions that are away, by nodes in turn, and what they are owed."""

    def __init__(self, cluster):
        self.names = [f"reader{i}" for i in range(SESSIONS)]
        for i, name in enumerate(self.names):
            client = cluster.nodes[i % len(cluster.nodes)].connect(name, **OFFLINE)
            client.subscribe(("load", 1), (f"own/{name}", 2))
            client.disconnect()

    def check(self, nodes, before):
        """Every session resumes, with all that was acknowledged before, once and in order."""
        for i, name in enumerate(self.names):
            client = nodes[i % len(nodes)].connect(name, clean_start=False, session_present=True,
                                                   **OFFLINE)
            load, own = [], []
            while len(load) < before or not own:
                packet = client.next_packet()
                client.acknowledge(packet)
                (load if packet.topic == "load" else own).append(packet.payload)
            numbers = [int(each) for each in load]
            assert numbers[:before] == list(range(before)), name
            assert own == [name.encode()], name
            client.disconnect()


def filled(cluster):
    """Sessions, retained messages, and some load until there is enough of it."""
    owed = Owed(cluster)
    writer = cluster.nodes[1].connect("writer", session_expiry_interval=600)
    for i in range(KEPT):
        writer.publish(f"kept/{i}", str(i), qos=1, retain=True)
    for name in owed.names:
        writer.publish(f"own/{name}", name, qos=2)
    writer.disconnect()
    return owed


class Halfway:
    """QoS 2 that is under way: one message that is not released by its sender, one that its
    receiver has not completed."""

    def __init__(self, node):
        self.exact = node.connect("exact", **OFFLINE)
        self.exact.subscribe(("exact", 2))
        self.exact.disconnect()
        sender = node.connect("sender", **OFFLINE)
        sender.send(publish("exact", "half", qos=2, id=7))
        sender.expect(pubrec(7))
        sender.close()
        taker = node.connect("taker", **OFFLINE)
        taker.subscribe(("taken", 2))
        other = node.connect("other")
        other.publish("taken", "once", qos=2)
        other.disconnect()
        self.taken = taker.next_packet().id
        taker.send(pubrec(self.taken))
        taker.expect(pubrel(self.taken))
        taker.close()

    def check(self, node):
        taker = node.connect("taker", clean_start=False, session_present=True, **OFFLINE)
        taker.expect(pubrel(self.taken))
        taker.send(pubcomp(self.taken))
        sender = node.connect("sender", clean_start=False, session_present=True, **OFFLINE)
        sender.send(publish("exact", "half", qos=2, id=7, dup=True))
        sender.expect(pubrec(7))
        sender.send(pubrel(7))
        sender.expect(pubcomp(7))
        sender.publish("exact", "next", qos=2)
        exact = node.connect("exact", clean_start=False, session_present=True, **OFFLINE)
        got = []
        while b"next" not in got:
            packet = exact.next_packet()
            exact.acknowledge(packet)
            got.append(packet.payload)
        assert got == [b"half", b"next"]
        for client in (taker, sender, exact):
            client.disconnect()


def check_kept(node):
    late = node.connect("late")
    late.subscribe(("kept/#", 0))
    got = sorted(int(late.next_packet().payload) for _ in range(KEPT))
    assert got == list(range(KEPT))
    late.disconnect()


def made_under_load(cluster, asked, name):
    """The load, what was acknowledged before the backup was ordered, and what that printed."""
    load = Load(cluster.nodes[0])
    try:
        wait_for(lambda: load.acknowledged >= BEFORE, 30, "some load")
        before = load.acknowledged
        made = ctl(asked, "backup", "make", name)
        wait_for(lambda: load.acknowledged >= before + BEFORE, 30, "more of it")
    finally:
        load.end()
    return load, before, made


def test_a_cluster_that_is_lost_is_restored_and_joined(make_cluster, tmp_path):
    old = make_cluster(3).start()
    old.wait_owners()
    owed = filled(old)
    halfway = Halfway(old.nodes[1])
    load, before, made = made_under_load(old, old.nodes[2], "all")
    for name in ("n1", "n2", "n3", "What was acknowledged before is in these copies together."):
        assert name in made, made
    listed = ctl(old.nodes[0], "backup", "list")
    assert listed.count("all ") == 3 and all(n in listed for n in ("n1", "n2", "n3")), listed
    assert "already" in ctl(old.nodes[1], "backup", "make", "all", code=1)
    saved = lose_all(old, "all", tmp_path)

    new = make_cluster(1)
    first = new.nodes[0]
    said = restore(first, saved)
    assert "Restored 8 shards" in said and "WARNING" not in said, said
    assert "is not empty" in restore(first, saved, code=1)
    new.start()
    new.wait_owners()
    owed.check([first], before)
    check_kept(first)
    halfway.check(first)
    # Others get what it has, and serve it without it.
    for _ in range(2):
        new.join(new.add())
    new.wait_ready()
    wait_for(lambda: all(len(s["replicas"]) == 3 for s in first.shards()), 60, "three replicas")
    writer = first.connect("writer", clean_start=False, session_present=True,
                           session_expiry_interval=600)
    for name in owed.names:
        writer.publish(f"own/{name}", name, qos=2)
    writer.disconnect()
    # Who can be given a shard has caught up, and votes: then the first one may be lost.
    for node in new.nodes[1:]:
        for shard in range(8):
            moved(first, shard, node.name)
    first.kill()
    wait_for(lambda: all(s["owner"] in ("n2", "n3") for n in new.nodes[1:] for s in n.shards()),
             30, "other owners")
    owed.check(new.nodes[1:], 0)
    check_kept(new.nodes[2])


def moved(asked, shard, node):
    """A replica that does not vote yet is refused, and is let in only some time after that."""
    said = []

    def look():
        said[:] = move(asked, shard, node)
        return said[0] == 200
    try:
        wait_for(look, 60, "its replica", 4.0)
    except AssertionError as late:
        raise AssertionError(f"{late}: shard {shard} to {node}: {said}") from None


def test_copies_of_a_majority_are_enough_and_make_a_single_node(make_cluster, make_node, tmp_path):
    old = make_cluster(3).start()
    old.wait_owners()
    owed = filled(old)
    lost = old.nodes[2]
    lost.kill()
    wait_for(lambda: all(s["owner"] in ("n1", "n2") for s in old.nodes[0].shards()), 30, "owners")
    load, before, made = made_under_load(old, old.nodes[1], "two")
    assert "did not answer in time: n3" in made, made
    assert "What was acknowledged before is in these copies together." in made, made
    saved = lose_all(old, "two", tmp_path)
    assert len(saved) == 2

    node = make_node()
    said = restore(node, saved)
    assert "WARNING" not in said and "a single node" in said, said
    node.start()
    owed.check([node], before)
    check_kept(node)
    # It goes on: what comes after has places of its own.
    client = node.connect(owed.names[0], clean_start=False, session_present=True, **OFFLINE)
    writer = node.connect("other")
    writer.publish(f"own/{owed.names[0]}", "after", qos=2)
    while True:
        packet = client.next_packet()
        client.acknowledge(packet)
        if packet.payload == b"after":
            break
    assert node.stop() == 0
    # One copy alone may not have everything, and says so.
    alone = make_node(name="alone")
    assert "fewer than a majority" in restore(alone, saved[:1])
    assert "are of the same node" in restore(make_node(name="twice"), [saved[0], saved[0]], code=1)


def test_a_backup_that_is_not_sufficient_says_so(make_cluster, tmp_path):
    old = make_cluster(3).start()
    old.wait_owners()
    first = old.nodes[0]
    ctl(first, "backup", "make", "whole")
    for node in old.nodes[1:]:
        node.kill()
    said = ctl(first, "backup", "make", "lonely", code=1)
    assert "NOT SUFFICIENT" in said and "n2" in said and "n3" in said, said
    listed = ctl(first, "backup", "list")
    assert "lonely" in listed and "did not answer in time: n2 n3" in listed, listed
    assert "did not answer: n2, n3" in ctl(first, "backup", "delete", "whole", code=1)
    old.join(old.nodes[1])
    first.wait_ready()
    old.nodes[2].start()
    old.wait_ready()
    ctl(first, "backup", "delete", "whole")
    assert "whole" not in ctl(old.nodes[1], "backup", "list")
    ctl(first, "backup", "delete", "whole", code=5)
    saved = lose_all(old, "lonely", tmp_path)
    # What was restored begins a cluster, and joins none.
    new = make_cluster(1)
    assert "fewer than a majority" in restore(new.nodes[0], saved)
    new.nodes[0].tables["cluster"]["seeds"] = ["127.0.0.1:1"]
    try:
        new.nodes[0].start()
        raise AssertionError("it started")
    except NotStarted as refused:
        assert "was restored from backups" in str(refused)
    del new.nodes[0].tables["cluster"]["seeds"]
    new.start()
