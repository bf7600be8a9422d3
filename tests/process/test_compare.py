"""tools/compare: what it reads off troupe-bench and writes, and one short run of it."""

import json
import pathlib
import subprocess
import sys

import pytest
from process.test_bench import bench_binary
from wire.broker import default_binary
from wire.node import ROOT

sys.path.insert(0, str(ROOT / "tools"))

from comparison import adapters, bench, brokers, cases, contenders, course, figures, report  # noqa: E402

PAIRS = next(case for case in cases.all_cases() if case.id == "bulk/pairs-1")
SPARSE = next(case for case in cases.all_cases() if case.id == "sparse/pairs-1")


def result(per_cpu_second=100_000.0, per_second=50_000.0, others=3.0, **messages):
    counts = {kind: messages.get(kind, 0) for kind in bench.KINDS_OF_FAULTS}
    return {"ok": not any(counts.values()), "messages": counts,
            "latency_us": {"p50": 40.0, "p99": 900.0, "p99.9": 2000.0},
            "phases": [{"name": "exchange", "per_cpu_second": per_cpu_second,
                        "per_second": per_second, "others_percent": others}]}


def run(contender, number, of, case=PAIRS, failure="", log_bytes=0):
    return {"case": case.id, "contender": contender, "round": number, "failure": failure,
            "log_bytes": log_bytes, "last_words": "a warning", "result": of}


def data_of(runs, case=PAIRS, left_out=()):
    labels = list(dict.fromkeys(each["contender"] for each in runs))
    return {"quick": False,
            "machine": {"date": "2026-01-01 00:00 UTC", "processor": "one", "cores": 2,
                        "memory_bytes": 1 << 30, "system": "Linux", "load": 0, "folder": "/tmp",
                        "file_system": "ext4", "commit": ""},
            "options": {"rounds": 3, "seconds": 3.0, "warm_up": 1.0, "loops": 1,
                        "broker_cores": "1", "tool_cores": "0", "bench": "b"},
            "programs": [{"label": each, "version": "1", "path": "/" + each} for each in labels],
            "cases": [{"id": case.id, "contenders": labels, "cores": ["1", "0"]}],
            "configurations": [{"program": labels[0], "text": "key = 1\n", "survives": "nothing",
                                "for": [[labels[0], case.group]]}],
            "runs": runs, "left_out": list(left_out)}


def written(data):
    return report.markdown(data, cases.all_cases())


# figures

def test_a_cell_is_the_median_and_the_spread():
    runs = [run("a", i, result(value)) for i, value in enumerate((300_000.0, 100_000.0, 120_000.0))]
    cell = figures.cell_of(PAIRS, PAIRS.measures[0], runs)
    assert figures.text_of(cell) == "120 k (100 k..300 k)"


def test_runs_with_faults_do_not_count_and_are_told():
    runs = [run("a", 0, result()), run("a", 1, result(900_000.0, lost=12, reordered=1)),
            run("a", 2, None, failure="did not start: port")]
    cell = figures.cell_of(PAIRS, PAIRS.measures[0], runs)
    assert cell.values == [100_000.0]
    text = figures.text_of(cell)
    assert text.startswith("100 k; ")
    assert "1 of 3: 12 lost, 1 reordered" in text and "1 of 3: did not start: port" in text


def test_a_rate_that_was_not_kept_is_a_fault():
    assert bench.faults_of(SPARSE, result(per_second=19_900.0), "") == []
    assert bench.faults_of(SPARSE, result(per_second=15_000.0), "") == ["only 15,000 of 20,000/s"]


@pytest.mark.parametrize("value,text", [(1_234_567, "1.23 M"), (999_600, "1.00 M"), (45_678, "45.7 k"),
                                        (812.4, "812"), (9.996, "10.0"), (2.5, "2.50"), (0.052, "0.052")])
def test_numbers_have_three_digits(value, text):
    assert figures.number(value) == text


def test_bytes_of_idle_connections():
    measure = cases.Measure("Bytes", "bytes_per_connection")
    memory = {"before": 1000, "peak": 9000, "with_clients": 6000, "clients": 10}
    assert bench.value_of(measure, {"memory": memory}) == 500
    assert bench.value_of(measure, {"memory": {"before": 1, "peak": 2}}) is None


def test_figures_of_several_phases():
    case = next(case for case in cases.all_cases() if case.group == "offline")
    told = {"ok": True, "messages": {"lost": 0},
            "phases": [{"name": "store", "per_cpu_second": 10.0, "per_second": 20.0, "others_percent": 1},
                       {"name": "drain", "per_cpu_second": 30.0, "per_second": 40.0, "others_percent": 9}]}
    assert [bench.value_of(measure, told) for measure in case.measures] == [10.0, 30.0, 20.0, 40.0]
    assert [measure.row for measure in case.measures] == ["store", "drain", "store", "drain"]
    assert bench.others_of(told, case.measures[0]) == 1 and bench.others_of(told) == 9
    text = written(data_of([run("troupe 1", 0, told, case)], case))
    assert "1,000 messages each, QoS 1, drain | 30.0 |" in text


# who and what

def test_another_begins_each_round():
    assert [contenders.rotated(list("abc"), i)[0] for i in range(4)] == ["a", "b", "c", "a"]


def test_variants_and_loops():
    programs = [brokers.Program("troupe", "troupe 1", "/t", "1"),
                brokers.Program("mosquitto", "mosquitto 2.0.11", "/m", "2.0.11"),
                brokers.Program("flashmq", "flashmq 1", "/f", "1")]
    assert [each.label for each in contenders.contenders_of(PAIRS, programs, 1)] == [
        "troupe 1", "troupe 1 (wide)", "mosquitto 2.0.11", "mosquitto 2.0.11 (delay)", "flashmq 1",
        "flashmq 1 (delay)"]
    loops = next(case for case in cases.all_cases() if case.group == "loops")
    assert [(each.label, each.setup.loops) for each in contenders.contenders_of(loops, programs, 1)] == [
        ("troupe 1, 1 loop", 1), ("troupe 1, 2 loops", 2), ("mosquitto 2.0.11, 1 loop", 1),
        ("flashmq 1, 1 loop", 1), ("flashmq 1, 2 loops", 2)]


def test_kinds_are_told_by_the_name_of_the_file():
    assert brokers.kind_of("before", "/opt/mosquitto-2.1.2") == "mosquitto"
    assert brokers.kind_of("flashmq-new", "/opt/program") == "flashmq"
    with pytest.raises(brokers.NotUsable):
        brokers.kind_of("rabbit", "/opt/program")


def test_loads_are_chosen_by_group_or_beginning():
    every = cases.all_cases()
    assert len({case.id for case in every}) == len(every)
    assert {case.group for case in every} == set(cases.GROUPS)
    assert [case.id for case in cases.chosen(every, ["bulk/pairs", "sparse"])] == [
        "bulk/pairs-0", "bulk/pairs-1", "bulk/pairs-2", "sparse/pairs-1"]
    with pytest.raises(ValueError, match="no load 'nothing'"):
        cases.chosen(every, ["nothing"])


def test_cores_of_a_list():
    assert course.expanded("0,2-4") == [0, 2, 3, 4]
    assert course.expanded("") == []


@pytest.mark.parametrize("kind", sorted(set(adapters.ADAPTERS) - {"mqtt-relay"}))
def test_a_configuration_names_its_port_and_certificate(kind, tmp_path):
    adapter = adapters.adapter_of(brokers.Program(kind, kind, f"/{kind}", "2.1.2"))
    place = adapters.Place(tmp_path, 23456, tmp_path / "c.pem", tmp_path / "k.pem")
    text = adapter.configuration(adapters.Setup(tls=True), place)
    assert "23456" in text and "c.pem" in text and "k.pem" in text
    assert "c.pem" not in adapter.configuration(adapters.Setup(), place)


def test_the_floor_is_told_its_port_and_nothing_else(tmp_path):
    program = brokers.Program("mqtt-relay", "floor", "/build/mqtt-relay", "1")
    adapter = adapters.adapter_of(program)
    file = tmp_path / "configuration"
    file.write_text(adapter.configuration(adapters.Setup(), adapters.Place(tmp_path, 23456)))
    assert adapter.command(file) == ["/build/mqtt-relay", "23456"]
    assert brokers.kind_of("floor", "/build/mqtt-relay") == "mqtt-relay"


# the document

def test_the_document_holds_medians_ratios_and_settings():
    runs = [run(name, i, result(value)) for i in range(3)
            for name, value in (("troupe 1", 300_000.0), ("peer 2", 200_000.0))]
    text = written(data_of(runs))
    assert "| 200 pairs, QoS 1 | 300 k (300 k..300 k) | 200 k (200 k..200 k) | 3 % (3 %) |" in text
    assert "| troupe 1 / ... | peer 2 |" in text and "| 200 pairs, QoS 1 | 1.50 |" in text
    assert "key = 1" in text and "survives nothing" in text
    assert "Left out" not in text


def test_the_document_tells_what_was_left_out_and_who_disturbed():
    runs = [run("troupe 1", 0, result(others=90.0)),
            run("peer 2", 0, None, failure="no result", log_bytes=1 << 20)]
    text = written(data_of(runs, left_out=[["bulk/pairs-1", "peer 2", 1]]))
    assert "above 25 % in 1 of 1 runs" in text
    assert "bulk/pairs-1 (1 runs)" in text
    assert "**1 of 1: no result**" in text
    assert "| peer 2 | bulk/pairs-1 | 1024 KiB | a warning |" in text


# the whole of it

def compare(*arguments):
    return subprocess.run([ROOT / "tools/compare", *arguments], capture_output=True, text=True,
                          timeout=60)


def test_a_short_run(tmp_path):
    """Two loads, each by itself; then both results in one document."""
    files = []
    floor = pathlib.Path(default_binary("troupe")).parents[1] / "comparison/mqtt-relay"
    for load in ("bulk/pairs-1", "large"):
        document, data = tmp_path / f"{len(files)}.md", tmp_path / f"{len(files)}.json"
        files.append(data)
        ran = compare("--troupe", default_binary("troupe"), "--bench", bench_binary(), "--no-peers",
                      "--broker", f"floor={floor}", "--only", load, "--quick", "--seconds", "0.3", "--warm-up", "0.1",
                      "--broker-cores", "", "--tool-cores", "", "--folder", tmp_path,
                      "--output", document, "--json", data)
        assert ran.returncode == 0, ran.stderr
        for each in json.loads(data.read_text())["runs"]:
            messages = each["result"]["messages"]
            assert messages["received"] > 0 and messages["lost"] == 0
        assert "pairs, QoS 1" in document.read_text() and "floor 1" in document.read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.json", "0.md", "1.json", "1.md"]
    both = compare("--render", *files, "--output", "-")
    assert both.returncode == 0, both.stderr
    assert "## Bulk" in both.stdout and "## Large" in both.stdout


@pytest.mark.parametrize("wrong", [["--only", "nothing"], ["--broker", "rabbit"], ["--rounds", "0"],
                                   ["--troupe", "/nowhere"], ["--broker-cores", "a-b"]])
def test_usage_errors_are_sentences(wrong):
    ran = compare("--troupe", default_binary("troupe"), "--bench", bench_binary(), "--no-peers", "--list",
                  *wrong)
    assert ran.returncode == 2
    assert ran.stderr.startswith("compare: ") and "Traceback" not in ran.stderr
