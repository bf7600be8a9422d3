"""What the machine is, for the head of a report."""

import datetime
import os
import pathlib
import platform
import subprocess
import tempfile

from .brokers import ROOT


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def memory_bytes():
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def file_system(folder):
    """Kind of the file system that holds a folder, by the longest mount point."""
    found = ("", "unknown")
    for line in pathlib.Path("/proc/mounts").read_text().splitlines():
        _, point, kind, *_ = line.split()
        inside = os.path.commonpath([point, os.path.realpath(folder)]) == point
        if inside and len(point) >= len(found[0]):
            found = (point, kind)
    return found[1]


def commit():
    """The checkout that this program is of; empty outside git."""
    ran = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=10"],
                         capture_output=True, text=True, check=False)
    return ran.stdout.strip() if ran.returncode == 0 else ""


def describe(folder=None):
    folder = folder or tempfile.gettempdir()
    return {"date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
            "processor": processor(), "cores": os.cpu_count(), "memory_bytes": memory_bytes(),
            "system": f"{platform.system()} {platform.release()}",
            "load": round(os.getloadavg()[0], 2), "folder": str(folder),
            "file_system": file_system(folder), "commit": commit()}


def usual_cores():
    """(broker's, tool's): the second and the first that this process may use, or no pinning."""
    allowed = sorted(os.sched_getaffinity(0))
    return (str(allowed[1]), str(allowed[0])) if len(allowed) > 1 else ("", "")
