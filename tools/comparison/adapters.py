"""How each broker is configured: one adapter per kind.

The same for all: one listener on loopback, anonymous clients, no limit on queues but those
that cannot be lifted, TCP_NODELAY, as many threads as asked for, no log line per message or
connection, connections taken as fast as they come. Messages under way are without limit where
a limit loses messages or slows the broker; where it does neither, both ways take part.
"""

import dataclasses
import pathlib
import resource

MOST = 65535  # messages under way that MQTT's packet ids allow


@dataclasses.dataclass(frozen=True)
class Setup:
    """How one broker takes part in one kind of load."""

    loops: int = 1
    stored: bool = False  # sessions, queues and retained messages go to a disk
    tls: bool = False
    nodelay: bool = True
    wide: bool = True  # as many messages under way as can be; Troupe only: else its default


@dataclasses.dataclass(frozen=True)
class Place:
    """Where it runs: files that differ from run to run."""

    folder: pathlib.Path
    port: int
    certificate: pathlib.Path | None = None
    key: pathlib.Path | None = None


def open_files():
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


class Adapter:
    threads = True  # whether the number of threads can be set
    delays = False  # whether it leaves TCP_NODELAY off unless told

    def __init__(self, program):
        self.program = program

    def variants(self, stored, further):
        """Setups of the program that take part in a load, by what is added to the label.

        stored: whether what sessions are owed goes to a disk. further: whether there are
        variants besides the usual one, such as without TCP_NODELAY.
        """
        found = {"": Setup(stored=stored)}
        if further and self.delays:
            found[" (delay)"] = Setup(stored=stored, nodelay=False)
        return found

    def configuration(self, setup, place):
        """The text of the configuration file."""
        raise NotImplementedError

    def command(self, path):
        """The command line with that configuration file."""
        return [self.program.path, "-c", str(path)]

    def survives(self, setup):
        """What an acknowledged message survives, for the report."""
        raise NotImplementedError


class Troupe(Adapter):
    """Messages under way stay at the default, as nothing is lost by it: the rest is queued."""

    def variants(self, stored, further):
        found = {"": Setup(stored=stored, wide=False)}
        if further:
            found[" (wide)"] = Setup(stored=stored)
        return found

    def configuration(self, setup, place):
        wide = f"max_inflight = {MOST}\nreceive_maximum = {MOST}\n" if setup.wide else ""
        tls = (f'[listeners.tls]\ncertificate = "{place.certificate}"\nkey = "{place.key}"\n'
               if setup.tls else "")
        return f"""[node]
name = "compared"
data_dir = "{place.folder}/data"
run_loops = {setup.loops}
[limits]
{wide}max_connect_rate = 0
max_queued_messages = 1000000000
max_queued_bytes = "64GiB"
[durability]
mode = "process"
[auth]
allow_anonymous = true
[log]
level = "warning"
[http]
enabled = false
[[listeners]]
name = "mqtt"
transport = "{'tls' if setup.tls else 'tcp'}"
bind = "127.0.0.1:{place.port}"
{tls}"""

    def command(self, path):
        return [self.program.path, "--config", str(path)]

    def survives(self, setup):
        return ("kill -9 (written before it is acknowledged); sessions without expiry stay in "
                "memory")


class Mosquitto(Adapter):
    threads = False
    delays = True

    def plugin(self):
        """The SQLite plugin of 2.1, beside the program or where packages put it."""
        program = pathlib.Path(self.program.path).resolve()
        name = "mosquitto_persist_sqlite.so"
        for folder in (program.parent, program.parent.parent / "lib", *pathlib.Path("/usr/lib").glob(
                "*-linux-gnu"), pathlib.Path("/usr/lib"), pathlib.Path("/usr/local/lib")):
            if (folder / name).exists():
                return folder / name
        return None

    def has_plugin(self):
        numbers = self.program.version.split(".")[:2]
        new = all(n.isdigit() for n in numbers) and [int(n) for n in numbers] >= [2, 1]
        return new and self.plugin() is not None

    def variants(self, stored, further):
        if stored and self.has_plugin():
            return {" (SQLite)": Setup(stored=True), " (memory)": Setup()}
        return super().variants(stored, further)

    def configuration(self, setup, place):
        lines = ["user root", f"listener {place.port} 127.0.0.1", "allow_anonymous true"]
        if setup.tls:
            lines += [f"certfile {place.certificate}", f"keyfile {place.key}"]
        # Not 0, unlimited, which 65535 also means: 2.1.2 then logs a warning for each message.
        lines += [f"set_tcp_nodelay {'true' if setup.nodelay else 'false'}",
                  f"max_inflight_messages {MOST - 1}", "max_queued_messages 0", "max_queued_bytes 0",
                  "log_dest stderr", "log_type error", "log_type warning",
                  "connection_messages false"]
        if not setup.stored:
            lines += ["persistence false"]
        elif self.has_plugin():
            lines += ["persistence false", f"plugin {self.plugin()}",
                      f"plugin_opt_db_file {place.folder}/mosquitto.sqlite3"]
        else:
            lines += ["persistence true", f"persistence_location {place.folder}/"]
        return "\n".join(lines) + "\n"

    def survives(self, setup):
        if not setup.stored:
            return "nothing: memory only"
        if self.has_plugin():
            return "kill -9, but for the last 5 s: SQLite, committed by a timer (its default)"
        return "an orderly stop; a snapshot every 1,800 s (its default)"


class FlashMQ(Adapter):
    delays = True

    def configuration(self, setup, place):
        tls = (f"  fullchain {place.certificate}\n  privkey {place.key}\n" if setup.tls else "")
        stored = f"storage_dir {place.folder}\n" if setup.stored else ""
        return f"""thread_count {setup.loops}
allow_anonymous true
log_level warning
rlimit_nofile {open_files()}
max_qos_msg_pending_per_client {MOST}
max_qos_bytes_pending_per_client 4294967295
client_max_write_buffer_size 67108864
{stored}listen {{
  protocol mqtt
  inet_protocol ip4
  inet4_bind_address 127.0.0.1
  port {place.port}
  tcp_nodelay {'true' if setup.nodelay else 'false'}
{tls}}}
"""

    def survives(self, setup):
        if setup.stored:
            return "an orderly stop; a snapshot every 3,623 s (its default)"
        return "nothing: memory only"


class NanoMQ(Adapter):
    """Written after its manual and not tried yet: there was no program to try it with."""

    def configuration(self, setup, place):
        listener = f'bind = "127.0.0.1:{place.port}"'
        if setup.tls:
            listener += f'\n  keyfile = "{place.key}"\n  certfile = "{place.certificate}"'
        return f"""system {{
  num_taskq_thread = {setup.loops}
  max_taskq_thread = {setup.loops}
}}
mqtt {{
  max_inflight_window = {MOST}
  max_mqueue_len = {MOST}
}}
listeners.{'ssl' if setup.tls else 'tcp'} {{
  {listener}
}}
auth {{
  allow_anonymous = true
  no_match = allow
}}
log {{
  to = [console]
  level = warn
}}
"""

    def command(self, path):
        return [self.program.path, "start", "--conf", str(path)]

    def survives(self, setup):
        return "nothing: memory only"


class Relay(Adapter):
    """No broker but the floor below all of them, see relay.cpp; its file is its port."""

    threads = False

    def configuration(self, setup, place):
        return f"{place.port}\n"

    def command(self, path):
        return [self.program.path, path.read_text(encoding="utf-8").strip()]

    def survives(self, setup):
        return "nothing: it keeps nothing"


ADAPTERS = {"troupe": Troupe, "mosquitto": Mosquitto, "flashmq": FlashMQ, "nanomq": NanoMQ,
            "mqtt-relay": Relay}


def adapter_of(program):
    return ADAPTERS[program.kind](program)
