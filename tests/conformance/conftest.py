"""The broker under test and what every packet script starts from.

    pytest -n 4 tests/conformance                           # build/dev/tools/troupe/troupe
    pytest -n 4 tests/conformance --broker mosquitto        # Debian's, to check the suite
    pytest -n 4 tests/conformance --binary PATH

Each worker of xdist runs one broker; the scripts share it and keep apart by
names that are unique in it.
"""

import itertools
import os

import pytest
from wire import broker as brokers
from wire.client import Client, open_tcp
from wire.packets import V5, connack, connect_packet
from wire.websocket import WebSocket

_numbers = itertools.count(1)


def pytest_addoption(parser):
    parser.addoption("--broker", choices=sorted(brokers.KINDS), default="troupe")
    parser.addoption("--binary", help="path of the broker, default TROUPE_BINARY or the dev build")


def pytest_configure(config):
    config.addinivalue_line("markers", "statement(*numbers, version): the statements a test holds")
    config.addinivalue_line("markers", "only(broker): the test needs what only this broker has")


def pytest_collection_modifyitems(config, items):
    for item in items:
        needed = item.get_closest_marker("only")
        if needed and config.getoption("--broker") not in needed.args:
            item.add_marker(pytest.mark.skip(reason=f"needs {', '.join(needed.args)}"))


@pytest.fixture(scope="session")
def start_broker(request):
    """Starts a broker with settings of its own; the same settings share one process."""
    kind = request.config.getoption("--broker")
    binary = request.config.getoption("--binary") or brokers.default_binary(kind)
    if not os.path.exists(binary):
        pytest.exit(f"no broker at {binary}; build it or name one with --binary", 3)
    running = {}

    def start(**settings):
        key = tuple(sorted(settings.items()))
        if key not in running:
            running[key] = brokers.KINDS[kind](binary, **settings).start()
        return running[key]

    yield start
    for one in running.values():
        one.remove()


@pytest.fixture(scope="session")
def shared_broker(start_broker):
    return start_broker()


@pytest.fixture
def broker(shared_broker):
    """The broker of this worker. A broker that died fails the test that killed it."""
    yield shared_broker
    if shared_broker.process.poll() is not None:
        log = shared_broker.log_tail()
        shared_broker.start()
        pytest.fail(f"the broker ended with {shared_broker.process.returncode}:\n{log}")


@pytest.fixture
def version():
    """The protocol version of this folder's scripts."""
    return V5


@pytest.fixture
def name():
    """name("room") gives a topic level or client id that no other test uses."""
    number = next(_numbers)
    return lambda label="": f"t{number}{label}"


@pytest.fixture
def topic(name):
    """A topic of this test alone."""
    return name("topic") + "/a"


@pytest.fixture
def dial(broker, version):
    """dial() opens a connection without a word. Closed after the test."""
    opened = []

    def open_connection(version=version, to=None, web=False):
        target = to or broker
        stream = WebSocket(target.websocket) if web else open_tcp(target.tcp)
        opened.append(Client(stream, version, target.reasons_required))
        return opened[-1]

    yield open_connection
    for client in opened:
        client.close()


@pytest.fixture
def connect(dial, name):
    """connect() opens a connection and completes CONNECT and CONNACK.

    Takes the fields of `connect_packet`, `session_present` as the CONNACK must
    say, and `version`, `to`, `web` as `dial` does.
    """
    count = itertools.count(1)

    def establish(client_id=None, session_present=False, version=None, to=None, web=False,
                  **fields):
        settings = {"version": version} if version else {}
        client = dial(to=to, web=web, **settings)
        client.client_id = name(f"c{next(count)}") if client_id is None else client_id
        client.send(connect_packet(client.client_id, **fields))
        client.connack = client.expect(connack(session_present=session_present))
        return client

    return establish
