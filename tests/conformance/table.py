#!/usr/bin/env python3
"""The table of normative statements and the tests that hold them.

    tests/conformance/table.py            prints it
    tests/conformance/table.py --write    writes STATEMENTS.md

Tests are read, not imported: every test_ function with a @statement decorator
of literal arguments counts.
"""

import argparse
import ast
import pathlib
import sys
from collections import defaultdict

FOLDER = pathlib.Path(__file__).resolve().parent
TABLE = FOLDER / "STATEMENTS.md"
VERSIONS = {"5.0": "statements_5_0.txt", "3.1.1": "statements_3_1_1.txt"}
PREFIXES = {"5.0": "test_MQTT_", "3.1.1": "test_MQTT311_"}



def statements(version):
    """{number: (text, reason for having no test or "")}, in the order of the file."""
    found = {}
    for line in (FOLDER / VERSIONS[version]).read_text().splitlines():
        if line and not line.startswith("#"):
            number, text, reason = (part.strip() for part in line.split("|"))
            found[number] = (text, reason)
    return found


def _numbers(function):
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "statement":
            values = [ast.literal_eval(argument) for argument in decorator.args]
            yield values[:-1], values[-1]


def tests():
    """{(version, number): [(file, test name)]} of every script below this folder."""
    found = defaultdict(list)
    for path in sorted(FOLDER.rglob("test_*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for numbers, version in _numbers(node):
                    for number in numbers:
                        found[version, number].append((path.relative_to(FOLDER), node.name))
    return found


def _wrong_names(found):
    """Tests that are named after a statement which they do not hold."""
    held = defaultdict(set)
    for (version, number), holders in found.items():
        for file, test in holders:
            held[file, test, version].add(number)
    for (file, test, version), numbers in sorted(held.items()):
        named = [PREFIXES[version] + n.removeprefix("MQTT-").replace(".", "_").replace("-", "_")
                 for n in numbers]
        if not any(test.startswith(name + "_") for name in named):
            yield f"{file}: {test} is not named after {', '.join(sorted(numbers))}"


def problems():
    """Sentences about statements and tests that do not fit together."""
    found = tests()
    for version in VERSIONS:
        known = statements(version)
        for number, (_, reason) in known.items():
            held = bool(found.get((version, number)))
            if not held and not reason:
                yield f"{number} of {version} has neither a test nor a reason for having none"
            if held and reason:
                yield f"{number} of {version} has a test and a reason for having none"
        for of, number in found:
            if of == version and number not in known:
                yield f"{number} of {version} is named by {found[of, number][0][1]} but unknown"
    yield from _wrong_names(found)


def table():
    """The whole of STATEMENTS.md."""
    found = tests()
    lines = ["# Normative statements and the tests that hold them", "",
             "Written by `tests/conformance/table.py --write`; a test checks that it is current.",
             "The statements are given in short; appendix B of the specifications has their text."]
    for version in VERSIONS:
        known = statements(version)
        held = sum(1 for number in known if found.get((version, number)))
        lines += ["", f"## MQTT {version}", "",
                  f"{len(known)} statements, {held} held by tests, {len(known) - held} that no "
                  "test of a broker can hold.", "",
                  "| Statement | In short | Tests, or why there is none |", "| --- | --- | --- |"]
        for number, (text, reason) in known.items():
            holders = found.get((version, number), [])
            shown = "<br>".join(f"`{file}` `{test}`" for file, test in holders) or f"*{reason}*"
            lines.append(f"| {number} | {text} | {shown} |")
    return "\n".join(lines) + "\n"


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--write", action="store_true", help="write STATEMENTS.md")
    wrong = list(problems())
    if arguments.parse_args().write:
        TABLE.write_text(table())
    else:
        print(table(), end="")
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
