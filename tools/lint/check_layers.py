#!/usr/bin/env python3
"""Checks what the layout promises and compilers do not see.

- A layer includes only the layers before it.
- CAF stays in actors, tools and tests; RocksDB in storage; sockets of the
  protocol layer in protocol/net.
- Files and folders keep a size that is pleasant to read.
- Nothing new appears at the top level unasked.

Usage: check_layers.py [repository root]; prints each violation and ends with 1 if there is any.
"""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

LAYERS = ["protocol", "storage", "cluster", "actors", "tools"]
TOP_LEVEL = {"CMakeLists.txt", "CMakePresets.json", "LICENSE", "README.md", "tests", *LAYERS}
SOURCES = {".cpp", ".hpp", ".h", ".cc"}
COUNTED = SOURCES | {".py", ".proto", ".cmake", ".sh", ".js", ".mjs"}
MOST_LINES = 600
MOST_FILES = 25

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')
SOCKETS = re.compile(r"^(boost/(asio|beast)|sys/socket\.h|netinet/|arpa/|sys/un\.h|sys/epoll\.h)")


def files_of(root):
    """What git tracks, plus what it would add; everything outside a checkout (a source archive)."""
    listing = subprocess.run(
        ["git", "-c", f"safe.directory={root}", "-C", str(root), "ls-files", "-z",
         "--cached", "--others", "--exclude-standard"],
        capture_output=True, check=False)
    if listing.returncode == 0:
        names = [name for name in listing.stdout.decode().split("\0") if name]
        return sorted(Path(name) for name in set(names) if (root / name).is_file())
    return sorted(path.relative_to(root) for path in root.rglob("*")
                  if path.is_file() and "build" not in path.relative_to(root).parts)


def forbidden_include(path, kind, target):
    """Why the file may not include the target, or None."""
    layer = path.parts[0]
    first = target.split("/")[0]
    if kind == '"' and first in LAYERS and layer in LAYERS:
        if LAYERS.index(first) > LAYERS.index(layer):
            return f"{layer}/ comes before {first}/ and must not include it"
    if kind == '"' and first == "tests" and layer != "tests":
        return "tests/ is included by tests only"
    if first == "caf" and layer not in ("actors", "tools", "tests"):
        return "CAF belongs to actors/ and tools/"
    if first == "rocksdb" and layer not in ("storage", "tests"):
        return "RocksDB belongs to storage/"
    in_net = path.parts[:2] == ("protocol", "net")
    if layer == "protocol" and not in_net and SOCKETS.match(target):
        return "sockets of the protocol layer belong to protocol/net/"
    if layer in ("storage", "cluster") and SOCKETS.match(target):
        return f"{layer}/ has no sockets"
    return None


def check_file(root, path, complain):
    text = (root / path).read_text(encoding="utf-8", errors="replace")
    lines = text.splitlines()
    if len(lines) > MOST_LINES:
        complain(f"{path}: {len(lines)} lines, at most {MOST_LINES} are readable")
    if path.suffix not in SOURCES:
        return
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        reason = match and forbidden_include(path, match.group(1), match.group(2))
        if reason:
            complain(f"{path}:{number}: includes {match.group(2)}: {reason}")
    if path.suffix in (".hpp", ".h") and "#pragma once" not in text:
        complain(f"{path}: a header begins with #pragma once")


def check(root):
    violations = []
    files = files_of(root)
    for entry in sorted({path.parts[0] for path in files}):
        if not entry.startswith(".") and entry not in TOP_LEVEL:
            violations.append(f"{entry}: nothing but {', '.join(sorted(TOP_LEVEL))} and dot-files "
                              "belongs at the top level")
    folders = Counter(path.parent for path in files if len(path.parts) > 1)
    for folder, count in sorted(folders.items()):
        if count > MOST_FILES:
            violations.append(f"{folder}: {count} files, a folder has at most {MOST_FILES}")
    for path in files:
        if path.suffix in COUNTED and "node_modules" not in path.parts:
            check_file(root, path, violations.append)
    return violations, len(files)


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2]).resolve()
    violations, count = check(root)
    for each in violations:
        print(each)
    print(f"layers: {count} files, {len(violations)} violations")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
