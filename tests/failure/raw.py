"""Raw sockets by the thousand, and attacks in processes of their own."""

import errno
import multiprocessing
import os
import resource
import select
import socket
import struct
import time
import traceback

PATIENCE = 20.0


def dial(address, number=0, timeout=5.0):
    """A TCP connection from one of many loopback addresses, so that ports do not run out."""
    stream = socket.socket()
    stream.settimeout(timeout)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if number:
        stream.bind((f"127.0.1.{1 + number % 200}", 0))
    stream.connect(address)
    return stream


def reset(stream):
    """Ends a connection with RST; leaves nothing in TIME_WAIT."""
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.close()


def send(stream, raw):
    """Sends, whether or not the broker has closed meanwhile."""
    try:
        stream.sendall(raw)
        return True
    except OSError:
        return False


def answer(stream, within=5.0):
    """What the broker says before it closes, or None if it does not close in time."""
    end, said = time.monotonic() + within, b""
    while True:
        stream.settimeout(max(0.001, end - time.monotonic()))
        try:
            chunk = stream.recv(65536)
        except socket.timeout:
            return None
        except OSError:
            return said
        if not chunk:
            return said
        said += chunk
        if time.monotonic() > end:
            return None


def await_closed(streams, within=PATIENCE, on_tick=None):
    """Seconds until each stream was closed by its peer, in the order of closing; fails at the end.

    `on_tick` is called every 50 ms with what is still open.
    """
    begin = time.monotonic()
    open_ones = {stream.fileno(): stream for stream in streams}
    poller = select.epoll()
    for number, stream in open_ones.items():
        stream.setblocking(False)
        poller.register(number, select.EPOLLIN | select.EPOLLRDHUP)
    took, tick = [], begin
    while open_ones:
        now = time.monotonic()
        if now - begin > within:
            raise AssertionError(f"{len(open_ones)} of {len(streams)} connections are open "
                                 f"after {within} s")
        for number, _ in poller.poll(0.05, 1024):
            try:
                ended = not open_ones[number].recv(65536)
            except OSError as error:
                ended = error.errno not in (errno.EAGAIN, errno.EINTR)
            if ended:
                poller.unregister(number)
                open_ones.pop(number).close()
                took.append(time.monotonic() - begin)
        if on_tick and now - tick > 0.05:
            tick = now
            on_tick(list(open_ones.values()))
    poller.close()
    return took


def allow_files(count):
    """Raises the limit of open files of this process; fails where the machine forbids it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))
    return min(count, hard)


def _run(function, arguments, told):
    # Attackers share the processors with the broker only because this is one machine.
    os.nice(10)
    try:
        told.send((True, function(*arguments)))
    except BaseException:  # pylint: disable=broad-except
        told.send((False, traceback.format_exc()))


class Attack:
    """A function that runs in a process of its own; `result` waits for it."""

    def __init__(self, function, *arguments):
        context = multiprocessing.get_context("fork")
        self._told, theirs = context.Pipe(duplex=False)
        self._process = context.Process(target=_run, args=(function, arguments, theirs),
                                        daemon=True)
        self._process.start()
        theirs.close()

    def result(self, within=60.0):
        try:
            if not self._told.poll(within):
                raise AssertionError(f"the attack is not over after {within} s")
            fine, value = self._told.recv()
        except EOFError:
            raise AssertionError("the attacking process ended without a word") from None
        finally:
            self._process.kill()
            self._process.join()
        if not fine:
            raise AssertionError(value)
        return value
