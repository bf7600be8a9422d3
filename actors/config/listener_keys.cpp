#include "actors/config/define_key.hpp"

#include <limits>

namespace troupe::config {

namespace {

constexpr std::int64_t mib = 1 << 20;
constexpr std::int64_t u32_max = std::numeric_limits<std::uint32_t>::max();
constexpr key_range any_flag{};
constexpr key_range file_path{0, 4096};

template <auto Member, class... Arguments>
constexpr auto tls(Arguments... arguments) {
  return define<&listener_configuration::tls, Member>(arguments..., tls_transports);
}

using l = listener_configuration;
using t = tls_configuration;
using k = key_kind;
constexpr effect reload = effect::on_reload;
constexpr effect restart = effect::on_restart;

constexpr key<listener_configuration> table[] = {
    define<&l::name>("name", k::text, restart, key_range{1, 64}, R"("tcp")", "the transport",
                     "Name in logs and metrics, given once."),
    define<&l::transport>("transport", k::choice, restart, any_flag, R"("tcp")", "",
                          "tcp, tls, ws (WebSocket), wss (WebSocket over TLS) or unix."),
    define<&l::bind>("bind", k::address, restart, any_flag, R"("127.0.0.1:1883")",
                     "127.0.0.1 and the transport's port: 1883, tls 8883, ws 8083, wss 8084",
                     "Address and port; \"0.0.0.0:1883\" and \"[::]:1883\" are every address of "
                     "the machine.",
                     socket_transports),
    define<&l::unix_path>("unix_path", k::text, restart, key_range{1, 107},
                          R"("/run/troupe/mqtt.sock")", "none, a unix listener needs one",
                          "Path of the Unix socket.", bit(transport_kind::unix_socket)),
    define<&l::unix_mode>("unix_mode", k::mode, restart, key_range{0, 0777}, R"("0660")", "",
                          "Permission bits of the socket file.", bit(transport_kind::unix_socket)),
    define<&l::path>("path", k::text, restart, key_range{1, 1024}, R"("/mqtt")", "",
                     "Path that a WebSocket client must ask for.", websocket_transports),
    define<&l::allowed_origins>("allowed_origins", k::list, reload, key_range{0, 1000},
                                R"(["https://example.org"])", "every origin",
                                "Origins of web pages that may connect; clients that send none "
                                "may always.",
                                websocket_transports),
    define<&l::max_connections>("max_connections", k::integer, reload, key_range{0, u32_max}, "0",
                                "", "Connections of this listener, 0 = limits.max_connections."),
    define<&l::max_packet_size>("max_packet_size", k::size, reload, key_range{0, 256 * mib}, "0",
                                "", "Largest packet here, 0 = limits.max_packet_size."),
    define<&l::allow_anonymous>("allow_anonymous", k::boolean, reload, any_flag, "false",
                                "auth.allow_anonymous",
                                "Whether clients without user name may connect here."),
    define<&l::use_certificate_as_username>(
        "use_certificate_as_username", k::choice, reload, any_flag, R"("none")", "",
        "Whether the common name (cn) or the whole subject of the client's certificate\nis the "
        "user name: none, cn or subject. A listener without TLS has the cn that a proxy sends, "
        "see\nproxy_protocol.",
        socket_transports),
    define<&l::proxy_protocol>(
        "proxy_protocol", k::boolean, reload, any_flag, "true", "false",
        "Whether every connection begins with a PROXY header, version 1 or 2, of a load balancer "
        "such\nas HAProxy (send-proxy-v2). The client's address, and with send-proxy-v2-ssl-cn "
        "the name in its\ncertificate, are those in the header. Connections without one are "
        "refused.",
        socket_transports),
    define<&l::proxy_trusted>(
        "proxy_trusted", k::list, reload, key_range{0, 1000}, R"(["127.0.0.0/8", "::1"])", "",
        "Addresses and networks of the proxies; connections from elsewhere are refused, because "
        "a header\ncan name any address and any certificate.",
        socket_transports),
    tls<&t::certificate>("tls.certificate", k::text, reload, file_path,
                         R"("/etc/troupe/tls/server.pem")", "none, TLS needs one",
                         "PEM file: the certificate, then its chain. SIGHUP reads all files "
                         "again."),
    tls<&t::key>("tls.key", k::text, reload, file_path, R"("/etc/troupe/tls/server.key")",
                 "none, TLS needs one", "PEM file: the private key."),
    tls<&t::key_passphrase>("tls.key_passphrase", k::secret, reload, key_range{0, 4096}, R"("")",
                            "",
                            "Passphrase of the key, best as \"file:///path\" of a file that "
                            "holds it."),
    tls<&t::clients>("tls.client_certificates", k::choice, reload, any_flag, R"("none")", "",
                     "Whether clients show a certificate: none, optional or required."),
    tls<&t::ca>("tls.ca", k::text, reload, file_path, R"("/etc/troupe/tls/ca.pem")", "none",
                "PEM file: the authorities that sign client certificates."),
    tls<&t::crl>("tls.crl", k::text, reload, file_path, R"("/etc/troupe/tls/crl.pem")", "none",
                 "PEM file: revoked client certificates."),
    tls<&t::ciphers>("tls.ciphers", k::text, reload, key_range{0, 4096},
                     R"("ECDHE+AESGCM:ECDHE+CHACHA20")", "OpenSSL's",
                     "OpenSSL's cipher list for TLS 1.2."),
    tls<&t::min_version>("tls.min_version", k::choice, reload, any_flag, R"("1.2")", "",
                         "Oldest version of TLS: 1.2 or 1.3."),
};

}  // namespace

std::span<const key<listener_configuration>> listener_keys() {
  return table;
}

}  // namespace troupe::config
