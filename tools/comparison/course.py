"""The course of a comparison: who runs what in which order, within the time there is."""

import dataclasses
import os
import resource
import sys
import time

from . import bench
from .contenders import contenders_of, rotated
from .figures import number
from .process import NotStarted, Running

BETWEEN = 1.0  # seconds that starting, connecting and stopping take besides a load


@dataclasses.dataclass(frozen=True)
class Plan:
    programs: list
    cases: list
    bench: str
    length: bench.Length
    rounds: int
    loops: int
    broker_cores: str
    tool_cores: str
    seconds_in_all: float
    folder: str | None = None
    certificate: tuple | None = None


def cores_for(case, plan):
    """(broker's, tool's). Variants by run loops all get as many cores as the largest needs."""
    if not case.loops or not plan.broker_cores:
        return plan.broker_cores, plan.tool_cores
    wanted, given = max(case.loops), plan.broker_cores
    allowed = sorted(os.sched_getaffinity(0))
    if len(expanded(given)) >= wanted or len(allowed) < wanted:
        return given, plan.tool_cores
    more = [core for core in allowed if core not in expanded(given)]
    # The tool's own cores last.
    more.sort(key=lambda core: core in expanded(plan.tool_cores))
    cores = expanded(given) + more[:wanted - len(expanded(given))]
    return ",".join(map(str, sorted(cores))), plan.tool_cores


def expanded(cores):
    """The numbers of a list as taskset takes it: "0,2-3"."""
    out = []
    for part in filter(None, cores.split(",")):
        first, _, last = part.partition("-")
        out += range(int(first), int(last or first) + 1)
    return out


def allow_many_files():
    """As many connections as the system lets a process have."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class Course:
    """Runs a plan; `data` holds all that a report needs, whenever it is asked for."""

    def __init__(self, plan, say=lambda text: print(text, file=sys.stderr, flush=True)):
        self.plan, self.say = plan, say
        self.data = {"cases": [], "configurations": [], "runs": [], "left_out": []}
        self.done = 0
        self.steps = [(case, contenders_of(case, plan.programs, plan.loops))
                      for case in plan.cases]
        self.total = sum(len(each) for _, each in self.steps) * plan.rounds
        self.began = time.monotonic()

    def estimate(self):
        """Seconds of all runs, if nothing goes wrong."""
        return sum((self.plan.length.typical(case) + BETWEEN) * len(each)
                   for case, each in self.steps) * self.plan.rounds

    def run(self):
        for case, contenders in self.steps:
            self.data["cases"].append({"id": case.id,
                                       "contenders": [each.label for each in contenders],
                                       "cores": cores_for(case, self.plan)})
            for number_of_round in range(self.plan.rounds):
                for contender in rotated(contenders, number_of_round):
                    self._step(case, contender, number_of_round)

    def _step(self, case, contender, number_of_round):
        if time.monotonic() - self.began > self.plan.seconds_in_all:
            self.data["left_out"].append([case.id, contender.label, number_of_round])
            return
        run = {"case": case.id, "contender": contender.label, "round": number_of_round,
               "log_bytes": 0, "last_words": ""}
        result, failure = self._load(case, contender, run)
        self.data["runs"].append({**run, "failure": failure, "result": result})
        self.done += 1
        self.say(f"[{self.done}/{self.total}, {(time.monotonic() - self.began) / 60:.1f} min] "
                 f"{case.id}, round {number_of_round + 1}, {contender.label}: "
                 f"{self._outcome(case, result, failure)}")

    def _load(self, case, contender, run):
        broker_cores, tool_cores = cores_for(case, self.plan)
        try:
            with Running(contender.adapter, contender.setup, broker_cores, self.plan.certificate,
                         self.plan.folder) as running:
                self._keep_configuration(case, contender, running.configuration)
                out = bench.load(self.plan.bench, case, running, self.plan.length, tool_cores)
                run["log_bytes"], run["last_words"] = running.log_bytes(), running.last_words()
                return out
        except NotStarted as why:
            return None, f"did not start: {why}"

    def _keep_configuration(self, case, contender, text):
        kept = self.data["configurations"]
        mine = next((each for each in kept if each["text"] == text
                     and each["program"] == contender.adapter.program.label), None)
        if mine is None:
            mine = {"program": contender.adapter.program.label, "text": text,
                    "survives": contender.adapter.survives(contender.setup), "for": []}
            kept.append(mine)
        use = [contender.label, case.group]
        if use not in mine["for"]:
            mine["for"].append(use)

    @staticmethod
    def _outcome(case, result, failure):
        faults = bench.faults_of(case, result, failure)
        measure = case.measures[0]
        value = bench.value_of(measure, result) if result is not None else None
        told = [f"{number(value)} {measure.table.lower()}"] if value else []
        if result is not None:
            told.append(f"others {bench.others_of(result):.0f} % of a core")
        return "; ".join(told + [each.upper() for each in faults])
