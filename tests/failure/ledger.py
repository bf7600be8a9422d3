"""What was published, acknowledged and received, and what is wrong with it."""

import collections
import json
import time

MOST_TOLD = 200


def shard_of(key, shards):
    """As cluster/shard_hash.cpp."""
    mask = 0xFFFFFFFFFFFFFFFF
    found = 0xCBF29CE484222325
    for each in key.encode():
        found = (found ^ each) * 0x100000001B3 & mask
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        found = (found ^ found >> 33) * factor & mask
    return (found ^ found >> 33) * shards >> 64


def topics_of(publisher, shards):
    """A topic in each shard."""
    found, number = {}, 0
    while len(found) < shards:
        topic = f"load/{publisher}/{number}"
        found.setdefault(shard_of(topic, shards), topic)
        number += 1
    return [found[shard] for shard in sorted(found)]


def matches(pattern, topic):
    levels, names = pattern.split("/"), topic.split("/")
    if levels[-1] == "#":
        levels, names = levels[:-1], names[:len(levels) - 1]
    return len(levels) == len(names) and all(a in ("+", b) for a, b in zip(levels, names))


class Message:
    """One message of a publisher; `number` counts within its topic."""

    __slots__ = ("topic", "number", "qos", "first_sent", "sent", "acknowledged", "by", "released")

    def __init__(self, topic, number, qos):
        self.topic, self.number, self.qos = topic, number, qos
        self.first_sent = self.sent = self.acknowledged = self.by = None
        self.released = False


class Reader:
    """Whoever is owed each message of a pattern once: a subscriber, or a shared group."""

    def __init__(self, name, pattern, ordered):
        self.name, self.pattern = name, pattern
        self.ordered = ordered  # [MQTT-4.6.0-6] says nothing of shared subscriptions
        self.seen = collections.defaultdict(set)
        self.missing = {}  # Message, by (topic, number)
        self.fits = {}

    def matches(self, topic):
        if topic not in self.fits:
            self.fits[topic] = matches(self.pattern, topic)
        return self.fits[topic]


class Ledger:
    """Kept in the engine's loop: every message is looked at when it is acknowledged and whenever
    it is received, so that a long run costs no more memory than the numbers seen."""

    def __init__(self, shards):
        self.shards, self.begin = shards, time.monotonic()
        self.readers = {}
        self.last = {}  # what each member had last of each topic for the first time
        self.disordered, self.twice, self.story = [], [], []
        self.again = 0  # QoS 1, a second time
        self.counts = collections.Counter()
        self.refused = []
        self.acknowledged_at = collections.defaultdict(list)  # (acknowledged, sent) by shard

    def at(self, moment=None):
        """Seconds since the beginning."""
        return round((moment or time.monotonic()) - self.begin, 3)

    def event(self, *what):
        self.story.append((self.at(), time.strftime("%T"), *what))

    def reader(self, name, pattern, ordered=True):
        return self.readers.setdefault(name, Reader(name, pattern, ordered))

    def acknowledged(self, message, by):
        message.acknowledged, message.by = time.monotonic(), by
        self.counts["acknowledged"] += 1
        self.acknowledged_at[shard_of(message.topic, self.shards)].append(
            (message.acknowledged, message.sent))
        for reader in self.readers.values():
            if reader.matches(message.topic) and message.number not in reader.seen[message.topic]:
                reader.missing[message.topic, message.number] = message

    def refuse(self, message, by, reason):
        self.counts[f"refused 0x{reason:02x}"] += 1
        self.refused.append((self.at(), message.topic, message.number, by, reason,
                             round(time.monotonic() - message.first_sent, 3)))

    def received(self, reader, member, topic, number, qos, dup, node):
        self.counts["received"] += 1
        told = (number, self.at(), node, dup)
        if number in reader.seen[topic]:
            if qos == 2:
                self.twice.append((reader.name, member, topic, *told))
            else:
                self.again += 1
            return
        last = self.last.get((member, topic))
        if last and number < last[0] and not reader.ordered:
            self.counts["shared out of order"] += 1
        elif last and number < last[0]:
            self.disordered.append((member, topic, shard_of(topic, self.shards), last, told))
        self.last[member, topic] = told
        reader.seen[topic].add(number)
        reader.missing.pop((topic, number), None)

    def missing(self):
        return sum(len(reader.missing) for reader in self.readers.values())

    def served_since(self, moment):
        """Seconds until something was acknowledged that was sent after it, by shard."""
        found = {}
        for shard, all_of in list(self.acknowledged_at.items()):
            times = []
            for acknowledged, sent in reversed(all_of):
                if acknowledged < moment:
                    break
                if sent >= moment:
                    times.append(acknowledged - moment)
            if times:
                found[shard] = min(times)
        return found

    def silence(self, begin, end):
        """The longest time without an acknowledgement in a shard."""
        longest = 0.0
        for shard in range(self.shards):
            times = [t for t, _ in list(self.acknowledged_at[shard]) if begin <= t <= end]
            longest = max(longest, *(b - a for a, b in zip([begin, *times], [*times, end])))
        return longest

    def forget(self, before):
        """Times of acknowledgements that no question will be asked about."""
        for shard, all_of in self.acknowledged_at.items():
            self.acknowledged_at[shard] = [each for each in all_of if each[0] >= before]

    def lost(self):
        return [(reader.name, m.topic, shard_of(m.topic, self.shards), m.number, f"QoS {m.qos}",
                 "sent", self.at(m.first_sent), self.at(m.sent), "acknowledged",
                 self.at(m.acknowledged), m.by)
                for reader in self.readers.values() for m in reader.missing.values()]

    def tell(self, path, **more):
        """Everything by which a failure is understood, in a file; the beginning of it as text."""
        lost = self.lost()
        told = {"lost": lost, "order": self.disordered, "QoS 2 twice": self.twice, **more,
                "refused": self.refused[:MOST_TOLD], "counts": self.counts, "story": self.story}
        path.write_text(json.dumps(told, indent=1))
        return (f"{len(lost)} lost, {len(self.disordered)} out of order, {len(self.twice)} of QoS 2"
                f" twice; {path}\n" + "\n".join(f"{name}: {json.dumps(what)[:1200]}"
                                                 for name, what in told.items()))
