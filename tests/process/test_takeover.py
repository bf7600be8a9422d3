"""Many connections of one client at once, spread over the run loops."""

from wire.packets import V5, connack, connect_packet


def test_every_connection_of_a_storm_is_answered(start_node):
    """However fast one follows the other, each gets a CONNACK or is told why not, and the
    last one stays."""
    node = start_node(node={"run_loops": 4})
    for number in range(30):
        name = f"storm-{number}"
        opened = [node.dial() for _ in range(20)]
        for client in opened:
            client.send(connect_packet(name, clean_start=False, session_expiry_interval=100))
        for client in opened:
            try:
                client.expect(connack(session_present={False, True}))
            except AssertionError as ended:
                assert "nothing arrived" not in str(ended), f"round {number}"
        last = node.dial(version=V5)
        last.send(connect_packet(name, clean_start=False, session_expiry_interval=100))
        last.expect(connack(session_present=True))
        last.ping()
        for client in [*opened, last]:
            client.close()
