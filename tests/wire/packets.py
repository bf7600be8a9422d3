"""Packets as values. One value serves to send and to say what is expected.

Sent, a field that was not given takes its usual value. Expected, a field that
was not given is not looked at, a set stands for "one of these", a function for
"a value that it accepts". Every further keyword is an MQTT 5.0 property;
expected, `None` stands for "must be absent".
"""

from wire.properties import PROPERTIES

TYPES = {
    "connect": 1, "connack": 2, "publish": 3, "puback": 4, "pubrec": 5, "pubrel": 6,
    "pubcomp": 7, "subscribe": 8, "suback": 9, "unsubscribe": 10, "unsuback": 11,
    "pingreq": 12, "pingresp": 13, "disconnect": 14, "auth": 15,
}

V31, V311, V5 = 3, 4, 5


class Packet:
    """A packet of one kind, its fields and its properties."""

    def __init__(self, kind, fields, properties=None):
        unknown = set(properties or ()) - set(PROPERTIES)
        if unknown:
            raise ValueError(f"no such property: {', '.join(sorted(unknown))}")
        self.kind = kind
        self.fields = fields
        self.properties = properties or {}

    def __getattr__(self, name):
        try:
            return self.__dict__["fields"][name]
        except KeyError:
            raise AttributeError(f"{self.__dict__.get('kind')} has no field {name}") from None

    def property(self, name):
        """The value of a property, or None where the packet has none."""
        return self.properties.get(name)

    def __repr__(self):
        shown = [f"{name}={short(value)}" for name, value in self.fields.items()
                 if value is not None]
        shown += [f"{name}={short(value)}" for name, value in self.properties.items()]
        return f"{self.kind.upper()}({', '.join(shown)})"


def short(value):
    """A value for a failure message: code points readable, long payloads cut."""
    if isinstance(value, bool) or not isinstance(value, (bytes, str, int)):
        return repr(value)
    if isinstance(value, int):
        return f"0x{value:02x}" if value >= 0x80 else str(value)
    return repr(value) if len(value) <= 60 else f"{value[:40]!r}... ({len(value)} long)"


def data(value):
    """Payloads and binary data may be written as text."""
    return value.encode() if isinstance(value, str) else value


class Will:
    """The will of a CONNECT: topic, payload, flags and its properties."""

    def __init__(self, topic, payload=b"", qos=0, retain=False, **properties):
        self.topic, self.payload = topic, data(payload)
        self.qos, self.retain, self.properties = qos, retain, properties


def connect_packet(client_id="", clean_start=True, keep_alive=60, will=None, username=None,
                   password=None, flags=None, name=None, level=None, **properties):
    """CONNECT. `flags`, `name` and `level` override what the rest implies."""
    return Packet("connect", dict(client_id=client_id, clean_start=clean_start,
                                  keep_alive=keep_alive, will=will, username=username,
                                  password=data(password), flags=flags, name=name, level=level),
                  properties)


def connack(reason=0, session_present=False, **properties):
    return Packet("connack", dict(reason=reason, session_present=session_present), properties)


def publish(topic, payload=None, qos=0, id=None, retain=False, dup=False, **properties):
    if "correlation_data" in properties:
        properties["correlation_data"] = data(properties["correlation_data"])
    return Packet("publish", dict(topic=topic, payload=data(payload), qos=qos, id=id,
                                  retain=retain, dup=dup), properties)


def _acknowledgement(kind):
    def build(id, reason=None, **properties):
        return Packet(kind, dict(id=id, reason=reason), properties)
    build.__name__ = kind
    build.__doc__ = f"{kind.upper()}; expected without a reason, any reason of success will do."
    return build


puback = _acknowledgement("puback")
pubrec = _acknowledgement("pubrec")
pubrel = _acknowledgement("pubrel")
pubcomp = _acknowledgement("pubcomp")


def options(qos=0, no_local=False, retain_as_published=False, retain_handling=0):
    """The subscription options byte."""
    return qos | no_local << 2 | retain_as_published << 3 | retain_handling << 4


def subscribe(id, *filters, **properties):
    """SUBSCRIBE; each filter is a string (QoS 0) or (string, options byte or QoS)."""
    pairs = [(f, 0) if isinstance(f, (str, bytes)) else f for f in filters]
    return Packet("subscribe", dict(id=id, filters=pairs), properties)


def suback(id, reasons=None, **properties):
    return Packet("suback", dict(id=id, reasons=reasons), properties)


def unsubscribe(id, *filters, **properties):
    return Packet("unsubscribe", dict(id=id, filters=list(filters)), properties)


def unsuback(id, reasons=None, **properties):
    return Packet("unsuback", dict(id=id, reasons=reasons), properties)


def pingreq():
    return Packet("pingreq", {})


def pingresp():
    return Packet("pingresp", {})


def disconnect(reason=None, **properties):
    return Packet("disconnect", dict(reason=reason), properties)


def auth(reason=None, **properties):
    return Packet("auth", dict(reason=reason), properties)


def accepts(wanted, got):
    """Whether a value satisfies what was written in an expected packet."""
    if isinstance(wanted, (set, frozenset, range)):
        return got in wanted
    return wanted(got) if callable(wanted) else wanted == got


def differences(expected, got):
    """What keeps `got` from being the expected packet; empty when nothing does."""
    if expected.kind != got.kind:
        return [f"{got.kind.upper()} in place of {expected.kind.upper()}"]
    found = []
    for name, wanted in expected.fields.items():
        value = got.fields.get(name)
        if wanted is None:
            refused = name == "reason" and expected.kind.startswith("pub") and value >= 0x80
            if refused:
                found.append(f"reason is {short(value)}, a success expected")
        elif not accepts(wanted, value):
            found.append(f"{name} is {short(value)}, expected {short(wanted)}")
    for name, wanted in expected.properties.items():
        value = got.properties.get(name)
        if not accepts(wanted, value):
            found.append(f"{name} is {short(value)}, expected {short(wanted)}")
    return found
