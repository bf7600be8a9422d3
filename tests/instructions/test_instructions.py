"""What a message costs in instructions: times differ from machine to machine, counts do not.

Each load runs twice, with N and with 3 N messages, under callgrind; the difference is what
2 N messages cost, without start, connections and end. The counts are those of the build that
`tools/test` makes (preset dev, Debian 12). A count that leaves its range is either a
regression or a gain to record: TROUPE_RECORD=1 writes what was counted.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest
from wire.broker import default_binary
from wire.node import Node

RECORD = pathlib.Path(__file__).with_name("recorded.json")
RANGE = 0.10
LOADS = {
    # 200 messages of a publisher under way: batches, as large as sockets take them.
    "bulk": (["pairs", "-p", "4", "--qos", "1", "--window", "200", "--batch", "100"], 20_000),
    # One message at a time, each with a wake-up of its own for every packet.
    "sparse": (["pairs", "-p", "1", "--qos", "1", "--window", "1"], 2_000),
    "fan-out": (["fan-out", "-s", "50", "--qos", "1", "--window", "200", "--batch", "100"], 400),
    "durable": (["pairs", "-p", "4", "--qos", "1", "--window", "200", "--batch", "100",
                 "--expiry", "600"], 8_000),
}


def on_debian_12():
    release = pathlib.Path("/etc/os-release")
    return release.exists() and re.search(r'VERSION_ID="12"', release.read_text()) is not None


def counted(folder, load, messages):
    """Instructions of a whole life of a node that carries the load, and deliveries in it."""
    folder.mkdir()
    out = folder / "callgrind.out"
    node = Node(folder, launcher=["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"],
                node={"run_loops": 1}, http={"enabled": False})
    node.start()
    host, port = node.addresses["tcp"]
    beside = pathlib.Path(default_binary("troupe")).resolve().parents[1]
    ran = subprocess.run([beside / "troupe-bench/troupe-bench", *load, "--messages", str(messages),
                          "--warm-up", "0", "--broker", f"{host}:{port}", "--json", "-",
                          "--quiet"], capture_output=True, text=True, timeout=120)
    node.stop(60)
    assert ran.returncode == 0, ran.stderr + ran.stdout
    total = sum(int(n) for n in re.findall(r"^(?:summary|totals): (\d+)", out.read_text(), re.M)[:1])
    assert total > 0, "callgrind counted nothing"
    return total, json.loads(ran.stdout)["messages"]["received"]


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
@pytest.mark.skipif(not on_debian_12(), reason="the counts are those of Debian 12's compiler")
@pytest.mark.parametrize("name", LOADS)
def test_instructions_per_message(tmp_path, name):
    load, messages = LOADS[name]
    few, delivered_few = counted(tmp_path / "few", load, messages)
    many, delivered_many = counted(tmp_path / "many", load, 3 * messages)
    cost = (many - few) / (delivered_many - delivered_few)
    print(f"{name}: {cost:.0f} instructions a message")
    recorded = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    if os.environ.get("TROUPE_RECORD"):
        recorded[name] = round(cost)
        RECORD.write_text(json.dumps(dict(sorted(recorded.items())), indent=2) + "\n")
        return
    assert abs(cost / recorded[name] - 1) <= RANGE, (
        f"{name} costs {cost:.0f} instructions a message, {recorded[name]} are recorded")
