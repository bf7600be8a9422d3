"""Broker processes under test: one adapter per broker, all listening on ports
of the loopback interface that the kernel chose."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

STARTED_WITHIN = 15.0
STOPPED_WITHIN = 10.0
ROOT = pathlib.Path(__file__).resolve().parents[2]


class NotStarted(RuntimeError):
    """The process ended or stayed silent; the message holds the end of its log."""


class Broker:
    """A process with a directory of its own. Subclasses say how it is configured.

    Settings: maximum_packet_size, receive_maximum, maximum_keep_alive (seconds),
    anonymous (bool), and acl and scram, the text of such files. After `start`,
    `tcp` and `websocket` are (host, port) pairs.
    """

    reasons_required = False
    files = ("acl", "scram")

    def __init__(self, binary, **settings):
        self.binary = str(binary)
        self.settings = settings
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="broker-"))
        self.log = self.folder / "log"
        self.process = None
        self.tcp = self.websocket = None

    def setting(self, key):
        """A setting as the configuration wants it; the text of a file becomes its path."""
        value = self.settings[key]
        if key not in self.files:
            return value
        path = self.folder / key
        path.write_text(value)
        path.chmod(0o600)
        return str(path)

    def start(self):
        # Variables of that name would override the configuration.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TROUPE_")}
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, cwd=self.folder,
                                            env=environment)
        end = time.monotonic() + STARTED_WITHIN
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise NotStarted(f"{self.binary} did not start:\n{self.log_tail()}")
            time.sleep(0.02)
        return self

    def stop(self):
        """SIGTERM, and SIGKILL for who does not listen; the directory stays for a restart."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOPPED_WITHIN)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.returncode if self.process else None

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(STOPPED_WITHIN)

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log_tail(self, size=4000):
        return self.log.read_text(errors="replace")[-size:] if self.log.exists() else ""


class Troupe(Broker):
    """The broker of this repository."""

    reasons_required = True
    names = {"maximum_packet_size": ("limits", "max_packet_size"),
             "receive_maximum": ("limits", "receive_maximum"),
             "maximum_keep_alive": ("limits", "max_keep_alive"),
             "anonymous": ("auth", "allow_anonymous"), "acl": ("auth", "acl_file"),
             "scram": ("auth", "scram_file")}
    seconds = {"maximum_keep_alive"}

    def command(self):
        self.ready_file = self.folder / "ready.json"
        self.ready_file.unlink(missing_ok=True)
        config = self.folder / "troupe.toml"
        config.write_text(self.configuration())
        return [self.binary, "--config", str(config), "--ready-file", str(self.ready_file)]

    def configuration(self):
        tables = {"node": {"data_dir": f"{self.folder}/data", "shards": 8, "run_loops": 2},
                  "http": {"bind": "127.0.0.1:0"}}
        for key in self.settings:
            table, name = self.names[key]
            value = self.setting(key)
            tables.setdefault(table, {})[name] = f"{value}s" if key in self.seconds else value
        lines = []
        for table, entries in tables.items():
            lines.append(f"[{table}]")
            lines += [f"{name} = {json.dumps(value)}" for name, value in entries.items()]
        for name, transport in (("default", "tcp"), ("web", "ws")):
            lines += ["[[listeners]]", f'name = "{name}"', f'transport = "{transport}"',
                      'bind = "127.0.0.1:0"']
        return "\n".join(lines) + "\n"

    def is_ready(self):
        try:
            listening = json.loads(self.ready_file.read_text())
        except (OSError, ValueError):
            return False
        for listener in listening["listeners"]:
            address = (listener["address"], listener["port"])
            if listener["transport"] == "tcp":
                self.tcp = address
            else:
                self.websocket = address
        return True


class Mosquitto(Broker):
    """Debian's mosquitto, to check the suite itself against a second broker."""

    names = {"maximum_packet_size": "max_packet_size", "receive_maximum": "max_inflight_messages",
             "maximum_keep_alive": "max_keepalive", "acl": "acl_file"}

    def command(self):
        self.tcp, self.websocket = free_address(), free_address()
        anonymous = json.dumps(self.settings.get("anonymous", True))
        lines = ["user root", f"allow_anonymous {anonymous}"]
        lines += [f"{self.names[key]} {self.setting(key)}" for key in self.settings
                  if key in self.names]
        lines += ["persistence false", "set_tcp_nodelay true", "max_queued_messages 10000",
                 f"listener {self.tcp[1]} 127.0.0.1",
                 f"listener {self.websocket[1]} 127.0.0.1", "protocol websockets"]
        config = self.folder / "mosquitto.conf"
        config.write_text("\n".join(lines) + "\n")
        return [self.binary, "-c", str(config)]

    def is_ready(self):
        for address in (self.tcp, self.websocket):
            try:
                socket.create_connection(address, timeout=1).close()
            except OSError:
                return False
        return True


def free_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()


KINDS = {"troupe": Troupe, "mosquitto": Mosquitto}


def default_binary(kind):
    if kind == "mosquitto":
        return "/usr/sbin/mosquitto"
    return os.environ.get("TROUPE_BINARY", str(ROOT / "build/dev/tools/troupe/troupe"))
