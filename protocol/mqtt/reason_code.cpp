#include "protocol/mqtt/reason_code.hpp"

namespace troupe::mqtt {

std::string_view to_string(reason_code code) noexcept {
  switch (code) {
    case reason_code::success:
      return "success";
    case reason_code::granted_qos_1:
      return "QoS 1 was granted";
    case reason_code::granted_qos_2:
      return "QoS 2 was granted";
    case reason_code::disconnect_with_will:
      return "the client disconnects and wants its will to be sent";
    case reason_code::no_matching_subscribers:
      return "nobody subscribes to this topic";
    case reason_code::no_subscription_existed:
      return "there was no such subscription";
    case reason_code::continue_authentication:
      return "the authentication continues";
    case reason_code::reauthenticate:
      return "the client authenticates again";
    case reason_code::unspecified_error:
      return "an error that has no code of its own";
    case reason_code::malformed_packet:
      return "the packet is malformed";
    case reason_code::protocol_error:
      return "the packet breaks a rule of the protocol";
    case reason_code::implementation_specific_error:
      return "the receiver refuses the packet for a reason of its own";
    case reason_code::unsupported_protocol_version:
      return "this version of the protocol is not supported";
    case reason_code::client_identifier_not_valid:
      return "the client identifier is not allowed";
    case reason_code::bad_user_name_or_password:
      return "the user name or the password is wrong";
    case reason_code::not_authorized:
      return "the client is not authorised to do this";
    case reason_code::server_unavailable:
      return "the server is not available";
    case reason_code::server_busy:
      return "the server is busy";
    case reason_code::banned:
      return "the client has been banned";
    case reason_code::server_shutting_down:
      return "the server is shutting down";
    case reason_code::bad_authentication_method:
      return "the authentication method is not supported or not the one in use";
    case reason_code::keep_alive_timeout:
      return "nothing was received within one and a half times the keep-alive";
    case reason_code::session_taken_over:
      return "another connection uses the same client identifier";
    case reason_code::topic_filter_invalid:
      return "the topic filter is not accepted";
    case reason_code::topic_name_invalid:
      return "the topic name is not accepted";
    case reason_code::packet_identifier_in_use:
      return "the packet identifier is already in use";
    case reason_code::packet_identifier_not_found:
      return "the packet identifier is not known";
    case reason_code::receive_maximum_exceeded:
      return "more messages are unacknowledged than the receiver allows";
    case reason_code::topic_alias_invalid:
      return "the topic alias is out of range or not known";
    case reason_code::packet_too_large:
      return "the packet is larger than the receiver allows";
    case reason_code::message_rate_too_high:
      return "messages arrive too fast";
    case reason_code::quota_exceeded:
      return "a limit of the receiver has been exceeded";
    case reason_code::administrative_action:
      return "an administrator closed the connection";
    case reason_code::payload_format_invalid:
      return "the payload does not match its payload format indicator";
    case reason_code::retain_not_supported:
      return "retained messages are not supported";
    case reason_code::qos_not_supported:
      return "this QoS is not supported";
    case reason_code::use_another_server:
      return "the client should use another server for now";
    case reason_code::server_moved:
      return "the client should use another server from now on";
    case reason_code::shared_subscriptions_not_supported:
      return "shared subscriptions are not supported";
    case reason_code::connection_rate_exceeded:
      return "connections arrive too fast";
    case reason_code::maximum_connect_time:
      return "the longest time allowed for a connection has passed";
    case reason_code::subscription_identifiers_not_supported:
      return "subscription identifiers are not supported";
    case reason_code::wildcard_subscriptions_not_supported:
      return "wildcard subscriptions are not supported";
  }
  return "a reason code that is not known";
}

}  // namespace troupe::mqtt
