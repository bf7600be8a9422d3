"""What is compared: groups of loads, and what is read off each."""

import dataclasses

CPU = "per broker CPU second"


@dataclasses.dataclass(frozen=True)
class Measure:
    """A figure of a run. Measures with one table title stand in one table."""

    table: str
    field: str  # of the phase; or latency_us.KEY, or bytes_per_connection, or peak
    phase: str = ""
    row: str = ""  # added to the title of the case, where a case has several rows in a table
    less_is_better: bool = False


@dataclasses.dataclass(frozen=True)
class Case:
    id: str  # GROUP/NAME, what --only selects
    title: str
    arguments: tuple
    measures: tuple
    timed: bool = True  # lasts --seconds after --warm-up; else as long as its numbers take
    typical: float = 0  # seconds, of a case that is not timed; and a third of its limit
    rate: float = 0  # that is to be kept
    tls: bool = False
    stored: bool = False
    further: bool = False  # with the brokers' variants, such as without TCP_NODELAY
    loops: tuple = ()  # variants by run loops, on as many cores

    @property
    def group(self):
        return self.id.partition("/")[0]


GROUPS = {
    "bulk": "Bulk: as fast as nothing is lost, 64 bytes, MQTT 3.1.1, sessions without expiry",
    "sparse": "Sparse: 20,000 messages/s over 200 pairs, QoS 1",
    "large": "Large: 256 KiB, QoS 1, 4 pairs",
    "durable": "Durable: pairs, QoS 1, subscribers with sessions that outlive their connection, "
               "and without",
    "offline": "Offline: messages stored for sessions that are away, then fetched",
    "retained": "Retained: messages set, then delivered to one subscriber",
    "connections": "Connections",
    "loops": "Run loops: 1 and 2 threads on the same two cores, which the tool shares",
}


def exchange(what="Messages delivered"):
    return (Measure(f"{what} {CPU}", "per_cpu_second", "exchange"),
            Measure(f"{what} per second", "per_second", "exchange"))


def phase_measures(things, *phases):
    return tuple(Measure(f"{things} {title}", field, phase, row=phase)
                 for title, field in ((CPU, "per_cpu_second"), ("per second", "per_second"))
                 for phase in phases)


def bulk():
    shapes = {"fan-in": "fan-in, 100 to 1", "fan-out": "fan-out, 1 to 500",
              "pairs": "200 pairs", "shared": "shared group, 100 to 10"}
    return [Case(f"bulk/{shape}-{qos}", f"{title}, QoS {qos}", (shape, "--qos", str(qos)),
                 exchange(), further=True)
            for shape, title in shapes.items() for qos in (0, 1, 2)]


def sparse():
    latency = tuple(Measure("Latency, microseconds", f"latency_us.{each}", row=each,
                            less_is_better=True) for each in ("p50", "p99", "p99.9"))
    return [Case("sparse/pairs-1", "200 pairs, QoS 1",
                 ("pairs", "--publishers", "200", "--qos", "1", "--rate", "20000"),
                 (exchange()[0], *latency), rate=20000, further=True)]


def large():
    return [Case("large/pairs-1", "4 pairs, QoS 1",
                 ("pairs", "--publishers", "4", "--qos", "1", "--payload", "262144"), exchange())]


def durable():
    with_expiry = ("pairs", "--qos", "1", "--mqtt", "5", "--expiry", "3600")
    return [Case("durable/with-expiry", "200 pairs, sessions outlive", with_expiry, exchange(),
                 stored=True),
            Case("durable/without", "200 pairs, sessions do not", with_expiry[:-2], exchange(),
                 stored=True)]


def offline(quick):
    clients, messages = (20, 200) if quick else (100, 1000)
    return [Case("offline/queues", f"{clients} sessions, {messages:,} messages each, QoS 1",
                 ("offline", "--clients", str(clients), "-n", str(messages), "--qos", "1"),
                 phase_measures("Messages", "store", "drain"),
                 timed=False, typical=15, stored=True)]


def retained(quick):
    topics = 5000 if quick else 100_000
    return [Case("retained/topics", f"{topics:,} topics, QoS 1",
                 ("retained", "--topics", str(topics), "--qos", "1"),
                 phase_measures("Messages", "set", "deliver"),
                 timed=False, typical=15, stored=True)]


def connections(quick):
    clients = 1000 if quick else 15_000
    found = []
    for tls in (False, True):
        kind, title, rate = ("-tls", "TLS", 700) if tls else ("", "no TLS", 4000)
        made = clients // 3 if tls else clients
        found += [
            Case(f"connections/storm{kind}", f"{made:,} connections made, {title}",
                 ("connect", "--connections", str(made)),
                 (Measure(f"Connections {CPU}", "per_cpu_second", "connect"),
                  Measure("Connections per second", "per_second", "connect")),
                 timed=False, typical=2 + made / rate, tls=tls),
            Case(f"connections/idle{kind}", f"{clients:,} idle, {title}",
                 ("idle", "--clients", str(clients)),
                 (Measure("Bytes per idle connection", "bytes_per_connection",
                          less_is_better=True),),
                 timed=False, typical=6 + clients / rate, tls=tls)]
    return found


def loops():
    return [Case(f"loops/pairs-{qos}", f"200 pairs, QoS {qos}", ("pairs", "--qos", str(qos)),
                 exchange(), loops=(1, 2)) for qos in (0, 1)]


def all_cases(quick=False):
    return [*bulk(), *sparse(), *large(), *durable(), *offline(quick), *retained(quick),
            *connections(quick), *loops()]


def chosen(cases, only):
    """The cases that `only` names by group or by the beginning of their id; all without it."""
    if not only:
        return list(cases)
    for each in only:
        if not any(case.id.startswith(each) for case in cases):
            raise ValueError(f"there is no load '{each}'; there are "
                             f"{', '.join(case.id for case in cases)}")
    return [case for case in cases if any(case.id.startswith(each) for each in only)]
