"""A node as an operator runs it: any configuration, signals, its log and figures.

`broker.py` serves the conformance scripts, which run against several brokers;
what is tested with a `Node` is this broker's own.
"""

import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

from wire.broker import ROOT, NotStarted, default_binary
from wire.client import Client, open_tcp
from wire.packets import V5, connack, connect_packet
from wire.websocket import WebSocket

STARTED_WITHIN = 30.0
STOPPED_WITHIN = 20.0
PAUSE = 0.005
CONFIGURATION = {"node": {"shards": 8, "run_loops": 2}, "http": {"bind": "127.0.0.1:0"}}


def wait_for(condition, within=10.0, what="the condition", pause=PAUSE):
    """Looks again and again, `pause` seconds apart, until the condition holds; returns what it answered."""
    end = time.monotonic() + within
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"not within {within} s: {what}")
        time.sleep(pause)


def clean_environment(**more):
    """This process's variables without those that would configure the broker."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("TROUPE_")}
    return {**kept, **more}


def to_toml(tables, listeners):
    """Tables of plain values; a dictionary within a listener is its sub-table."""
    lines = []
    for name, entries in tables.items():
        lines.append(f"[{name}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in entries.items()]
    for listener in listeners:
        lines.append("[[listeners]]")
        plain = {k: v for k, v in listener.items() if not isinstance(v, dict)}
        lines += [f"{key} = {json.dumps(value)}" for key, value in plain.items()]
        for name, entries in listener.items():
            if isinstance(entries, dict):
                lines.append(f"[listeners.{name}]")
                lines += [f"{key} = {json.dumps(value)}" for key, value in entries.items()]
    return "\n".join(lines) + "\n"


class Node:
    """One data directory and configuration, through all lives of its process.

    `tables` are merged over a small default; `listeners` is a list of
    dictionaries, or of transports that listen on loopback. `addresses` holds
    (host, port), or the path of a Unix socket, by the name of the listener.
    """

    def __init__(self, folder, listeners=("tcp",), environment=None, binary=None, launcher=(),
                 **tables):
        self.folder = pathlib.Path(folder)
        self.binary = str(binary or default_binary("troupe"))
        self.launcher = list(launcher)  # a command that runs the binary: valgrind
        self.environment = environment or {}
        self.tables = {name: dict(entries) for name, entries in CONFIGURATION.items()}
        self.tables["node"]["data_dir"] = str(self.folder / "data")
        for name, entries in tables.items():
            self.tables.setdefault(name, {}).update(entries)
        self.listeners = [self._listener(each) for each in listeners]
        self.config, self.log = self.folder / "troupe.toml", self.folder / "log"
        self.process, self.addresses, self.http = None, {}, None
        self.started_within, self.still = None, False

    @staticmethod
    def _listener(given):
        if isinstance(given, str):
            given = {"name": given, "transport": given}
        if given["transport"] != "unix":
            given = {"bind": "127.0.0.1:0", **given}
        return given

    # life

    def write_configuration(self):
        self.config.write_text(to_toml(self.tables, self.listeners))

    def start(self):
        self.write_configuration()
        ready = self.folder / "ready"
        ready.unlink(missing_ok=True)
        begin = time.monotonic()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*self.launcher, self.binary, "--config", self.config, "--ready-file", ready], stdout=log,
                stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder,
                env=clean_environment(**self.environment))
        while not ready.exists():
            if self.process.poll() is not None or time.monotonic() > begin + STARTED_WITHIN:
                self.kill()
                raise NotStarted(f"{self.binary} did not start:\n{self.log_text()[-4000:]}")
            time.sleep(0.002)
        self.started_within = time.monotonic() - begin
        self._read_addresses(json.loads(ready.read_text()))
        return self

    def _read_addresses(self, ready):
        for each in ready["listeners"]:
            unix = each["transport"] == "unix"
            self.addresses[each["name"]] = (each["address"] if unix
                                            else (each["address"], each["port"]))
        entry = ready.get("http")
        self.http = (entry["address"], entry["port"]) if entry else None

    def stop(self, within=STOPPED_WITHIN):
        """SIGTERM. Returns the exit code; a process that does not end is killed and fails."""
        self.process.terminate()
        self.go_on()
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the node did not stop within {within} s") from None

    def kill(self):
        if self.alive():
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(STOPPED_WITHIN)
        self.still = False

    def stand_still(self):
        """SIGSTOP: it lives, its sockets are open, and it does nothing until `go_on()`."""
        self.process.send_signal(signal.SIGSTOP)
        self.still = True

    def go_on(self):
        if self.still:
            self.process.send_signal(signal.SIGCONT)
        self.still = False

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def restart(self, signal_number=signal.SIGTERM):
        """Ends the process by a signal and starts it again on the same data."""
        if signal_number == signal.SIGKILL:
            self.kill()
        else:
            assert self.stop() == 0, self.log_text()[-4000:]
        return self.start()

    def reload(self, expect="Configuration reloaded"):
        """SIGHUP, and waits for the line of the log that tells how it went."""
        before = self.log_text().count(expect)
        self.process.send_signal(signal.SIGHUP)
        wait_for(lambda: self.log_text().count(expect) > before, what=f"{expect!r} in the log")

    # to look at

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def await_log(self, *texts, within=5):
        """Waits until the log holds every text: lines are written behind the broker's back, a little later."""
        for text in texts:
            wait_for(lambda: text in self.log_text(), within, f"{text!r} in the log")

    def memory(self, field="VmRSS"):
        """A figure of /proc/PID/status in bytes."""
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"^{field}:\s+(\d+) kB", text, re.M)[1]) * 1024

    def get(self, path, method="GET"):
        """(status, headers, body) of a request to the HTTP port."""
        connection = http.client.HTTPConnection(*self.http, timeout=10)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    def metric(self, name, **labels):
        """A value of /metrics; 0 where the line is missing."""
        shown = "{" + ",".join(f'{k}="{v}"' for k, v in labels.items()) + "}" if labels else ""
        for line in self.get("/metrics")[2].splitlines():
            if line.startswith(f"{name}{shown} "):
                return float(line.split()[-1])
        return 0.0

    # clients

    def dial(self, listener=None, version=V5):
        """A connection to a tcp, ws or unix listener, without a word said."""
        listener = listener or self.listeners[0]["name"]
        kind = next(each["transport"] for each in self.listeners if each["name"] == listener)
        address = self.addresses[listener]
        if kind == "unix":
            stream = socket.socket(socket.AF_UNIX)
            stream.settimeout(5)
            stream.connect(address)
        else:
            stream = WebSocket(address) if kind == "ws" else open_tcp(address)
        return Client(stream, version, reasons_required=True)

    def connect(self, client_id="", listener=None, version=V5, session_present=False, reason=0,
                **fields):
        """A client that has said CONNECT and heard a CONNACK with `reason`."""
        client = self.dial(listener, version)
        client.send(connect_packet(client_id, **fields))
        client.connack = client.expect(connack(reason, session_present=session_present))
        return client


def check_configuration(folder, text, **environment):
    """`troupe --test-config` on a file: (exit code, what it said)."""
    path = pathlib.Path(folder) / "checked.toml"
    path.write_text(text)
    done = subprocess.run([default_binary("troupe"), "--config", path, "--test-config"], text=True,
                          capture_output=True, timeout=20, env=clean_environment(**environment))
    return done.returncode, done.stdout + done.stderr


def troupectl():
    """The command beside the broker under test."""
    beside = pathlib.Path(default_binary("troupe")).resolve().parents[1] / "troupectl/troupectl"
    return beside if beside.exists() else ROOT / "build/dev/tools/troupectl/troupectl"
