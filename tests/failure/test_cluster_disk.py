"""The disk of one node of a cluster is full: it may end, loudly; the others go on, and nothing that
was acknowledged is lost. Its data lie in a small tmpfs, so the test needs the right to mount."""

import os
import subprocess
import time

import pytest
from failure.fleet import Trial, settings
from wire.fixtures import make_cluster  # noqa: F401  (fixture)
from wire.node import wait_for

SIZE_MIB = 96
SERVED_WITHIN = 30.0
FOUND_WITHIN = 60.0


@pytest.fixture
def small_disk(tmp_path):
    """A folder that holds SIZE_MIB."""
    folder = tmp_path / "small"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "none", folder],
                          capture_output=True, text=True, check=False)
    if made.returncode != 0:
        pytest.skip(f"no right to mount: {made.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(folder):
    """Takes all that is left."""
    with open(folder / "filler", "wb", buffering=0) as filler:
        try:
            while True:
                filler.write(b"\0" * 65536)
        except OSError:
            pass
        try:
            while True:
                filler.write(b"\0" * 512)
        except OSError:
            pass
    return os.statvfs(folder).f_bavail


def troubled(node):
    """It has ended, or says to whom asks that it is not ready, or says nothing."""
    try:
        return not node.alive() or not node.ready()
    except OSError:
        return True


def test_a_full_disk_of_one_node_is_its_own(make_cluster, small_disk):  # noqa: F811
    cluster = make_cluster(3, **settings())
    full = cluster.nodes[2]
    full.tables["node"]["data_dir"] = str(small_disk / "data")
    cluster.start()
    cluster.wait_owners()
    with Trial(cluster, padding=1024) as fleet:
        fleet.ledger.event("full", full.name, fleet.owners())
        begin = time.monotonic()
        left = fill(small_disk)
        filled = time.monotonic() - begin
        wait_for(lambda: troubled(full), FOUND_WITHIN, f"{full.name} notices")
        found = time.monotonic() - begin
        said = f"ended with {full.process.poll()}" if not full.alive() else "it lives"
        served = fleet.served(SERVED_WITHIN)
        print(f"filled in {filled:.1f} s, {left} blocks left; {full.name} after {found:.1f} s: {said}; every shard then acknowledged"
              f" after {served:.2f} s; longest silence of a shard"
              f" {fleet.ledger.silence(begin, time.monotonic()):.2f} s", flush=True)
        print(full.log_text()[-1500:])
        fleet.ledger.event("room again", full.name, fleet.owners())
        (small_disk / "filler").unlink()
        # What an operator does: room, and a start.
        if full.alive():
            full.kill()
        full.start()
        fleet.whole(60)
        fleet.flows()
