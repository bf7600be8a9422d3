"""A well-behaved client in a process of its own: publishes to itself with QoS 1,
again and again, and measures each way there and back.

    python3 witness.py HOST PORT PID    # until standard input ends; then one line of JSON

It shares nothing with the test, not even an interpreter, so that what it
measures is the broker and not the test. Other tests may run on the machine at
the same time: the time in which a thread of the broker (PID) or the witness was
ready to run and had no processor is the scheduler's, and is told apart."""

import json
import os
import pathlib
import select
import socket
import struct
import sys
import time

PAUSE = 0.004
TOPIC = b"witness/echo"


def packet(first, body):
    assert len(body) < 128
    return bytes([first, len(body)]) + body


def text(value):
    return struct.pack(">H", len(value)) + value


class Witness:
    def __init__(self, host, port):
        self.stream = socket.create_connection((host, port), timeout=10)
        self.stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""
        connect = text(b"MQTT") + b"\x04\x02" + struct.pack(">H", 0) + text(b"witness")
        self.stream.sendall(packet(0x10, connect))
        assert self.next_packet() == (0x20, b"\x00\x00")
        self.stream.sendall(packet(0x82, b"\x00\x01" + text(TOPIC) + b"\x01"))
        assert self.next_packet() == (0x90, b"\x00\x01\x01")

    def next_packet(self):
        while len(self.received) < 2 or len(self.received) < 2 + self.received[1]:
            chunk = self.stream.recv(4096)
            if not chunk:
                raise RuntimeError("the broker closed the connection of the witness")
            self.received += chunk
        end = 2 + self.received[1]
        found, self.received = self.received[:end], self.received[end:]
        return found[0], found[2:]

    def round_trip(self, number):
        """Seconds from PUBLISH until it was acknowledged and came back."""
        payload = str(number).encode()
        begin = time.monotonic()
        self.stream.sendall(packet(0x32, text(TOPIC) + b"\x00\x07" + payload))
        acknowledged = back = False
        while not (acknowledged and back):
            first, body = self.next_packet()
            if first == 0x40:
                acknowledged = True
            elif first == 0x32:
                topic, identifier, got = body[2:2 + len(TOPIC)], body[2 + len(TOPIC):][:2], \
                    body[4 + len(TOPIC):]
                assert (topic, got) == (TOPIC, payload), body
                back = True
                self.stream.sendall(packet(0x40, identifier))
            else:
                raise RuntimeError(f"the witness got a packet of type 0x{first:02x}")
        return time.monotonic() - begin


class Delays:
    """Seconds that threads of the broker and this one have waited for a processor."""

    def __init__(self, pid):
        tasks = [*pathlib.Path(f"/proc/{pid}/task").glob("*"), pathlib.Path("/proc/self")]
        try:
            self.files = [open(task / "schedstat", "rb", buffering=0) for task in tasks]
        except OSError:
            self.files = []  # a kernel that does not tell

    def read(self):
        if not self.files:
            return [0.0, 0.0]
        return [int(os.pread(file.fileno(), 64, 0).split()[1]) / 1e9 for file in self.files]


def main():
    witness = Witness(sys.argv[1], int(sys.argv[2]))
    delays = Delays(sys.argv[3])
    print("ready", flush=True)
    times, waits = [], []
    try:
        while not select.select([sys.stdin], [], [], PAUSE)[0]:
            before = delays.read()
            took = witness.round_trip(len(times))
            waited = [b - a for a, b in zip(before, delays.read())]
            # Threads wait side by side: the longest of the broker's, and the witness's own.
            waits.append(max(waited[:-1]) + waited[-1])
            times.append(took)
    except (OSError, RuntimeError, AssertionError) as error:
        print(json.dumps({"failed": repr(error), "round_trips": len(times)}))
        return
    served = max(max(0.0, took - waited) for took, waited in zip(times, waits))
    times.sort()
    print(json.dumps({"round_trips": len(times), "served": served, "worst": times[-1],
                      "median": times[len(times) // 2],
                      "p99": times[len(times) * 99 // 100]}))


if __name__ == "__main__":
    main()
