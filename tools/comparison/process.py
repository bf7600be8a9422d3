"""One life of a broker: started on cores of its own, waited for, stopped."""

import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

from .adapters import Place

ANSWERS_WITHIN = 20.0
STOPS_WITHIN = 20.0
TRIES = 3  # another process may take the port between its choice and the start


class NotStarted(RuntimeError):
    """The broker ended or did not answer; the text holds the last line that it wrote."""


def free_port():
    with socket.socket() as chooser:
        chooser.bind(("127.0.0.1", 0))
        return chooser.getsockname()[1]


def pinned(command, cores):
    """The command on these cores, a list as taskset takes it; everywhere when it is empty."""
    return ["taskset", "-c", cores, *command] if cores else list(command)


class Running:
    """A context: the broker answers inside it and is stopped after it, its folder removed."""

    def __init__(self, adapter, setup, cores="", certificate=None, within=None):
        self.adapter, self.setup, self.cores = adapter, setup, cores
        self.certificate, self.within = certificate, within
        self.folder = self.process = self.port = None
        self.configuration = ""  # with PORT and DIR in place of what differs from run to run

    @property
    def pid(self):
        return self.process.pid

    def __enter__(self):
        for left in reversed(range(TRIES)):
            try:
                self._start()
                return self
            except NotStarted:
                self._end()
                if left == 0:
                    raise
            except BaseException:
                self._end()
                raise

    def __exit__(self, *_):
        self._end()

    def _start(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="compare-", dir=self.within))
        self.port = free_port()
        pair = self.certificate or (None, None)
        text = self.adapter.configuration(self.setup, Place(self.folder, self.port, *pair))
        self.configuration = self._without_particulars(text)
        path = self.folder / "configuration"
        path.write_text(text)
        # Variables of that name would override Troupe's configuration.
        kept = {k: v for k, v in os.environ.items() if not k.startswith("TROUPE_")}
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(
                pinned(self.adapter.command(path), self.cores), stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, cwd=self.folder, env=kept)
        self._wait()

    def _without_particulars(self, text):
        text = text.replace(str(self.folder), "DIR").replace(str(self.port), "PORT")
        for path in self.certificate or ():
            text = text.replace(str(path), path.name)
        return text

    def _wait(self):
        end = time.monotonic() + ANSWERS_WITHIN
        while True:
            if not self.alive():
                raise NotStarted(f"ended at once: {self.last_words()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if time.monotonic() > end:
                    raise NotStarted(f"no answer within {ANSWERS_WITHIN:.0f} s: "
                                     f"{self.last_words()}") from None
                time.sleep(0.01)

    def alive(self):
        return self.process.poll() is None

    def log_bytes(self):
        return (self.folder / "log").stat().st_size

    def last_words(self):
        """The last line of its log."""
        with open(self.folder / "log", "rb") as log:
            log.seek(max(0, self.log_bytes() - 4096))
            lines = log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it wrote nothing"

    def _end(self):
        if self.process and self.alive():
            self.process.terminate()
            try:
                self.process.wait(STOPS_WITHIN)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.process = self.folder = None


def make_certificate(folder):
    """Paths of a self-signed certificate for loopback and of its key."""
    certificate, key = pathlib.Path(folder) / "certificate.pem", pathlib.Path(folder) / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-days",
         "30", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
    key.chmod(0o644)  # a broker that gives up root must still read it
    return certificate, key
