"""Copies of the store, made while the node works, and put back."""

import pathlib
import subprocess
import threading

from wire.node import clean_environment, troupectl, wait_for
from wire.packets import publish

OFFLINE = {"session_expiry_interval": 600}
BEFORE = 500


def ctl(node, *arguments, code=0):
    ran = subprocess.run([troupectl(), *arguments], capture_output=True, text=True, timeout=60,
                         env=clean_environment(TROUPE_URL=f"http://{node.http[0]}:{node.http[1]}"))
    assert ran.returncode == code, (ran.stdout, ran.stderr)
    return ran.stdout + ran.stderr


def restore(node, backup, code=0):
    ran = subprocess.run([node.binary, "--config", str(node.config), "--restore", str(backup)],
                         capture_output=True, text=True, timeout=60, env=clean_environment())
    assert ran.returncode == code, ran.stderr
    return ran.stderr


class Load:
    """Publishes with QoS 1 until it is told to end; counts what was acknowledged."""

    def __init__(self, node):
        self.acknowledged, self.over = 0, False
        self.client = node.connect("load")
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.over and self.acknowledged < 100_000:
            self.client.publish("load", str(self.acknowledged), qos=1)
            self.acknowledged += 1

    def end(self):
        self.over = True
        self.thread.join()
        self.client.disconnect()


def test_what_was_acknowledged_before_a_backup_is_in_it(start_node, tmp_path):
    node = start_node()
    reader = node.connect("reader", **OFFLINE)
    reader.subscribe(("load", 1), ("exact", 2))
    reader.disconnect()
    writer = node.connect("writer")
    writer.publish("kept", "retained", qos=1, retain=True)
    writer.publish("exact", "once", qos=2)
    load = Load(node)
    try:
        wait_for(lambda: load.acknowledged >= BEFORE, 30, "some load")
        before = load.acknowledged
        ctl(node, "backup", "make", "first")
        wait_for(lambda: load.acknowledged >= before + BEFORE, 30, "more of it")
    finally:
        load.end()
    assert "first" in ctl(node, "backup", "list")
    assert "already" in ctl(node, "backup", "make", "first", code=1)
    node.kill()
    data = pathlib.Path(node.tables["node"]["data_dir"])
    assert "is not empty" in restore(node, data / "backups" / "first", code=1)
    data.rename(tmp_path / "lost")
    assert "is no backup" in restore(node, tmp_path / "lost" / "backups", code=1)
    assert "Restored" in restore(node, tmp_path / "lost" / "backups" / "first")
    node.start()
    reader = node.connect("reader", clean_start=False, session_present=True, **OFFLINE)
    got = []
    while len(got) < before or got[-1].topic == "exact":
        got.append(reader.next_packet())
        reader.acknowledge(got[-1])
    load_numbers = [int(each.payload) for each in got if each.topic == "load"]
    assert load_numbers[:before - 1] == list(range(before - 1))
    assert [each.payload for each in got if each.topic == "exact"] == [b"once"]
    late = node.connect("late")
    late.subscribe(("kept", 0))
    late.receive(publish("kept", "retained", retain=True))
    assert ctl(node, "backup", "list").count("\n") <= 1  # they were in the lost directory


def test_backups_have_names_and_go(start_node):
    node = start_node()
    ctl(node, "backup", "make")
    name = ctl(node, "backup", "list").splitlines()[1].split()[0]
    assert name.endswith("Z")
    assert "may have letters" in ctl(node, "backup", "make", "../out", code=1)
    ctl(node, "backup", "delete", name)
    assert name not in ctl(node, "backup", "list")
    ctl(node, "backup", "delete", name, code=5)
    node.await_log("made the backup", "deleted the backup")
