#pragma once

/// Every counter of a node: X(enumerator, metric, label key, label value, help).
/// The metric `x` is exposed as `troupe_x_total`; rows of one metric stand
/// together. Packet types keep the order of their numbers on the wire.
// clang-format off
#define TROUPE_COUNTERS(X) \
  X(connections_accepted, "connections_accepted", "", "", "Connections accepted by the listeners.") \
  X(connections_closed, "connections_closed", "", "", "Accepted connections that have ended.") \
  X(connections_refused_limit, "connections_refused", "reason", "limit", "Connections ended before a CONNECT could be read.") \
  X(connections_refused_handshake, "connections_refused", "reason", "handshake", "Connections ended before a CONNECT could be read.") \
  X(connections_refused_proxy, "connections_refused", "reason", "proxy_not_trusted", "Connections ended before a CONNECT could be read.") \
  X(connections_refused_proxy_header, "connections_refused", "reason", "proxy_header", "Connections ended before a CONNECT could be read.") \
  X(connects_deferred_in_progress, "connects_deferred", "reason", "in_progress", "Connections that had to wait in the kernel's backlog, by reason.") \
  X(connects_deferred_rate, "connects_deferred", "reason", "rate", "Connections that had to wait in the kernel's backlog, by reason.") \
  X(connects_deferred_lag, "connects_deferred", "reason", "lag", "Connections that had to wait in the kernel's backlog, by reason.") \
  X(connect_timeouts, "connect_timeouts", "", "", "Connections that sent no CONNECT in time.") \
  X(bytes_received, "bytes_received", "", "", "Bytes of MQTT read from clients.") \
  X(bytes_sent, "bytes_sent", "", "", "Bytes of MQTT written to clients.") \
  X(packets_received_connect, "packets_received", "type", "connect", "MQTT packets received, by type.") \
  X(packets_received_connack, "packets_received", "type", "connack", "MQTT packets received, by type.") \
  X(packets_received_publish, "packets_received", "type", "publish", "MQTT packets received, by type.") \
  X(packets_received_puback, "packets_received", "type", "puback", "MQTT packets received, by type.") \
  X(packets_received_pubrec, "packets_received", "type", "pubrec", "MQTT packets received, by type.") \
  X(packets_received_pubrel, "packets_received", "type", "pubrel", "MQTT packets received, by type.") \
  X(packets_received_pubcomp, "packets_received", "type", "pubcomp", "MQTT packets received, by type.") \
  X(packets_received_subscribe, "packets_received", "type", "subscribe", "MQTT packets received, by type.") \
  X(packets_received_suback, "packets_received", "type", "suback", "MQTT packets received, by type.") \
  X(packets_received_unsubscribe, "packets_received", "type", "unsubscribe", "MQTT packets received, by type.") \
  X(packets_received_unsuback, "packets_received", "type", "unsuback", "MQTT packets received, by type.") \
  X(packets_received_pingreq, "packets_received", "type", "pingreq", "MQTT packets received, by type.") \
  X(packets_received_pingresp, "packets_received", "type", "pingresp", "MQTT packets received, by type.") \
  X(packets_received_disconnect, "packets_received", "type", "disconnect", "MQTT packets received, by type.") \
  X(packets_received_auth, "packets_received", "type", "auth", "MQTT packets received, by type.") \
  X(packets_sent_connect, "packets_sent", "type", "connect", "MQTT packets sent, by type.") \
  X(packets_sent_connack, "packets_sent", "type", "connack", "MQTT packets sent, by type.") \
  X(packets_sent_publish, "packets_sent", "type", "publish", "MQTT packets sent, by type.") \
  X(packets_sent_puback, "packets_sent", "type", "puback", "MQTT packets sent, by type.") \
  X(packets_sent_pubrec, "packets_sent", "type", "pubrec", "MQTT packets sent, by type.") \
  X(packets_sent_pubrel, "packets_sent", "type", "pubrel", "MQTT packets sent, by type.") \
  X(packets_sent_pubcomp, "packets_sent", "type", "pubcomp", "MQTT packets sent, by type.") \
  X(packets_sent_subscribe, "packets_sent", "type", "subscribe", "MQTT packets sent, by type.") \
  X(packets_sent_suback, "packets_sent", "type", "suback", "MQTT packets sent, by type.") \
  X(packets_sent_unsubscribe, "packets_sent", "type", "unsubscribe", "MQTT packets sent, by type.") \
  X(packets_sent_unsuback, "packets_sent", "type", "unsuback", "MQTT packets sent, by type.") \
  X(packets_sent_pingreq, "packets_sent", "type", "pingreq", "MQTT packets sent, by type.") \
  X(packets_sent_pingresp, "packets_sent", "type", "pingresp", "MQTT packets sent, by type.") \
  X(packets_sent_disconnect, "packets_sent", "type", "disconnect", "MQTT packets sent, by type.") \
  X(packets_sent_auth, "packets_sent", "type", "auth", "MQTT packets sent, by type.") \
  X(messages_received_qos0, "messages_received", "qos", "0", "Messages received from clients, by QoS.") \
  X(messages_received_qos1, "messages_received", "qos", "1", "Messages received from clients, by QoS.") \
  X(messages_received_qos2, "messages_received", "qos", "2", "Messages received from clients, by QoS.") \
  X(messages_sent_qos0, "messages_sent", "qos", "0", "Messages sent to clients, by QoS.") \
  X(messages_sent_qos1, "messages_sent", "qos", "1", "Messages sent to clients, by QoS.") \
  X(messages_sent_qos2, "messages_sent", "qos", "2", "Messages sent to clients, by QoS.") \
  X(message_bytes_received, "message_bytes_received", "", "", "Payload bytes of messages received from clients.") \
  X(message_bytes_sent, "message_bytes_sent", "", "", "Payload bytes of messages sent to clients.") \
  X(messages_dropped_queue_full, "messages_dropped", "reason", "queue_full", "Messages that did not reach a receiver, by reason.") \
  X(messages_dropped_expired, "messages_dropped", "reason", "expired", "Messages that did not reach a receiver, by reason.") \
  X(messages_dropped_no_subscribers, "messages_dropped", "reason", "no_subscribers", "Messages that did not reach a receiver, by reason.") \
  X(messages_dropped_not_authorized, "messages_dropped", "reason", "not_authorized", "Messages that did not reach a receiver, by reason.") \
  X(messages_dropped_too_large, "messages_dropped", "reason", "too_large", "Messages that did not reach a receiver, by reason.") \
  X(messages_dropped_no_local, "messages_dropped", "reason", "no_local", "Messages that did not reach a receiver, by reason.") \
  X(messages_dropped_write_buffer_full, "messages_dropped", "reason", "write_buffer_full", "Messages that did not reach a receiver, by reason.") \
  X(messages_dropped_session_ended, "messages_dropped", "reason", "session_ended", "Messages that did not reach a receiver, by reason.") \
  X(messages_dropped_administrator, "messages_dropped", "reason", "administrator", "Messages that did not reach a receiver, by reason.") \
  X(messages_dropped_store_error, "messages_dropped", "reason", "store_error", "Messages that did not reach a receiver, by reason.") \
  X(messages_recognized, "messages_recognized", "", "", "QoS 2 messages that came again from another node and were kept once.") \
  X(messages_redispatched, "messages_redispatched", "", "", "Shared-subscription messages given to another member of the group.") \
  X(retained_set, "retained_set", "", "", "Retained messages stored or replaced.") \
  X(retained_cleared, "retained_cleared", "", "", "Retained messages removed.") \
  X(authentication_success, "authentication", "result", "success", "Authentications of clients, by result.") \
  X(authentication_failure, "authentication", "result", "failure", "Authentications of clients, by result.") \
  X(authorization_allow, "authorization", "result", "allow", "Authorization decisions, by result.") \
  X(authorization_deny, "authorization", "result", "deny", "Authorization decisions, by result.") \
  X(clients_connected, "clients_connected", "", "", "Clients whose CONNECT was accepted.") \
  X(clients_disconnected, "clients_disconnected", "", "", "Connected clients that have gone, for any cause.") \
  X(clients_redirected_connect, "clients_redirected", "when", "connect", "Clients told to use another server by a draining node.") \
  X(clients_redirected_connected, "clients_redirected", "when", "connected", "Clients told to use another server by a draining node.") \
  X(sessions_created, "session_events", "event", "created", "Events in the life of sessions.") \
  X(sessions_resumed, "session_events", "event", "resumed", "Events in the life of sessions.") \
  X(sessions_taken_over, "session_events", "event", "taken_over", "Events in the life of sessions.") \
  X(sessions_discarded, "session_events", "event", "discarded", "Events in the life of sessions.") \
  X(sessions_expired, "session_events", "event", "expired", "Events in the life of sessions.") \
  X(sessions_passivated, "session_events", "event", "passivated", "Events in the life of sessions.") \
  X(sessions_woken, "session_events", "event", "woken", "Events in the life of sessions.") \
  X(subscriptions_made, "subscriptions_made", "", "", "Subscriptions made or replaced.") \
  X(subscriptions_removed, "subscriptions_removed", "", "", "Subscriptions removed, by UNSUBSCRIBE or with their session.") \
  X(wills_sent, "wills_sent", "", "", "Will messages published.") \
  X(malformed_packets, "malformed_packets", "", "", "Packets that broke the protocol.") \
  X(keep_alive_timeouts, "keep_alive_timeouts", "", "", "Clients disconnected because they fell silent.") \
  X(backpressure_pauses, "backpressure_pauses", "", "", "Times that reading from a client was paused.") \
  X(route_drift, "route_drift", "", "", "Differences between the routes of another node and what is held of them here, each repaired by a new announcement.") \
  X(publishes_refused_no_owner, "publishes_refused_no_owner", "", "", "Publishes refused because nobody served their topic shard in time.") \
  X(publishes_refused_no_majority, "publishes_refused_no_majority", "", "", "Publishes refused because this node is cut off from the majority of its cluster.") \
  X(connects_refused_no_majority, "connects_refused", "reason", "no_majority", "CONNECTs refused because of the state of the broker, by reason.") \
  X(connects_refused_no_owner, "connects_refused", "reason", "no_owner", "CONNECTs refused because of the state of the broker, by reason.") \
  X(connects_refused_busy, "connects_refused", "reason", "session_busy", "CONNECTs refused because of the state of the broker, by reason.") \
  X(store_errors, "store_errors", "", "", "Transactions that the store could not write.")
// clang-format on
