"""The properties of MQTT 5.0: numbers, types, and the packets they may ride on."""

BYTE, TWO_BYTES, FOUR_BYTES, VARIABLE, TEXT, BINARY, PAIR = range(7)

# name: (identifier, type)
PROPERTIES = {
    "payload_format_indicator": (0x01, BYTE),
    "message_expiry_interval": (0x02, FOUR_BYTES),
    "content_type": (0x03, TEXT),
    "response_topic": (0x08, TEXT),
    "correlation_data": (0x09, BINARY),
    "subscription_identifier": (0x0B, VARIABLE),
    "session_expiry_interval": (0x11, FOUR_BYTES),
    "assigned_client_identifier": (0x12, TEXT),
    "server_keep_alive": (0x13, TWO_BYTES),
    "authentication_method": (0x15, TEXT),
    "authentication_data": (0x16, BINARY),
    "request_problem_information": (0x17, BYTE),
    "will_delay_interval": (0x18, FOUR_BYTES),
    "request_response_information": (0x19, BYTE),
    "response_information": (0x1A, TEXT),
    "server_reference": (0x1C, TEXT),
    "reason_string": (0x1F, TEXT),
    "receive_maximum": (0x21, TWO_BYTES),
    "topic_alias_maximum": (0x22, TWO_BYTES),
    "topic_alias": (0x23, TWO_BYTES),
    "maximum_qos": (0x24, BYTE),
    "retain_available": (0x25, BYTE),
    "user_property": (0x26, PAIR),
    "maximum_packet_size": (0x27, FOUR_BYTES),
    "wildcard_subscription_available": (0x28, BYTE),
    "subscription_identifier_available": (0x29, BYTE),
    "shared_subscription_available": (0x2A, BYTE),
}

BY_IDENTIFIER = {number: (name, kind) for name, (number, kind) in PROPERTIES.items()}

# Properties that may appear more than once; the first only on a PUBLISH.
REPEATABLE = {"subscription_identifier", "user_property"}

# What a server may send, by packet.
FROM_SERVER = {
    "connack": {
        "session_expiry_interval", "receive_maximum", "maximum_qos", "retain_available",
        "maximum_packet_size", "assigned_client_identifier", "topic_alias_maximum",
        "reason_string", "user_property", "wildcard_subscription_available",
        "subscription_identifier_available", "shared_subscription_available",
        "server_keep_alive", "response_information", "server_reference",
        "authentication_method", "authentication_data",
    },
    "publish": {
        "payload_format_indicator", "message_expiry_interval", "content_type",
        "response_topic", "correlation_data", "subscription_identifier", "topic_alias",
        "user_property",
    },
    "puback": {"reason_string", "user_property"},
    "pubrec": {"reason_string", "user_property"},
    "pubrel": {"reason_string", "user_property"},
    "pubcomp": {"reason_string", "user_property"},
    "suback": {"reason_string", "user_property"},
    "unsuback": {"reason_string", "user_property"},
    "disconnect": {"reason_string", "user_property", "server_reference"},
    "auth": {"authentication_method", "authentication_data", "reason_string", "user_property"},
}

# The reason codes a server may send, by packet.
REASONS = {
    "connack": {0x00} | set(range(0x80, 0x8B)) | {0x8C, 0x90, 0x95, 0x97, 0x99, 0x9A, 0x9B,
                                                   0x9C, 0x9D, 0x9F},
    "puback": {0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99},
    "pubrec": {0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99},
    "pubrel": {0x00, 0x92},
    "pubcomp": {0x00, 0x92},
    "suback": {0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2},
    "unsuback": {0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91},
    "disconnect": {0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, 0x90, 0x93,
                   0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0,
                   0xA1, 0xA2},
    "auth": {0x00, 0x18},
}
