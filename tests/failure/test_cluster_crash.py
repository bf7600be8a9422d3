"""kill -9 of each node of a cluster in turn, under load: what was acknowledged reaches every
durable subscriber, in the order of its publisher and topic.

TROUPE_ROUNDS (3) says how many nodes are killed, TROUPE_LOG the level of the nodes' logs."""

import collections
import json
import os
import threading
import time

from wire.client import Client, Closed, Unexpected, open_tcp
from wire.fixtures import make_cluster  # noqa: F401  (fixture)
from wire.node import wait_for
from wire.packets import V5, connect_packet, puback, publish

ROUNDS = int(os.environ.get("TROUPE_ROUNDS", "3"))
SHARDS = 8
LOAD = 1.0               # seconds of load before a kill, with a node less, and after it is back
BACK_WITHIN = 20.0       # until every shard acknowledges again
SETTLED_WITHIN = 30.0    # at the end, for what is still on its way
PACE = 0.02              # between two messages of a publisher for each of the shards
IN_FLIGHT = 4            # of a publisher and topic
FOREVER = 0xFFFFFFFF


def shard_of(key):
    """As cluster/shard_hash.cpp."""
    mask = 0xFFFFFFFFFFFFFFFF
    found = 0xCBF29CE484222325
    for each in key.encode():
        found = (found ^ each) * 0x100000001B3 & mask
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        found = (found ^ found >> 33) * factor & mask
    return (found ^ found >> 33) * SHARDS >> 64


def topics_of(publisher):
    """A topic in each shard."""
    found, number = {}, 0
    while len(found) < SHARDS:
        topic = f"load/{publisher}/{number}"
        found.setdefault(shard_of(topic), topic)
        number += 1
    return [found[shard] for shard in sorted(found)]


class Persistent:
    """A client in a thread of its own that keeps its session and, when it loses its node, goes to
    the next one that takes it."""

    def __init__(self, cluster, name, at):
        self.cluster, self.name, self.at = cluster, name, at
        self.client, self.known, self.log, self.failed = None, False, [], None
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)

    def note(self, what):
        self.log.append((time.monotonic(), self.node.name, what))

    @property
    def node(self):
        return self.cluster.nodes[self.at % len(self.cluster.nodes)]

    def connect(self):
        while not self.ending.is_set():
            try:
                client = Client(open_tcp(self.node.addresses["tcp"]), V5)
                client.send(connect_packet(self.name, clean_start=False,
                                           session_expiry_interval=FOREVER))
                said = client.next_packet(10)
                if said.kind == "connack" and said.reason == 0:
                    self.note(f"connected, session {said.session_present}")
                    if self.known and not said.session_present:
                        raise AssertionError(f"{self.node.name} has no session of {self.name}")
                    self.known, self.client = True, client
                    return
                self.note(f"refused: {said}")
                client.close()
            except (OSError, Unexpected) as lost:
                if isinstance(lost, AssertionError) and "no session" in str(lost):
                    raise
                self.note(f"not connected: {lost}")
            self.at += 1
            self.ending.wait(0.05)

    def _run(self):
        try:
            while not self.ending.is_set():
                try:
                    self.serve()
                except Closed as lost:
                    self.note(f"lost: {lost}")
                    self.client.close()
                    self.at += 1
                    self.connect()
                    self.again()
        except BaseException as error:  # told by the test's thread
            self.failed = f"{self.name} at {self.node.name}: {error!r}"
            self.note(self.failed)

    def again(self):
        """After a reconnection."""

    def next_packet(self, within):
        try:
            return self.client.next_packet(within)
        except Closed:
            raise
        except Unexpected:
            return None

    def end(self):
        self.ending.set()
        self.thread.join(15)
        self.client.close()


class Subscriber(Persistent):
    def __init__(self, cluster, name, at, pattern):
        super().__init__(cluster, name, at)
        self.pattern, self.got = pattern, collections.defaultdict(list)
        self.connect()
        self.client.subscribe((pattern, 1))
        self.thread.start()

    def matches(self, topic):
        levels = self.pattern.split("/")
        names = topic.split("/")
        if levels[-1] == "#":
            levels, names = levels[:-1], names[:len(levels) - 1]
        return len(levels) == len(names) and all(a in ("+", b) for a, b in zip(levels, names))

    def serve(self):
        packet = self.next_packet(0.2)
        if packet is None:
            return
        assert packet.kind == "publish", packet
        self.got[packet.topic].append((int(packet.payload), time.monotonic(), self.node.name,
                                       packet.dup))
        self.client.send(puback(packet.id))


class Message:
    __slots__ = ("topic", "number", "sent", "first_sent", "acknowledged", "by")

    def __init__(self, topic, number):
        self.topic, self.number = topic, number
        self.sent = self.first_sent = self.acknowledged = self.by = None


class Publisher(Persistent):
    def __init__(self, cluster, name, at):
        super().__init__(cluster, name, at)
        self.topics = topics_of(name)
        self.sent = {topic: [] for topic in self.topics}
        self.waiting = collections.OrderedDict()  # Message by packet identifier
        self.acknowledged, self.refused = [], []
        self.producing, self.due, self.last_id = True, 0.0, 0
        self.connect()
        self.thread.start()

    def serve(self):
        now = time.monotonic()
        if self.producing and now >= self.due:
            self.due = now + PACE
            busy = collections.Counter(each.topic for each in list(self.waiting.values()))
            for topic in self.topics:
                if busy[topic] < IN_FLIGHT:
                    self._new(topic)
        packet = self.next_packet(0.005)
        while packet is not None:
            assert packet.kind == "puback", packet
            message = self.waiting.pop(packet.id)
            message.acknowledged, message.by = time.monotonic(), self.node.name
            (self.acknowledged if packet.reason < 0x80 else self.refused).append(message)
            if packet.reason >= 0x80:
                self.note(f"refused {message.topic} {message.number}: 0x{packet.reason:02x}")
            packet = self.next_packet(0.001)

    def _new(self, topic):
        self.last_id = self.last_id % 65535 + 1
        message = Message(topic, len(self.sent[topic]))
        self.sent[topic].append(message)
        self.waiting[self.last_id] = message
        message.first_sent = time.monotonic()
        self._send(self.last_id, message, False)

    def _send(self, identifier, message, dup):
        message.sent = time.monotonic()
        self.client.send(publish(message.topic, str(message.number), qos=1, id=identifier, dup=dup))

    def again(self):
        for identifier, message in self.waiting.items():
            self._send(identifier, message, True)


class Traffic:
    def __init__(self, cluster):
        self.subscribers = [Subscriber(cluster, "all", 0, "load/#"),
                            Subscriber(cluster, "one-publisher", 1, "load/p1/+"),
                            Subscriber(cluster, "exact", 2, topics_of("p2")[0]),
                            Subscriber(cluster, "all-too", 2, "load/+/+")]
        self.publishers = [Publisher(cluster, f"p{at}", at) for at in range(3)]

    def check_alive(self):
        failed = [each.failed for each in self.subscribers + self.publishers if each.failed]
        assert not failed, failed

    def acknowledged_since(self, moment):
        """Shards in which something sent after `moment` was acknowledged, and when first."""
        self.check_alive()
        found = {}
        for publisher in self.publishers:
            for message in reversed(list(publisher.acknowledged)):
                if message.acknowledged < moment:
                    break
                if message.sent > moment:
                    shard = shard_of(message.topic)
                    found[shard] = min(found.get(shard, FOREVER), message.acknowledged - moment)
        return found

    def silence(self, begin, end):
        """The longest time without an acknowledgement in a shard."""
        moments = collections.defaultdict(list)
        for publisher in self.publishers:
            for message in list(publisher.acknowledged):
                if begin <= message.acknowledged <= end:
                    moments[shard_of(message.topic)].append(message.acknowledged)
        return max(max(b - a for a, b in zip([begin, *sorted(moments[shard])],
                                             [*sorted(moments[shard]), end]))
                   for shard in range(SHARDS))

    def settle(self):
        for publisher in self.publishers:
            publisher.producing = False
        end = time.monotonic() + SETTLED_WITHIN
        while time.monotonic() < end and (any(p.waiting for p in self.publishers) or self.lost()):
            self.check_alive()
            time.sleep(0.1)

    def end(self):
        for each in self.subscribers + self.publishers:
            each.end()

    # the history

    def pairs(self):
        for subscriber in self.subscribers:
            for publisher in self.publishers:
                for topic in publisher.topics:
                    if subscriber.matches(topic):
                        yield subscriber, publisher, topic

    def lost(self):
        found = []
        for subscriber, publisher, topic in self.pairs():
            got = {each[0] for each in list(subscriber.got[topic])}
            found += [(subscriber.name, message) for message in list(publisher.acknowledged)
                      if message.topic == topic and message.number not in got]
        return found

    def disordered(self):
        found = []
        for subscriber, _, topic in self.pairs():
            last, seen = None, set()
            for each in subscriber.got[topic]:
                if each[0] not in seen and last and each[0] < last[0]:
                    found.append((subscriber.name, topic, last, each))
                if each[0] not in seen:
                    seen.add(each[0])
                    last = each
        return found

    def duplicates(self):
        return sum(len(subscriber.got[topic]) - len({each[0] for each in subscriber.got[topic]})
                   for subscriber, _, topic in self.pairs())


def owners(cluster):
    node = next(node for node in cluster.living() if node.ready())
    return {shard["shard"]: shard["owner"] for shard in node.shards()}


def tell(folder, traffic, story, begin):
    """Everything that a failure is understood by, in a file; the beginning of it as text."""
    at = lambda moment: round(moment - begin, 3) if moment else None  # noqa: E731
    lost = [(name, m.topic, shard_of(m.topic), m.number, "sent", at(m.first_sent), at(m.sent),
             "acknowledged", at(m.acknowledged), m.by) for name, m in traffic.lost()]
    order = [(name, topic, shard_of(topic), *((n, at(t), node, dup) for n, t, node, dup in pair))
             for name, topic, *pair in traffic.disordered()]
    waiting = [(p.name, i, m.topic, shard_of(m.topic), m.number, at(m.sent), p.node.name)
               for p in traffic.publishers for i, m in list(p.waiting.items())]
    clients = {each.name: [shard_of(each.name), *((at(t), *rest) for t, *rest in each.log)]
               for each in traffic.subscribers + traffic.publishers}
    told = {"lost": lost, "order": order, "never acknowledged": waiting,
            "story": [(at(t), *rest) for t, *rest in story], "clients (shard, events)": clients}
    path = folder / "history.json"
    path.write_text(json.dumps(told, indent=1))
    return (f"{len(lost)} lost, {len(order)} out of order, {len(waiting)} never acknowledged; "
            f"{path}\n" + "\n".join(f"{name}: {json.dumps(what)[:1500]}"
                                    for name, what in told.items()))


def test_what_is_acknowledged_survives_the_death_of_each_node(make_cluster):  # noqa: F811
    cluster = make_cluster(3, cluster={"replicas": 3}, node={"shards": SHARDS},
                           log={"level": os.environ.get("TROUPE_LOG", "info")}).start()
    cluster.wait_owners()
    begin, story = time.monotonic(), []

    def event(*what):
        story.append((time.monotonic(), time.strftime("%T"), *what))

    traffic = Traffic(cluster)
    try:
        for number in range(ROUNDS):
            node = cluster.nodes[number % len(cluster.nodes)]
            round_begin = time.monotonic()
            wait_for(lambda: len(traffic.acknowledged_since(round_begin)) == SHARDS, BACK_WITHIN,
                     "every shard acknowledges")
            time.sleep(LOAD)
            event("kill", node.name, owners(cluster))
            node.kill()
            killed = time.monotonic()
            wait_for(lambda: len(traffic.acknowledged_since(killed)) == SHARDS, BACK_WITHIN,
                     "every shard acknowledges again")
            back = max(traffic.acknowledged_since(killed).values())
            event("every shard acknowledges again", round(back, 3), owners(cluster))
            time.sleep(LOAD)
            restarted = time.monotonic()
            node.start()
            node.wait_ready()
            ready = time.monotonic() - restarted
            event("ready again", node.name, owners(cluster))
            time.sleep(LOAD)
            traffic.check_alive()
            print(f"round {number}: {node.name} killed; every shard acknowledged after {back:.2f} s,"
                  f" ready {ready:.2f} s after its start, longest silence of a shard"
                  f" {traffic.silence(round_begin, killed):.2f} s before the kill,"
                  f" {traffic.silence(restarted, time.monotonic()):.2f} s after the start")
        event("no new messages")
        traffic.settle()
    except BaseException as error:
        event("failed", repr(error)[:300])
        raise AssertionError(f"{error!r}\n{tell(cluster.folder, traffic, story, begin)}") from error
    finally:
        traffic.end()
    acknowledged = sum(len(publisher.acknowledged) for publisher in traffic.publishers)
    refused = sum(len(publisher.refused) for publisher in traffic.publishers)
    print(f"{acknowledged} acknowledged, {refused} refused, {traffic.duplicates()} duplicates")
    wrong = (traffic.lost() or traffic.disordered()
             or any(publisher.waiting for publisher in traffic.publishers))
    assert not wrong, tell(cluster.folder, traffic, story, begin)
    assert acknowledged > ROUNDS * SHARDS
