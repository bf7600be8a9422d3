"""The wires between the nodes of a cluster: what is sent on them can be held up or thrown away.

Each node advertises a proxy's address, so whatever the others dial goes through it. Who dials is
found in /proc: the socket at the other end of an accepted connection belongs to one of the nodes.
"""

import asyncio
import os
import pathlib
import re
import socket

from wire.engine import Engine

CHUNK = 65536
RESOLVED = 20        # looks into /proc, 10 ms apart, before a caller is taken for a stranger


def _inode_of(port):
    """The inode of the open socket on loopback with that local port. The table may be long."""
    table = pathlib.Path("/proc/net/tcp").read_text()
    for found in re.finditer(rf"^ *\d+: 0100007F:{port:04X} (.*)$", table, re.M):
        inode = found[1].split()[7]
        if inode != "0":
            return inode
    return None


def _has_socket(pid, inode):
    try:
        for each in os.scandir(f"/proc/{pid}/fd"):
            try:
                if os.readlink(each.path) == f"socket:[{inode}]":
                    return True
            except OSError:
                pass
    except OSError:
        pass
    return False


class Wires:
    """`Wires(cluster)` before the cluster starts. A wire is a direction: (from, to), by the
    nodes' names. Nobody is ever told that a wire is cut: connections stay open and are taken."""

    def __init__(self, cluster):
        self.engine, self.cluster = Engine(), cluster
        self.dead = set()      # wires on which nothing arrives
        self.connections = set()
        self.changed = asyncio.Event()
        self.servers = []
        for node in cluster.nodes:
            server = self.engine.call(self._listen, node)
            self.servers.append(server)
            node.tables["cluster"]["advertise"] = "127.0.0.1:%d" % server.sockets[0].getsockname()[1]

    async def _listen(self, node):
        return await asyncio.start_server(lambda r, w: self._accept(node, r, w), "127.0.0.1", 0,
                                          limit=CHUNK)

    # what tests do

    def cut(self, one, other, both=True):
        """From now on nothing that `one` sends arrives at `other`, and, if both, the other way."""
        self._set(lambda: self.dead.update(self._wires(one, other, both)))

    def heal(self, one=None, other=None):
        """What was held goes on, as TCP would send it again; without names: all wires."""
        def mend():
            self.dead -= self._wires(one, other, True) if one else set(self.dead)
        self._set(mend)

    def isolate(self, node):
        for other in self.cluster.nodes:
            if other is not node:
                self.cut(node, other)

    def break_all(self, one, other):
        """The connections between two nodes are reset; new ones may be made."""
        def reset():
            for each in list(self.connections):
                if each.names == {one.name, other.name}:
                    each.close()
        self._set(reset)

    def end(self):
        async def close():
            for server in self.servers:
                server.close()
            for each in list(self.connections):
                each.close()
        self.engine.call(close)
        self.engine.end()

    @staticmethod
    def _wires(one, other, both):
        wires = {(one.name, other.name)}
        return wires | {(other.name, one.name)} if both else wires

    def _set(self, change):
        async def apply():
            change()
            self.changed.set()
            self.changed = asyncio.Event()
        self.engine.call(apply)

    # connections

    async def _caller(self, writer):
        port = writer.get_extra_info("peername")[1]
        for _ in range(RESOLVED):
            # In a thread of its own: other wires must not wait for it.
            found = await asyncio.to_thread(self._find, port)
            if found:
                return found
            await asyncio.sleep(0.01)
        return None

    def _find(self, port):
        inode = _inode_of(port)
        return next((node for node in self.cluster.nodes if inode and node.alive()
                     and _has_socket(node.process.pid, inode)), None)

    async def _accept(self, callee, reader, writer):
        caller = await self._caller(writer)
        if not caller or not callee.cluster_address:
            writer.transport.abort()
            return
        connection = _Connection(self, caller, callee)
        self.connections.add(connection)
        try:
            await connection.run(reader, writer)
        finally:
            connection.close()
            self.connections.discard(connection)

    async def passable(self, wire):
        while wire in self.dead:
            await self.changed.wait()


class _Connection:
    def __init__(self, wires, caller, callee):
        self.wires, self.caller, self.callee = wires, caller, callee
        self.names = {caller.name, callee.name}
        self.transports = []

    async def run(self, reader, writer):
        self.transports.append(writer.transport)
        there, back = (self.caller.name, self.callee.name), (self.callee.name, self.caller.name)
        # The callee hears of the call when it could: SYN and its answer pass both wires.
        await self.wires.passable(there)
        await self.wires.passable(back)
        try:
            far_reader, far_writer = await asyncio.open_connection(*self.callee.cluster_address,
                                                                   limit=CHUNK)
        except OSError:
            return
        self.transports.append(far_writer.transport)
        for transport in self.transports:
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pumps = [asyncio.create_task(self._pump(reader, far_writer, there)),
                 asyncio.create_task(self._pump(far_reader, writer, back))]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(self, reader, writer, wire):
        """An end or a reset is a word as well: it does not pass a dead wire."""
        try:
            while chunk := await reader.read(CHUNK):
                await self.wires.passable(wire)
                writer.write(chunk)
                await writer.drain()
        except OSError:
            pass
        await self.wires.passable(wire)

    def close(self):
        for transport in self.transports:
            transport.abort()
