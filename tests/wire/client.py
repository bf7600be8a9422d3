"""A client that says exactly what it is told to say, and checks what it hears.

Every wait has a deadline. Besides what a test expects, each packet is held
against what the client announced in its CONNECT: packet size, topic aliases,
receive maximum, problem information.
"""

import itertools
import socket
import time

from wire.encoding import encode
from wire.packets import (V5, Packet, differences, disconnect, pingreq, pingresp, puback, pubcomp,
                          publish, pubrec, pubrel, short, subscribe, suback, unsuback,
                          unsubscribe)
from wire.parser import Malformed, parse

DEADLINE = 5.0


class Unexpected(AssertionError):
    """Something else arrived than the script says, or nothing at all."""


class Closed(Unexpected):
    """The broker closed the connection."""


class Client:
    """One connection. `stream` is a socket or anything with its five methods."""

    def __init__(self, stream, version=V5, reasons_required=False):
        self.stream = stream
        self.version = version
        self.reasons_required = reasons_required
        self.received = bytearray()
        self.inbox = []
        self.identifiers = itertools.count(1)
        self.aliases = {}
        self.announced = {}
        self.unacknowledged = set()
        self.connack = None
        self.ended = None

    # sending

    def send(self, *packets):
        """Packets or raw bytes, in one write."""
        raw = b""
        for packet in packets:
            if isinstance(packet, Packet):
                self._remember(packet)
                packet = encode(packet, self.version)
            raw += packet
        self.send_raw(raw)

    def send_raw(self, raw):
        try:
            self.stream.settimeout(DEADLINE)
            self.stream.sendall(raw)
        except OSError:
            # Closed by the broker meanwhile: reading shows what it said before.
            self.ended = self.ended or "reset"

    def _remember(self, packet):
        if packet.kind == "connect":
            self.announced = packet.properties
        elif packet.kind in ("puback", "pubcomp"):
            self.unacknowledged.discard(packet.id)
        elif packet.kind == "pubrec" and (packet.reason or 0) >= 0x80:
            self.unacknowledged.discard(packet.id)

    # receiving

    def next_packet(self, within=DEADLINE):
        """The next packet. Raises Closed at the end of the stream, Unexpected at the deadline."""
        if self.inbox:
            return self.inbox.pop(0)
        return self._read_packet(within)

    def _read_packet(self, within=DEADLINE):
        end = time.monotonic() + within
        while True:
            found = parse(self.received, self.version)
            if found:
                packet, consumed = found
                del self.received[:consumed]
                self._check(packet, consumed)
                return packet
            self._fill(end, within)

    def _fill(self, end, within):
        left = end - time.monotonic()
        if left <= 0:
            raise Unexpected(f"nothing arrived within {within} s")
        self.stream.settimeout(left)
        try:
            chunk = self.stream.recv(65536)
        except socket.timeout:
            return
        except OSError:
            self.ended = "reset"
            raise Closed("the broker reset the connection") from None
        if not chunk:
            self.ended = self.ended or "closed"
            if self.received:
                raise Malformed(f"connection closed within a packet: {bytes(self.received)!r}")
            raise Closed("the broker closed the connection")
        self.received += chunk

    def _check(self, packet, size):
        """What the client announced in its CONNECT binds the broker."""
        limit = self.announced.get("maximum_packet_size")
        if limit and size > limit:
            raise Malformed(f"{packet} has {size} bytes, the client takes {limit}")
        plain = packet.kind in ("publish", "connack", "disconnect")
        if self.announced.get("request_problem_information") == 0 and not plain:
            if "reason_string" in packet.properties or "user_property" in packet.properties:
                raise Malformed(f"{packet} explains itself to a client that declined that")
        if packet.kind == "publish":
            self._check_publish(packet)

    def _check_publish(self, packet):
        alias = packet.property("topic_alias")
        if alias:
            if alias > self.announced.get("topic_alias_maximum", 0):
                raise Malformed(f"{packet} uses an alias above the maximum")
            if packet.topic:
                self.aliases[alias] = packet.topic
            elif alias not in self.aliases:
                raise Malformed(f"{packet} uses an alias that was never set")
            packet.fields["topic_on_wire"] = packet.topic
            packet.fields["topic"] = self.aliases[alias]
        if packet.qos:
            if packet.id in self.unacknowledged and not packet.dup:
                raise Malformed(f"{packet} reuses an identifier that is in use")
            self.unacknowledged.add(packet.id)
            window = self.announced.get("receive_maximum", 65535)
            if len(self.unacknowledged) > window:
                raise Malformed(f"{packet} is beyond the receive maximum of {window}")

    # scripts

    def expect(self, *packets, within=DEADLINE):
        """The next packets are these, in this order. Returns the last one as received."""
        got = None
        for expected in packets:
            try:
                got = self.next_packet(within)
            except Closed as closed:
                raise Closed(f"{closed}, expected {expected}") from None
            except Unexpected as nothing:
                raise Unexpected(f"{nothing}, expected {expected}") from None
            wrong = differences(expected, got)
            if wrong:
                raise Unexpected(f"{'; '.join(wrong)}\n  got      {got}\n  expected {expected}")
        return got

    def expect_any_order(self, *packets, within=DEADLINE):
        """The next packets are these, in some order. Returns them in the order given."""
        missing, found = list(packets), {}
        while missing:
            got = self.next_packet(within)
            fits = next((p for p in missing if not differences(p, got)), None)
            if fits is None:
                raise Unexpected(f"got {got}, expected one of {missing}")
            missing.remove(fits)
            found[id(fits)] = got
        return [found[id(p)] for p in packets]

    def await_packet(self, expected, within=DEADLINE):
        """Waits for a packet; what comes before it is kept for later `expect` calls."""
        end = time.monotonic() + within
        while True:
            got = self._read_packet(max(0.01, end - time.monotonic()))
            if not differences(expected, got):
                return got
            if got.kind == expected.kind and got.fields.get("id") == expected.fields.get("id"):
                raise Unexpected(f"got {got}, expected {expected}")
            self.inbox.append(got)

    def expect_nothing(self):
        """Nothing has arrived and nothing is on its way: two round trips show it."""
        for _ in range(2):
            self.send(pingreq())
            got = self.next_packet()
            if got.kind != "pingresp":
                raise Unexpected(f"got {got}, expected nothing")

    def expect_close(self, reason=None, within=DEADLINE):
        """The broker ends the connection, and may say why in one packet before.

        `reason` is the code, or set of codes, of the DISCONNECT (before a
        CONNACK was received: of the CONNACK). With `reasons_required` an
        established MQTT 5.0 connection must be told.
        """
        said = None
        try:
            said = self.next_packet(within)
            self._check_farewell(said, reason)
            after = self.next_packet(within)
            raise Unexpected(f"{after} after {said}")
        except Closed:
            pass
        except Unexpected as unexpected:
            if said is None:
                raise Unexpected(f"{unexpected}, expected the connection to be closed") from None
            raise
        quiet = said is None and self.ended != "reset"
        if quiet and reason and self.reasons_required and self.connack and self.version == V5:
            raise Unexpected(f"closed without a DISCONNECT, expected {_shown(reason)}")
        return said

    def _check_farewell(self, said, reason):
        wanted = "disconnect" if self.connack else "connack"
        if said.kind != wanted:
            raise Unexpected(f"got {said}, expected the connection to be closed")
        if said.kind == "connack" and said.reason == 0:
            raise Unexpected("the connection was accepted, expected a refusal")
        allowed = {reason} if isinstance(reason, int) else reason
        if allowed and self.version == V5 and said.reason not in allowed:
            raise Unexpected(f"{said}, expected the reason {_shown(allowed)}")

    # whole exchanges

    def new_id(self):
        return next(self.identifiers)

    def subscribe(self, *filters, granted=None, **properties):
        """SUBSCRIBE and its SUBACK; every filter must be granted as asked."""
        number = self.new_id()
        request = subscribe(number, *filters, **properties)
        self.send(request)
        wanted = [o & 3 for _, o in request.filters] if granted is None else granted
        return self.await_packet(suback(number, wanted))

    def unsubscribe(self, *filters, **properties):
        number = self.new_id()
        self.send(unsubscribe(number, *filters, **properties))
        return self.await_packet(unsuback(number))

    def publish(self, topic, payload="", qos=0, retain=False, reason=None, **properties):
        """PUBLISH and the whole exchange of its QoS. Returns the first acknowledgement."""
        number = self.new_id() if qos else None
        self.send(publish(topic, payload, qos=qos, id=number, retain=retain, **properties))
        if qos == 0:
            return None
        if qos == 1:
            return self.await_packet(puback(number, reason))
        received = self.await_packet(pubrec(number, reason))
        if received.reason < 0x80:
            self.send(pubrel(number))
            self.await_packet(pubcomp(number))
        return received

    def receive(self, expected, within=DEADLINE):
        """Expects a PUBLISH and acknowledges it as its QoS demands."""
        got = self.expect(expected, within=within)
        self.acknowledge(got)
        return got

    def acknowledge(self, got):
        if got.qos == 1:
            self.send(puback(got.id))
        elif got.qos == 2:
            self.send(pubrec(got.id))
            self.await_packet(pubrel(got.id))
            self.send(pubcomp(got.id))

    def disconnect(self, reason=None, **properties):
        """DISCONNECT, and waits until the broker has closed its side."""
        self.send(disconnect(reason, **properties))
        while True:
            try:
                self.next_packet()
            except Closed:
                break
        self.close()

    def close(self):
        """Ends the connection without a word, as a failing network does."""
        self.stream.close()

    def ping(self):
        self.send(pingreq())
        self.await_packet(pingresp())


def _shown(reasons):
    return ", ".join(short(r) for r in sorted({reasons} if isinstance(reasons, int) else reasons))


def open_tcp(address):
    """A socket to (host, port)."""
    stream = socket.create_connection(address, timeout=DEADLINE)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return stream
