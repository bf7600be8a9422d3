"""Which broker programs there are on this machine, and what they call themselves."""

import dataclasses
import os
import pathlib
import re
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
# How a program is asked for its version, and what the answer looks like. Some leave with
# another status than 0 when they are asked.
ASKED = {
    "troupe": (["--version"], r"(\d+\.\d+\S*)"),
    "mosquitto": (["-h"], r"mosquitto version (\S+)"),
    "flashmq": (["--version"], r"FlashMQ Version (\S+)"),
    "nanomq": (["--version"], r"v?(\d+\.\d+\.\d+\S*)"),
    "mqtt-relay": (["--version"], r"mqtt-relay (\S+)"),
}
# Administrators' folders are not on everybody's PATH.
MORE_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/local/bin")


@dataclasses.dataclass(frozen=True)
class Program:
    kind: str  # a key of ASKED, which is also a key of adapters.ADAPTERS
    label: str
    path: str
    version: str


class NotUsable(ValueError):
    """A broker was named that cannot take part; the text says why."""


def version_of(kind, path):
    """What the program says of itself, or "unknown"."""
    arguments, pattern = ASKED[kind]
    try:
        said = subprocess.run([path, *arguments], capture_output=True, text=True, timeout=10,
                              stdin=subprocess.DEVNULL, check=False)
    except (OSError, subprocess.TimeoutExpired) as why:
        raise NotUsable(f"{path} cannot be asked for its version: {why}") from None
    found = re.search(pattern, said.stdout + said.stderr)
    return found[1] if found else "unknown"


def kind_of(name, path):
    """The first kind of broker that is part of the file's name, or else of the given name."""
    for text in (pathlib.Path(path).name, pathlib.Path(path).resolve().name, name):
        for kind in ASKED:
            if kind in text.lower():
                return kind
    raise NotUsable(f"'{name}' is none of the brokers that can be configured: "
                    f"{', '.join(ASKED)}")


def program_at(name, path):
    """`name` is what the reports call it; the version is added unless it is there already."""
    if not os.access(path, os.X_OK) or os.path.isdir(path):
        raise NotUsable(f"there is no program {path}")
    kind = kind_of(name, path)
    version = version_of(kind, path)
    label = name if version in name or version == "unknown" else f"{name} {version}"
    return Program(kind, label, str(pathlib.Path(path).absolute()), version)


def named(text):
    """The program of `--broker NAME=PATH`."""
    name, equals, path = text.partition("=")
    if not name or not equals or not path:
        raise NotUsable(f"'{text}' is not NAME=PATH")
    return program_at(name, path)


def on_the_path(kind):
    """Paths of programs of that name, each file once."""
    seen = {}
    for folder in [*os.environ.get("PATH", "").split(os.pathsep), *MORE_FOLDERS]:
        path = shutil.which(kind, path=folder) if folder else None
        if path:
            seen.setdefault(os.path.realpath(path), path)
    return list(seen.values())


def found(troupe, further=(), peers=True):
    """All brokers that take part: Troupe first, then those given, then those found.

    `troupe` is a path, `further` holds NAME=PATH. A file that was named is not found again.
    """
    programs = [program_at("troupe", troupe)]
    programs += [named(each) for each in further]
    known = {os.path.realpath(each.path) for each in programs}
    for kind in ASKED if peers else ():
        if kind == "troupe":
            continue
        programs += [program_at(kind, path) for path in on_the_path(kind)
                     if os.path.realpath(path) not in known]
    labels = [each.label for each in programs]
    for label in labels:
        if labels.count(label) > 1:
            raise NotUsable(f"two brokers are called '{label}'; name one by --broker NAME=PATH")
    return programs
