"""The load of the cluster's failure tests, and the questions that they ask about it."""

import asyncio
import collections
import os
import time

from failure.devices import V5, V311, Publisher, Subscriber
from wire.engine import Engine
from failure.ledger import Ledger, topics_of
from wire.node import wait_for

ROUNDS = int(os.environ.get("TROUPE_ROUNDS", "3"))
SHARDS = 8
PACE = 0.12             # seconds between two messages of a publisher to each shard
LOOK = 0.25
PAUSE = 0.05             # of whoever waits: the clients share an interpreter with him
SETTLED_WITHIN = 40.0   # at the end, for what is still on its way
READY_WITHIN = 30.0     # a node that was started again, or may go on


def settings(**more):
    """Of the clusters of these tests."""
    return {"cluster": {"replicas": 3, **more}, "node": {"shards": SHARDS},
            "log": {"level": os.environ.get("TROUPE_LOG", "info")}}


class Fleet:
    """On each node: a publisher of QoS 1 and one of QoS 2; subscribers to everything, to one
    publisher, to one topic; a member of a shared group. Half of them speak MQTT 3.1.1."""

    def __init__(self, cluster, pace=PACE, wanders=True, padding=0):
        self.cluster, self.engine, self.pace = cluster, Engine(), pace
        self.ledger = Ledger(SHARDS)
        self.subscribers, self.publishers = [], []
        names = [f"p{at}-q{qos}" for at in range(len(cluster.nodes)) for qos in (1, 2)]
        for at in range(len(cluster.nodes)):
            version = (V5, V311)[at % 2]
            other = (V311, V5)[at % 2]
            self._subscriber(f"all-{at}", at, "load/#", version, wanders)
            self._subscriber(f"one-{at}", at, f"load/{names[at]}/+", other, wanders)
            self._subscriber(f"exact-{at}", at, topics_of(names[-at], SHARDS)[at], version, wanders)
            self._subscriber(f"shared-{at}", at, "load/+/+", V5, wanders, group="group")
            for qos in (1, 2):
                self.publishers.append(
                    Publisher(self.engine, cluster, self.ledger, f"p{at}-q{qos}", at, qos,
                              (version, other)[qos - 1], wanders=wanders, leaves_when_refused=wanders,
                              padding=padding))
        self.devices = self.subscribers + self.publishers

    def _subscriber(self, name, at, pattern, version, wanders, **more):
        self.subscribers.append(Subscriber(self.engine, self.cluster, self.ledger, name, at, pattern,
                                           version, wanders=wanders, **more))

    def start(self):
        """Until every subscription is granted and each shard has acknowledged something."""
        def begin(devices):
            for device in devices:
                device.start()
        self.engine.call(begin, self.subscribers)
        wait_for(lambda: all(s.granted for s in self.subscribers), 20, "subscriptions are granted")
        self.engine.call(begin, self.publishers)
        self.engine.call(lambda: self.engine.keep(self._produce()) and None)
        self.engine.call(lambda: self.engine.keep(self._look()) and None)
        return self.flows()

    async def _produce(self):
        due = time.monotonic()
        while True:
            for publisher in self.publishers:
                publisher.produce()
            due = max(due + self.pace, time.monotonic())
            await asyncio.sleep(due - time.monotonic())

    async def _look(self):
        while True:
            for device in self.devices:
                device.look(time.monotonic())
            await asyncio.sleep(LOOK)

    def check(self):
        self.engine.check()
        faults = [fault for device in self.devices for fault in device.faults]
        assert not faults, faults[:5]

    def served(self, within, since=None, what="every shard acknowledges"):
        """Seconds from `since` until every shard has acknowledged what was sent after it."""
        since = since or time.monotonic()
        def look():
            self.check()
            return len(self.ledger.served_since(since)) == SHARDS
        try:
            wait_for(look, within, what, PAUSE)
        except AssertionError as late:
            dumb = set(range(SHARDS)) - set(self.ledger.served_since(since))
            raise AssertionError(f"{late}; not shards {sorted(dumb)}") from None
        return max(self.ledger.served_since(since).values())

    def flows(self, within=20.0):
        """Every shard acknowledges and every client is connected."""
        self.served(within)
        wait_for(lambda: all(device.ready for device in self.devices), within,
                 "every client is connected", PAUSE)
        return self

    def whole(self, within=READY_WITHIN):
        """Seconds until all nodes are ready, members and of one mind about the owners."""
        begin = time.monotonic()
        names = {node.name: "up" for node in self.cluster.nodes}
        def look():
            self.check()
            return all(node.ready() and node.members() == names for node in self.cluster.nodes)
        wait_for(look, within, "all nodes are ready", PAUSE)
        self.cluster.wait_owners(within)
        return time.monotonic() - begin

    def settle(self):
        """No new messages; waits for what is under way. Seconds that it took."""
        self.ledger.event("no new messages")
        begin = time.monotonic()
        for publisher in self.publishers:
            publisher.producing = False
        try:
            wait_for(lambda: self.check() or not (self.ledger.missing() or self.waiting()),
                     SETTLED_WITHIN, "all has arrived", PAUSE)
        except AssertionError:
            self.check()
        return time.monotonic() - begin

    def waiting(self):
        return [(p.name, i, m.topic, m.number, self.ledger.at(m.sent), p.node.name)
                for p in self.publishers for i, m in list(p.waiting.items())]

    def end(self):
        async def all_of_them():
            for device in self.devices:
                await device.end()
        try:
            self.engine.call(all_of_them)
        finally:
            self.engine.end()

    def owners(self):
        """As some node that lives sees them."""
        return {shard["shard"]: shard["owner"] for shard in self.cluster.living()[0].shards()}

    def tell(self):
        clients = {each.name: list(each.log)[-40:] for each in self.devices}
        return self.ledger.tell(self.cluster.folder / "history.json", clients=clients,
                                **{"never acknowledged": self.waiting()})

    def verdict(self):
        """What the whole history must be; a line of figures."""
        ledger = self.ledger
        self.check()
        wrong = ledger.missing() or ledger.disordered or self.waiting() or ledger.twice
        assert not wrong, self.tell()
        assert ledger.counts["acknowledged"] > 10 * SHARDS
        illegal = sum((device.illegal for device in self.devices), collections.Counter())
        assert not illegal, illegal
        refused = {k: n for k, n in ledger.counts.items() if k.startswith("refused")}
        return (f"{ledger.counts['acknowledged']} acknowledged, {ledger.counts['received']} received,"
                f" 0 lost, 0 out of order, {ledger.again} of QoS 1 again, no QoS 2 twice"
                f", {refused or 'none'} refused,"
                f" {sum(d.connections for d in self.devices)} connections")


class Trial:
    """`with Trial(cluster) as fleet:` load from begin to end, and the verdict; whatever fails is
    told with the history."""

    def __init__(self, cluster, **options):
        self.fleet = Fleet(cluster, **options)

    def __enter__(self):
        try:
            return self.fleet.start()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise

    def __exit__(self, kind, error, _):
        fleet = self.fleet
        try:
            if error is None:
                took = fleet.settle()
                print(f"settled in {took:.1f} s; {fleet.verdict()}")
            elif isinstance(error, AssertionError):
                fleet.ledger.event("failed", str(error)[:300])
                raise AssertionError(f"{error}\n{fleet.engine.call(fleet.tell)}") from error
        finally:
            fleet.end()


def spread(times):
    """Median and worst of some seconds, as text."""
    ordered = sorted(times)
    return f"median {ordered[len(ordered) // 2]:.2f} s, worst {ordered[-1]:.2f} s of {len(ordered)}"
