"""Runs troupe-bench against one broker and reads what it found."""

import dataclasses
import json
import subprocess

from .process import pinned

KINDS_OF_FAULTS = ("lost", "duplicated", "reordered", "foreign", "corrupted")
KEPT = 0.98  # share of the wanted rate that must have been reached
SLACK = 30  # seconds that connecting and waiting for the last messages may add to a run


@dataclasses.dataclass(frozen=True)
class Length:
    """How long timed loads last."""

    seconds: float
    warm_up: float

    def typical(self, case):
        return self.seconds + self.warm_up + 0.5 if case.timed else case.typical

    def limit(self, case):
        """Seconds after which a run is given up."""
        return SLACK + 3 * self.typical(case)


def command_of(bench, case, running, length, json_path):
    command = [str(bench), *case.arguments, "--broker", f"127.0.0.1:{running.port}", "--pid",
               str(running.pid), "--json", str(json_path), "--quiet"]
    if case.timed:
        command += ["--time", f"{length.seconds:g}", "--warm-up", f"{length.warm_up:g}"]
    if case.tls:
        command += ["--tls", "--ca", str(running.certificate[0])]
    return command


def load(bench, case, running, length, cores=""):
    """(result, failure): the JSON of a run, or None and a sentence."""
    json_path = running.folder / "result.json"
    command = pinned(command_of(bench, case, running, length, json_path), cores)
    limit = length.limit(case)
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False,
                             stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return None, f"no result within {limit:.0f} s"
    if not json_path.exists():
        said = (ran.stderr or ran.stdout).strip().splitlines()
        return None, said[-1] if said else f"troupe-bench ended with {ran.returncode}"
    result = json.loads(json_path.read_text())
    if not running.alive():
        return result, f"the broker ended with {running.process.returncode}"
    return result, ""


def phase_of(result, name):
    """The phase of that name, the first for the empty name, or None."""
    phases = result.get("phases", [])
    return next((each for each in phases if not name or each["name"] == name), None)


def value_of(measure, result):
    """The figure, or None where the result does not hold it or it says nothing."""
    if measure.field == "bytes_per_connection":
        memory = result.get("memory", {})
        clients = memory.get("clients", 0)
        return (memory["with_clients"] - memory["before"]) / clients if clients else None
    table, _, key = measure.field.partition(".")
    if table == "latency_us":
        return result.get("latency_us", {}).get(key)
    phase = phase_of(result, measure.phase)
    return (phase or {}).get(measure.field) or None


def faults_of(case, result, failure):
    """What keeps a run from counting, as short phrases; empty: nothing."""
    found = [failure] if failure else []
    if result is None:
        return found
    messages = result.get("messages", {})
    found += [f"{messages[kind]:,} {kind}" for kind in KINDS_OF_FAULTS if messages.get(kind)]
    if not found and result.get("failure"):
        found.append(result["failure"])
    phase = phase_of(result, "exchange")
    if case.rate and phase and phase["per_second"] < KEPT * case.rate:
        found.append(f"only {phase['per_second']:,.0f} of {case.rate:,.0f}/s")
    if not found and not result.get("ok", True):
        found.append("not ok")
    return found


def others_of(result, measure=None):
    """Per cent of a core that other processes used, in the measure's phase or the busiest."""
    phases = result.get("phases", [])
    one = phase_of(result, measure.phase) if measure and measure.phase else None
    shares = [each.get("others_percent", 0) for each in ([one] if one else phases)]
    return max(shares, default=0)
