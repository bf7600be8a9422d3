"""tools/compare: finds brokers, runs loads against them in turns, writes what came out."""

import argparse
import json
import os
import pathlib
import shutil
import signal
import sys
import tempfile

from . import brokers, cases, machine, report
from .bench import Length
from .course import Course, Plan, allow_many_files, expanded
from .process import make_certificate

RELEASE = brokers.ROOT / "build/release/tools"
HERE = pathlib.Path(__file__).resolve().parent
USAGE_ERROR = 2
EXAMPLES = """examples:
  tools/compare                                       everything, against all that is installed
  tools/compare --quick --only bulk/pairs,sparse      a first look
  tools/compare --broker mosquitto=/opt/mosquitto/sbin/mosquitto --broker before=/tmp/troupe
  tools/compare --render monday.json tuesday.json     one document of several runs
"""


def parser():
    p = argparse.ArgumentParser(
        prog="compare", description="Compares Troupe with other MQTT brokers, side by side.",
        epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--troupe", metavar="PATH", help="its program (build/release)")
    p.add_argument("--bench", metavar="PATH", help="troupe-bench (build/release)")
    p.add_argument("--broker", metavar="NAME=PATH", action="append", default=[],
                   help="a further broker: troupe, mosquitto, flashmq or nanomq; repeated")
    p.add_argument("--no-peers", action="store_true", help="do not look for installed brokers")
    p.add_argument("--only", metavar="LOAD[,...]", type=lambda text: text.split(","),
                   help=f"of {', '.join(cases.GROUPS)}, or the beginning of one like bulk/pairs")
    p.add_argument("--list", action="store_true", help="tell brokers and loads and leave")
    p.add_argument("--rounds", type=int, help="runs of each broker and load (5)")
    p.add_argument("--seconds", type=float, help="measured in each run (3)")
    p.add_argument("--warm-up", type=float, help="seconds before (1)")
    p.add_argument("--quick", action="store_true", help="1 round of 1 second, small numbers")
    p.add_argument("--minutes", type=float, default=120, help="of all runs at most (120)")
    p.add_argument("--loops", type=int, default=1, help="threads of a broker (1)")
    broker_core, tool_core = machine.usual_cores()
    p.add_argument("--broker-cores", metavar="LIST", default=broker_core,
                   help=f"as taskset takes them, empty: any ({broker_core or 'any'})")
    p.add_argument("--tool-cores", metavar="LIST", default=tool_core,
                   help=f"the same for troupe-bench ({tool_core or 'any'})")
    p.add_argument("--folder", metavar="DIR", help="where the brokers' data go (temporary files)")
    p.add_argument("--output", metavar="FILE", default=str(HERE / "RESULTS.md"),
                   help="the document, - for standard output (tools/comparison/RESULTS.md)")
    p.add_argument("--json", metavar="FILE", help="every run, for machines and --render")
    p.add_argument("--render", metavar="FILE", nargs="+", help="run nothing, write the document "
                   "of earlier --json files")
    return p


def complete(given):
    """Fills in what depends on other options."""
    usual = {"rounds": 1, "seconds": 1.0, "warm_up": 0.5} if given.quick else \
            {"rounds": 5, "seconds": 3.0, "warm_up": 1.0}
    for name, value in usual.items():
        if getattr(given, name) is None:
            setattr(given, name, value)
    given.troupe = given.troupe or str(RELEASE / "troupe/troupe")
    given.folder = given.folder and str(pathlib.Path(given.folder).resolve())
    given.bench = given.bench or str(RELEASE / "troupe-bench/troupe-bench")
    if given.rounds < 1 or given.seconds <= 0 or given.warm_up < 0 or given.loops < 1:
        raise ValueError("--rounds, --seconds and --loops are above 0")
    for cores in (given.broker_cores, given.tool_cores):
        try:
            expanded(cores)
        except ValueError:
            raise ValueError(f"'{cores}' is not a list of cores") from None
    if not os.access(given.bench, os.X_OK):
        raise ValueError(f"there is no {given.bench}; build it (cmake --preset release, "
                         "cmake --build --preset release) or give --bench")
    if (given.broker_cores or given.tool_cores) and not shutil.which("taskset"):
        raise ValueError("taskset is not there; give --broker-cores '' --tool-cores ''")


def head_of(given, programs):
    return {"quick": given.quick, "machine": machine.describe(given.folder),
            "options": {name: getattr(given, name) for name in
                        ("rounds", "seconds", "warm_up", "loops", "broker_cores", "tool_cores",
                         "bench")},
            "programs": [{"label": each.label, "version": each.version, "path": each.path}
                         for each in programs]}


def merged(files):
    """The data of several runs of this program as if it were one; the first one's head."""
    data = [json.loads(pathlib.Path(each).read_text()) for each in files]
    out = data[0]
    for each in data[1:]:
        if each["quick"] != out["quick"] or each["options"] != out["options"]:
            raise ValueError("these files are of runs with other options")
        known = {case["id"] for case in out["cases"]}
        if known & {case["id"] for case in each["cases"]}:
            raise ValueError("two of these files hold the same load")
        for key in ("cases", "configurations", "runs", "left_out"):
            out[key] += each[key]
        out["programs"] += [p for p in each["programs"] if p not in out["programs"]]
    return out


def write(given, data):
    text = report.markdown(data, cases.all_cases(data["quick"]))
    if given.output == "-":
        print(text, end="")
    else:
        pathlib.Path(given.output).write_text(text)
        print(f"written: {given.output}", file=sys.stderr)
    if given.json:
        pathlib.Path(given.json).write_text(json.dumps(data, indent=1))


def compare(given, programs, loads):
    """Runs the loads; what there is is written even when it is cut short."""
    allow_many_files()
    with tempfile.TemporaryDirectory(prefix="compare-") as folder:
        certificate = make_certificate(folder) if any(case.tls for case in loads) else None
        course = Course(Plan(programs, loads, given.bench, Length(given.seconds, given.warm_up),
                             given.rounds, given.loops, given.broker_cores, given.tool_cores,
                             given.minutes * 60, given.folder, certificate))
        course.say(f"{len(programs)} brokers, {len(loads)} loads, {course.total} runs, about "
                   f"{course.estimate() / 60:.0f} minutes (at most {given.minutes:g})")
        stopped = False
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends the broker as well
        try:
            course.run()
        except KeyboardInterrupt:
            stopped = True
            course.say("interrupted; what was measured is written")
        data = {**head_of(given, programs), **course.data}
        write(given, data)
        print(report.short(data, loads), file=sys.stderr)
        bad = sum(bool(run["failure"]) for run in data["runs"])
        return 130 if stopped else int(bad > 0)


def main(arguments=None):
    """Exit status: 0 all ran, 1 a run failed, 2 usage."""
    p = parser()
    given = p.parse_args(arguments)
    try:
        if given.render:
            write(given, merged(given.render))
            return 0
        complete(given)
        programs = brokers.found(given.troupe, given.broker, not given.no_peers)
        loads = cases.chosen(cases.all_cases(given.quick), given.only)
    except ValueError as wrong:
        print(f"{p.prog}: {wrong}", file=sys.stderr)
        return USAGE_ERROR
    for each in programs:
        print(f"{each.label}: {each.path}", file=sys.stderr)
    if given.list:
        print("\n".join(f"{case.id}: {case.title}" for case in loads))
        return 0
    return compare(given, programs, loads)
