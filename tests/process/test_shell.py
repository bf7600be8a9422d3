"""The shell of troupectl as an administrator has it: a terminal, keys, a screen."""

import json
import stat
import subprocess
import time

import pytest
from wire.node import clean_environment, troupectl

pexpect = pytest.importorskip("pexpect")
pyte = pytest.importorskip("pyte")

PROMPT = "troupe>"
MORE = "-- more: space, Enter or q --"
TAB, CTRL_C, CTRL_D, UP = "\t", "\x03", "\x04", "\x1b[A"


class Shell:
    """A shell and the screen that its terminal shows."""

    def __init__(self, node, folder, rows=80, **environment):
        self.state = folder / "state"
        self.screen = pyte.Screen(120, rows)
        self.stream = pyte.Stream(self.screen)
        variables = clean_environment(TERM="xterm", XDG_STATE_HOME=str(self.state), **environment)
        if "PAGER" not in environment:
            variables.pop("PAGER", None)
        self.child = pexpect.spawn(
            str(troupectl()), ["shell", "--url", f"http://127.0.0.1:{node.http[1]}"],
            env=variables, dimensions=(rows, 120), encoding="utf-8", codec_errors="replace")
        self.child.delaybeforesend = None
        self.looks = 0  # how often the screen was cleared
        self.until(lambda shown: shown.endswith(PROMPT), "the prompt")

    def shown(self):
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip()

    def until(self, condition, what=None):
        """Reads until the screen is so; a text must be on it."""
        holds = condition if callable(condition) else lambda shown: condition in shown
        end = time.monotonic() + 20
        while not holds(self.shown()):
            assert time.monotonic() < end, f"not seen: {what or condition!r} on\n{self.shown()}"
            try:
                text = self.child.read_nonblocking(4096, 0.1)
            except pexpect.TIMEOUT:
                continue
            self.looks += text.count("\x1b[2J")
            self.stream.feed(text)
        return self.shown()

    def peek(self):
        """What is to be seen now, with what has come within a tenth of a second."""
        try:
            self.stream.feed(self.child.read_nonblocking(4096, 0.1))
        except pexpect.TIMEOUT:
            pass
        return self.shown()

    def prompt(self):
        return self.until(lambda shown: shown.endswith(PROMPT) and shown != PROMPT, "the prompt")

    def type(self, text):
        """Types on a screen with nothing but the prompt, so that what is seen then is new."""
        self.screen.reset()
        self.screen.draw(PROMPT + " ")
        self.child.send(text)

    def run(self, line):
        """What a line prints, with its echo and the next prompt."""
        self.type(line + "\r")
        return self.prompt()

    def leave(self):
        self.child.send(CTRL_D)
        self.child.expect(pexpect.EOF, timeout=20)
        self.child.close()
        return self.child.exitstatus


@pytest.fixture
def open_shell(tmp_path):
    shells = []

    def made(node, **more):
        shells.append(Shell(node, tmp_path, **more))
        return shells[-1]

    yield made
    for each in shells:
        each.child.close(force=True)


def test_verbs_help_and_leaving(start_node, open_shell):
    shell = open_shell(start_node(node={"name": "stage-1"}))
    assert "stage-1" in shell.run("status")
    told = shell.run("log show --json")
    assert json.loads(told[told.index("{"):told.rindex("}") + 1])["data"]
    told = shell.run("help log level")
    assert "until a reload changes log.level" in told and "--url" in told
    assert "clients kick" in shell.run("help")
    assert "There is no verb" in shell.run("help nonsense")
    assert "not expected: nonsense" in shell.run("nonsense")
    assert "quote has no end" in shell.run("clients show 'a")
    shell.type("half a line")
    shell.until("half a line")
    shell.child.send(CTRL_C)
    shell.until("^C")
    shell.prompt()
    assert "stage-1" in shell.run("status")
    assert shell.leave() == 0


def test_ctrl_c_in_the_middle_of_a_question_ends_it_without_a_word(start_node, open_shell):
    shell = open_shell(start_node(node={"name": "stage-1"}))
    shell.type("actor top --interval 5\r")  # the node looks twice: it is asked all the while
    shell.until("WAITS FOR")  # and asked again at once
    shell.child.send(CTRL_C)
    assert "No node answers" not in shell.prompt()
    assert "stage-1" in shell.run("status")


def test_what_goes_on_is_shown_as_it_comes_and_fits_the_screen(start_node, open_shell):
    node = start_node()
    long, short = node.connect("sensor-" + "x" * 150), node.connect("sensor-y")
    for client in (long, short):
        client.subscribe(("t", 1))
    shell = open_shell(node, rows=40)
    shell.type("clients top --interval 0.2 --sort sent\r")
    for _ in range(100):
        short.publish("t", "x", qos=1)
        if "sensor-x" in shell.peek():
            break
    shown = shell.until("sensor-x")
    assert all(line.startswith(("CLIENT", "sensor")) for line in shown.splitlines()), shown
    shell.child.send(CTRL_C)
    shell.prompt()
    # The next question is not taken for one that was given up.
    shell.type("clients show sensor-y" + TAB)
    shell.until("clients show sensor-y")
    shell.child.send("\r")
    assert "127.0.0.1" in shell.prompt()
    shell.type("trace client sensor-y\r")
    shell.until("Following client sensor-y")
    short.publish("t", "x", qos=1)
    shell.until("PUBACK")
    shell.child.send(CTRL_C)
    shell.prompt()


def test_completion_of_verbs_options_and_names(start_node, open_shell):
    node = start_node()
    shell = open_shell(node)
    shell.type("conf" + TAB + "sh" + TAB + "--ch" + TAB)
    shell.until("config show --changed")
    shell.child.send("\r")
    assert "node.shards" in shell.prompt()
    # Two that begin alike are listed, and the line is still there.
    shell.type("cl" + TAB)
    shell.until("clients  cluster")
    shell.until(PROMPT + " cl")
    shell.child.send(CTRL_C)
    shell.prompt()
    # Modules are asked of the node.
    shell.type("log level debug sess" + TAB)
    shell.until("log level debug session")
    shell.child.send("\r")
    shell.until("The log level of session is debug.")
    shell.prompt()
    # So are clients.
    sensor = node.connect("sensor-17")
    shell.type("clients show sens" + TAB)
    shell.until("clients show sensor-17")
    shell.child.send("\r")
    assert "127.0.0.1" in shell.prompt()
    sensor.ping()
    # And traces, with the clients that they may follow.
    shell.type("tr" + TAB + "star" + TAB + "morning cl" + TAB + "sens" + TAB)
    shell.until("trace start morning client sensor-17")
    shell.child.send("\r")
    shell.until("Trace morning follows client sensor-17 for 10 min.")
    shell.prompt()
    shell.type("trace show mor" + TAB)
    shell.until("trace show morning")
    shell.child.send("\r")
    assert "clientid sensor-17: runs until" in shell.prompt()
    assert "trace client" in shell.run("help trace") or "client " in shell.shown()
    # And kinds of actors, of which there is one.
    shell.type("actor list --kind wild" + TAB)
    shell.until("actor list --kind wildcard_index")
    shell.child.send("\r")
    assert "wildcard_index" in shell.prompt()


def test_history_is_kept_for_the_owner_alone(start_node, open_shell):
    node = start_node()
    shell = open_shell(node)
    shell.run("log show")
    assert shell.leave() == 0
    file = shell.state / "troupectl" / "history"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    again = open_shell(node)
    again.type(UP)
    again.until("log show")
    again.child.send("\r")
    again.until("session")
    again.prompt()


def test_long_output_is_paged(start_node, open_shell):
    node = start_node()
    shell = open_shell(node, rows=24)
    shell.type("config show\r")
    first = shell.until(MORE)
    assert "KEY" in first
    shell.type(" ")
    second = shell.until(MORE)
    assert "KEY" not in second
    shell.child.send("q")
    shell.prompt()
    shell.type("config show\r")
    shell.until(MORE)
    shell.child.send(CTRL_C)
    shell.prompt()
    assert "ready" in shell.run("status")
    # $PAGER is taken if there is one.
    other = open_shell(node, rows=24, PAGER="sed -n '1s/^/paged: /p'")
    assert "paged:" in other.run("config show")
    assert "ready" in other.run("status")


def test_ctrl_c_ends_a_watch_and_not_the_shell(start_node, open_shell):
    shell = open_shell(start_node())
    shell.type("status --watch=0.2\r")
    shell.until(lambda shown: shell.looks >= 3 and "connections" in shown, "three looks")
    shell.child.send(CTRL_C)
    shell.prompt()
    assert "ready" in shell.run("status")
    assert shell.leave() == 0


def test_a_watch_outside_the_shell_is_lines_of_json(start_node):
    node = start_node()
    watching = subprocess.Popen(
        [troupectl(), "log", "show", "--json", "--watch=0.1", "--url",
         f"http://127.0.0.1:{node.http[1]}"], stdout=subprocess.PIPE, text=True,
        env=clean_environment())
    try:
        for _ in range(3):
            assert json.loads(watching.stdout.readline())["data"]
        watching.send_signal(2)
        assert watching.wait(10) == 0
    finally:
        watching.kill()
        watching.wait()
        watching.stdout.close()


def test_without_a_terminal_there_is_no_shell():
    said = subprocess.run([troupectl(), "shell"], capture_output=True, text=True, timeout=20,
                          stdin=subprocess.DEVNULL, env=clean_environment())
    assert said.returncode == 2 and "terminal" in said.stderr
