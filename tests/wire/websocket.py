"""The client's side of RFC 6455, as much as MQTT over WebSocket needs.

A `WebSocket` has the methods of a socket that `Client` uses: what is sent goes
into one binary frame, what is received is the content of binary frames.
"""

import base64
import os
import socket
import struct
import time

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


class Refused(AssertionError):
    """The server did not switch protocols."""


class WebSocket:
    def __init__(self, address, path="/mqtt", protocols="mqtt", timeout=5.0, stream=None):
        """`stream` is a connection to the address, if there is one already."""
        self.stream = stream or socket.create_connection(address, timeout=timeout)
        self.timeout = timeout
        self.raw = bytearray()
        self.content = bytearray()
        self.ended = False
        self.close_code = None
        self.status, self.headers = self._upgrade(address, path, protocols)

    def _upgrade(self, address, path, protocols):
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", f"Host: {address[0]}:{address[1]}", "Upgrade: websocket",
                 "Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"]
        if protocols:
            lines.append(f"Sec-WebSocket-Protocol: {protocols}")
        self.stream.sendall("\r\n".join(lines + ["", ""]).encode())
        end = time.monotonic() + self.timeout
        while b"\r\n\r\n" not in self.raw:
            self.stream.settimeout(max(0.01, end - time.monotonic()))
            chunk = self.stream.recv(4096)
            if not chunk:
                raise Refused("closed during the upgrade")
            self.raw += chunk
        head, _, rest = bytes(self.raw).partition(b"\r\n\r\n")
        self.raw = bytearray(rest)
        first, *fields = head.decode().split("\r\n")
        headers = {}
        for field in fields:
            name, _, value = field.partition(":")
            headers[name.strip().lower()] = value.strip()
        return int(first.split()[1]), headers

    # sending

    def send_frame(self, opcode, payload, final=True):
        mask = os.urandom(4)
        length = len(payload)
        head = bytes([final << 7 | opcode])
        if length < 126:
            head += bytes([0x80 | length])
        elif length < 65536:
            head += bytes([0x80 | 126]) + struct.pack(">H", length)
        else:
            head += bytes([0x80 | 127]) + struct.pack(">Q", length)
        masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
        self.stream.sendall(head + mask + masked)

    def sendall(self, payload):
        self.send_frame(BINARY, payload)

    # receiving

    def settimeout(self, seconds):
        self.timeout = seconds

    def recv(self, count):
        """Content of binary frames; empty when the server has closed."""
        end = time.monotonic() + self.timeout
        while not self.content and not self.ended:
            if not self._take_frame():
                self.stream.settimeout(max(0.01, end - time.monotonic()))
                chunk = self.stream.recv(65536)
                if not chunk:
                    self.ended = True
                self.raw += chunk
        taken = bytes(self.content[:count])
        del self.content[:count]
        return taken

    def _take_frame(self):
        if len(self.raw) < 2:
            return False
        opcode, length, at = self.raw[0] & 0x0F, self.raw[1] & 0x7F, 2
        if self.raw[1] & 0x80:
            raise Refused("a server must not mask its frames")
        if length >= 126:
            width = 2 if length == 126 else 8
            if len(self.raw) < 2 + width:
                return False
            length, at = int.from_bytes(self.raw[2:2 + width], "big"), 2 + width
        if len(self.raw) < at + length:
            return False
        payload = bytes(self.raw[at:at + length])
        del self.raw[:at + length]
        self._on_frame(opcode, payload)
        return True

    def _on_frame(self, opcode, payload):
        if opcode in (BINARY, CONTINUATION):
            self.content += payload
        elif opcode == CLOSE:
            self.close_code = int.from_bytes(payload[:2], "big") if payload else None
            self.ended = True
        elif opcode == PING:
            self.send_frame(PONG, payload)
        elif opcode == TEXT:
            raise Refused("MQTT in a text frame")

    def close(self):
        self.stream.close()
