"""Clients as devices have them: they keep a session, go to another node by themselves when theirs
is gone or says nothing more, and send again what was not acknowledged."""

import asyncio
import collections
import random
import time

from failure.ledger import Message, topics_of
from wire.encoding import encode
from wire.packets import (V5, V311, connect_packet, disconnect, pingreq, puback, pubcomp, publish,
                          pubrec, pubrel, subscribe)
from wire.parser import Malformed, parse

FOREVER = 0xFFFFFFFF
CONNECTED_WITHIN = 10.0   # from the call to CONNACK: a session may have to be fetched first
PING_AFTER = 1.0          # of saying nothing
SILENCE = 4.0             # of the node, after which a client gives it up
PAUSE = (0.02, 0.2)       # before another node is tried
LOGGED = 400


class Lost(Exception):
    """The connection is no more."""


class Device:
    """A client with a session. `at` is the place of its node in the cluster's list; `wanders`:
    whether it goes to another one when a connection ends."""

    def __init__(self, engine, cluster, name, at, version=V5, wanders=True, clean=False):
        self.engine, self.cluster, self.name, self.at = engine, cluster, name, at
        self.version, self.wanders, self.clean = version, wanders, clean
        self.writer, self.heard_at, self.said_at = None, 0.0, 0.0
        self.known, self.ending, self.ready = False, False, False
        self.connections, self.task = 0, None
        self.faults, self.log = [], collections.deque(maxlen=LOGGED)
        self.illegal = collections.Counter()  # what the specification forbids

    def note(self, what):
        self.log.append((round(time.monotonic(), 3), self.node.name, what))

    def fault(self, what):
        """What must not happen, whatever fails."""
        self.faults.append(f"{self.name} at {self.node.name}: {what}")
        self.note(what)

    @property
    def node(self):
        return self.cluster.nodes[self.at % len(self.cluster.nodes)]

    def start(self):
        self.task = self.engine.keep(self._run())

    async def _run(self):
        while not self.ending:
            reader = None
            try:
                reader = await asyncio.wait_for(self._connect(), CONNECTED_WITHIN)
                await self._serve(reader)
            except (OSError, Lost, asyncio.TimeoutError, asyncio.IncompleteReadError) as lost:
                self.note(f"{'lost' if self.ready else 'not connected'}: {lost!r}")
            except Malformed as illegal:
                self.illegal[str(illegal)] += 1
                self.note(f"illegal: {illegal}")
            self.ready = False
            self.drop()
            if not self.ending:
                if self.wanders:
                    self.at += random.randint(1, len(self.cluster.nodes) - 1)
                await asyncio.sleep(random.uniform(*PAUSE))

    async def _connect(self):
        reader, self.writer = await asyncio.open_connection(*self.node.addresses["tcp"])
        self.buffer = bytearray()
        if self.version == V5:
            hello = connect_packet(self.name, clean_start=self.clean,
                                   session_expiry_interval=0 if self.clean else FOREVER)
        else:
            hello = connect_packet(self.name, clean_start=self.clean)
        self.send(hello)
        while (found := parse(self.buffer, self.version)) is None:
            await self._fill(reader)
        said, consumed = found
        del self.buffer[:consumed]
        if said.kind != "connack" or said.reason != 0:
            raise Lost(f"refused: {said}")
        if self.known and not said.session_present and not self.clean:
            self.fault("its session is lost")
        self.known, self.ready = True, True
        self.connections += 1
        self.note(f"connected, session {said.session_present}")
        self.connected()
        return reader

    async def _fill(self, reader):
        chunk = await reader.read(65536)
        if not chunk:
            raise Lost("closed")
        self.heard_at = time.monotonic()
        self.buffer += chunk

    async def _serve(self, reader):
        while True:
            while (found := parse(self.buffer, self.version)) is not None:
                packet, consumed = found
                del self.buffer[:consumed]
                if packet.kind == "disconnect":
                    raise Lost(f"told to go: {packet}")
                if packet.kind != "pingresp":
                    self.take(packet)
            await self._fill(reader)

    def send(self, packet):
        if self.writer and not self.writer.is_closing():
            self.said_at = time.monotonic()
            self.writer.write(encode(packet, self.version))

    def drop(self):
        if self.writer:
            self.writer.transport.abort()
            self.writer = None

    def look(self, now):
        """Several times a second."""
        if not self.ready:
            return
        if now - self.heard_at > SILENCE:
            self.note("says nothing")
            self.drop()
        elif now - self.said_at > PING_AFTER:
            self.send(pingreq())

    def connected(self):
        """At each CONNACK."""

    def take(self, packet):
        """A packet that is neither PINGRESP nor DISCONNECT."""
        self.fault(f"unexpected {packet}")

    async def end(self):
        self.ending = True
        if self.ready:
            self.send(disconnect())
            try:
                await asyncio.wait_for(self.writer.drain(), 1)
            except (OSError, asyncio.TimeoutError):
                pass
        if self.task:
            self.task.cancel()
        self.drop()


class Subscriber(Device):
    """Subscribes once, at `qos`; what it gets goes to the ledger under the name of `group`."""

    def __init__(self, engine, cluster, ledger, name, at, pattern, version=V5, group=None, qos=2,
                 **more):
        super().__init__(engine, cluster, name, at, version, **more)
        self.ledger, self.qos = ledger, qos
        self.reader = ledger.reader(group or name, pattern, ordered=not group)
        self.filter = f"$share/{group}/{pattern}" if group else pattern
        self.granted, self.open = False, {}  # of QoS 2, by packet identifier

    def connected(self):
        if not self.granted or self.clean:
            self.send(subscribe(1, (self.filter, self.qos)))

    def take(self, packet):
        if packet.kind == "suback":
            self.granted = packet.reasons == [self.qos]
            if not self.granted:
                self.fault(f"not granted: {packet}")
        elif packet.kind == "publish":
            self._receive(packet)
        elif packet.kind == "pubrel":
            self.open.pop(packet.id, None)
            self.send(pubcomp(packet.id))
        else:
            super().take(packet)

    def _receive(self, packet):
        said = packet.topic, int(packet.payload)
        if packet.qos == 2:
            was = self.open.get(packet.id)
            self.send(pubrec(packet.id))
            if was:
                if was != said:
                    self.fault(f"identifier {packet.id} of {was} again for {said}")
                return
            self.open[packet.id] = said
        elif packet.qos == 1:
            self.send(puback(packet.id))
        self.ledger.received(self.reader, self.name, *said, packet.qos, packet.dup, self.node.name)


class Publisher(Device):
    """Publishes to a topic in each shard, never more than `in_flight` to one of them."""

    def __init__(self, engine, cluster, ledger, name, at, qos, version=V5, in_flight=4,
                 leaves_when_refused=False, padding=0, **more):
        super().__init__(engine, cluster, name, at, version, **more)
        self.ledger, self.qos, self.in_flight = ledger, qos, in_flight
        self.padding = " " * padding
        self.leaves_when_refused = leaves_when_refused
        self.topics = topics_of(name, ledger.shards)
        self.numbers = dict.fromkeys(self.topics, 0)
        self.busy = collections.Counter()
        self.waiting = {}  # Message by packet identifier, in the order of sending
        self.producing, self.last_id = True, 0

    def produce(self):
        if not (self.producing and self.ready):
            return
        for topic in self.topics:
            if self.busy[topic] < self.in_flight:
                self._new(topic)

    def _new(self, topic):
        self.last_id = self.last_id % 65535 + 1
        while self.last_id in self.waiting:
            self.last_id = self.last_id % 65535 + 1
        message = Message(topic, self.numbers[topic], self.qos)
        self.numbers[topic] += 1
        self.busy[topic] += 1
        self.waiting[self.last_id] = message
        message.first_sent = time.monotonic()
        self._send(self.last_id, message, False)

    def _send(self, identifier, message, dup):
        message.sent = time.monotonic()
        self.send(publish(message.topic, f"{message.number}{self.padding}", qos=message.qos, id=identifier,
                          dup=dup))

    def connected(self):
        for identifier, message in self.waiting.items():
            if message.released:
                self.send(pubrel(identifier))
            else:
                self._send(identifier, message, True)

    def take(self, packet):
        message = self.waiting.get(packet.id)
        if message is None:
            # To a PUBREL that was sent again the answer may come twice.
            if packet.kind not in ("pubcomp", "pubrec"):
                self.fault(f"{packet} answers nothing")
            return
        if packet.kind == "pubcomp" and message.qos == 2:
            self._settle(packet.id)
        elif packet.kind == ("puback", "pubrec")[message.qos - 1]:
            self._answered(packet, message)
        else:
            super().take(packet)

    def _answered(self, packet, message):
        if packet.reason >= 0x80:
            self._settle(packet.id)
            self.ledger.refuse(message, self.node.name, packet.reason)
            if self.leaves_when_refused:
                self.note(f"refused: {packet}")
                self.drop()
            return
        if not message.released:
            self.ledger.acknowledged(message, self.node.name)
        if message.qos == 1:
            self._settle(packet.id)
        else:
            message.released = True
            self.send(pubrel(packet.id))

    def _settle(self, identifier):
        message = self.waiting.pop(identifier)
        self.busy[message.topic] -= 1


__all__ = ["V5", "V311", "Device", "Lost", "Publisher", "Subscriber"]
