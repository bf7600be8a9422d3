#include "actors/config/load.hpp"

#include "tests/support/catch.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace troupe::config;
using namespace std::chrono_literals;

namespace {

configuration good(std::string_view toml, const environment& variables = {}) {
  const auto result = load_text(toml, "t.toml", variables);
  for (const problem& each : result.problems) UNSCOPED_INFO(to_string(each));
  REQUIRE(result.ok());
  return result.value;
}

/// The only problem, as a person reads it.
std::string complaint(std::string_view toml, const environment& variables = {}) {
  const auto result = load_text(toml, "t.toml", variables);
  for (const problem& each : result.problems) UNSCOPED_INFO(to_string(each));
  REQUIRE(result.problems.size() == 1);
  return to_string(result.problems.front());
}

/// A directory that goes away with the test.
class scratch_directory {
 public:
  scratch_directory() {
    std::string name = (std::filesystem::temp_directory_path() / "troupe-config-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
    path_ = name;
  }
  ~scratch_directory() { std::filesystem::remove_all(path_); }
  scratch_directory(const scratch_directory&) = delete;
  scratch_directory& operator=(const scratch_directory&) = delete;

  std::string write(const std::string& name, std::string_view text) const {
    const auto file = path_ / name;
    std::ofstream(file, std::ios::binary) << text;
    return file.string();
  }

 private:
  std::filesystem::path path_;
};

}  // namespace

TEST_CASE("nothing configured gives the defaults and a host name") {
  configuration value = good("");
  REQUIRE_FALSE(value.node.name.empty());
  value.node.name.clear();
  REQUIRE(value == configuration{});
  REQUIRE(value.listeners.size() == 2);
  CHECK(to_string(value.listeners[0].bind) == "127.0.0.1:1883");
  CHECK(to_string(value.listeners[1].bind) == "127.0.0.1:8083");
  CHECK(value.listeners[1].websocket());
}

TEST_CASE("a full file is read") {
  const auto value = good(R"(
[node]
name = "edge-1"
data_dir = "/srv/troupe"
shards = 16
[[listeners]]
bind = "0.0.0.0:1883"
max_connections = 500
max_packet_size = "64KiB"
allow_anonymous = true
[[listeners]]
transport = "wss"
path = "/other"
allowed_origins = ["https://a.example", "https://b.example"]
use_certificate_as_username = "cn"
[listeners.tls]
certificate = "c.pem"
key = "k.pem"
ca = "ca.pem"
client_certificates = "required"
min_version = "1.3"
[[listeners]]
name = "local"
transport = "unix"
unix_path = "/run/t.sock"
unix_mode = "0600"
[limits]
max_session_expiry = "7d"
max_keep_alive = "5m"
queue_full_policy = "drop_oldest"
max_queued_bytes = 4096
[durability]
mode = "fsync"
[auth]
allow_anonymous = false
password_file = "/etc/p"
[log]
level = "debug"
format = "json"
[http]
bind = "[::1]:0"
[sys]
interval = 0
)");
  CHECK(value.node.name == "edge-1");
  CHECK(value.node.shards == 16);
  REQUIRE(value.listeners.size() == 3);
  CHECK(value.listeners[0].name == "tcp");
  CHECK(max_packet_size(value, value.listeners[0]) == 64 * 1024);
  CHECK(max_packet_size(value, value.listeners[2]) == 2 * 1024 * 1024);
  CHECK(anonymous_allowed(value, value.listeners[0], false));
  CHECK_FALSE(anonymous_allowed(value, value.listeners[2], true));
  CHECK(value.listeners[1].name == "wss");
  CHECK(value.listeners[1].bind == endpoint{"127.0.0.1", 8084});
  CHECK(value.listeners[1].allowed_origins.size() == 2);
  CHECK(value.listeners[1].tls.clients == client_certificates::required);
  CHECK(value.listeners[1].tls.min_version == tls_version::v1_3);
  CHECK(value.listeners[2].unix_mode == 0600);
  CHECK(value.limits.max_session_expiry == 7 * 24h);
  CHECK(value.limits.max_keep_alive == 300s);
  CHECK(value.limits.queue_full_policy == queue_full_policy::drop_oldest);
  CHECK(value.limits.max_queued_bytes == 4096);
  CHECK(value.durability.mode == durability_mode::fsync);
  CHECK(value.log.format == log_format::json);
  CHECK(value.http.bind == endpoint{"::1", 0});
  CHECK(value.sys.interval == 0ms);
}

TEST_CASE("a peer without user name is let in from loopback unless configured") {
  const configuration value;
  CHECK(anonymous_allowed(value, value.listeners[0], true));
  CHECK_FALSE(anonymous_allowed(value, value.listeners[0], false));
}

TEST_CASE("each sort of bad value is refused with its line") {
  const auto [toml, expected] = GENERATE(table<const char*, const char*>({
      {"[limits]\nmax_packet_size = \"2 parsec\"",
       "t.toml:2: limits.max_packet_size must be a size from 64 to 256MiB, such as \"2MiB\", not "
       "\"2 parsec\""},
      {"[limits]\n\nconnect_timeout = 10",
       "t.toml:3: limits.connect_timeout must be a duration from 100ms to 1h, such as \"10s\", "
       "not 10"},
      {"[limits]\nreceive_maximum = 0",
       "t.toml:2: limits.receive_maximum must be a whole number from 1 to 65535, not 0"},
      {"[limits]\nreceive_maximum = \"5\"",
       "t.toml:2: limits.receive_maximum must be a whole number from 1 to 65535, not \"5\""},
      {"[limits]\nreceive_maximum = 1.5",
       "t.toml:2: limits.receive_maximum must be a whole number from 1 to 65535, not a number "
       "with a fraction"},
      {"[limits]\nmax_keep_alive = \"1500ms\"",
       "t.toml:2: limits.max_keep_alive must be a duration in whole seconds, such as 0, not "
       "\"1500ms\""},
      {"[http]\nenabled = \"yes\"", "t.toml:2: http.enabled must be true or false, not \"yes\""},
      {"[http]\nbind = \"localhost\"",
       "t.toml:2: http.bind must be an address and a port, such as \"127.0.0.1:18083\", not "
       "\"localhost\""},
      {"[http]\nbind = \"::1:80\"",
       "t.toml:2: http.bind must be an address and a port, such as \"127.0.0.1:18083\", not "
       "\"::1:80\""},
      {"[log]\nlevel = \"loud\"",
       "t.toml:2: log.level must be one of \"trace\", \"debug\", \"info\", \"warning\", "
       "\"error\", not \"loud\""},
      {"[node]\nname = 7", "t.toml:2: node.name must be a text in quotation marks, not 7"},
      {"[node]\nname = \"\"", "t.toml:2: node.name must be a text that is not empty, not \"\""},
      {"[node]\nname = \"a\\u0001\"",
       "t.toml:2: node.name must be a text without control characters, not \"a?\""},
      {"[node]\nname = \"a/b\"",
       "t.toml:2: node.name must consist of letters, digits, '.', '-' and '_'"},
      {"[node]\nname = { a = 1 }", "t.toml:2: unknown key \"node.name.a\""},
      {"[[listeners]]\ntransport = \"ws\"\nallowed_origins = [1]",
       "t.toml:3: allowed_origins must be a list of texts, such as [\"https://example.org\"], not "
       "a list of something else than texts"},
      {"[[listeners]]\ntransport = \"unix\"\nunix_path = \"/x\"\nunix_mode = \"999\"",
       "t.toml:4: unix_mode must be permission bits in quotation marks, from 0 to 0777, such as "
       "\"0660\", not \"999\""},
      {"[listeners]\nbind = 1",
       "t.toml:1: listeners is a list of sections, each begun by [[listeners]]"},
      {"[[listeners]]\nmax_packet_size = 10",
       "t.toml:2: max_packet_size must be at least 64 bytes, or 0 for limits.max_packet_size"},
  }));
  CHECK(complaint(toml) == expected);
}

TEST_CASE("a syntax error is refused with its line") {
  CHECK_THAT(complaint("[node]\nname = \n"),
             Catch::Matchers::StartsWith("t.toml:2: not valid TOML: "));
  CHECK_THAT(complaint("[log]\nlevel = \"info\"\nlevel = \"info\"\n"),
             Catch::Matchers::StartsWith("t.toml:3: not valid TOML: "));
}

TEST_CASE("an unknown key is refused with the nearest valid one") {
  const auto [toml, expected] = GENERATE(table<const char*, const char*>({
      {"[limits]\nmax_packet_sise = 1",
       "t.toml:2: unknown key \"limits.max_packet_sise\"; did you mean "
       "\"limits.max_packet_size\"?"},
      {"max_inflight = 20",
       "t.toml:1: unknown key \"max_inflight\"; did you mean \"limits.max_inflight\"?"},
      {"[mqtt]\nreceive_maximum = 20",
       "t.toml:2: unknown key \"mqtt.receive_maximum\"; did you mean \"limits.receive_maximum\"?"},
      {"[limit]", "t.toml:1: unknown key \"limit\"; did you mean \"limits\"?"},
      {"[[listener]]\nbind = \"127.0.0.1:1\"",
       "t.toml:1: unknown key \"listener\"; did you mean \"listeners\"?"},
      {"[[listeners]]\n[listeners.tls]\ncertifcate = \"x\"",
       "t.toml:3: unknown key \"tls.certifcate\" of a listener; did you mean "
       "\"tls.certificate\"?"},
      {"[zebra]\nstripes = 3", "t.toml:2: unknown key \"zebra.stripes\""},
      {"\"node.name\" = \"x\"", "t.toml:1: unknown key \"node.name\""},
  }));
  CHECK(complaint(toml) == expected);
}

TEST_CASE("an empty section is no mistake") {
  good("[limits]\n[log]\n[[listeners]]\n[listeners.tls]\n");
}

TEST_CASE("several problems come in the order of the file, the environment last") {
  const auto result = load_text("[sys]\ninterval = 1\n[auth]\nacl = \"x\"\n[zebra]\n", "t.toml",
                                {{"TROUPE_LOG__LEVEL", "loud"}});
  REQUIRE(result.problems.size() == 4);
  CHECK(result.problems[0].where == "t.toml:2");
  CHECK(result.problems[1].where == "t.toml:4");
  CHECK(result.problems[2].where == "t.toml:5");
  CHECK(result.problems[3].where == "environment variable TROUPE_LOG__LEVEL");
}

TEST_CASE("a file of something else is refused at moderate length") {
  std::string toml;
  for (int i = 0; i < 20'000; ++i) toml += "key_" + std::to_string(i) + " = 1\n";
  const auto result = load_text(toml, "t.toml", {});
  REQUIRE(result.problems.size() == 51);
  CHECK(to_string(result.problems.front()) == "t.toml:1: unknown key \"key_0\"");
  CHECK(to_string(result.problems.back()) == "t.toml: and 19950 problems more");
}

TEST_CASE("combinations that cannot work are refused where they stand") {
  const auto [toml, expected] = GENERATE(table<const char*, const char*>({
      {"[[listeners]]\ntransport = \"tls\"\n[listeners.tls]\nkey = \"k\"",
       "t.toml:1: a TLS listener needs tls.certificate"},
      {"[[listeners]]\ntransport = \"tls\"\n[listeners.tls]\ncertificate = \"c\"",
       "t.toml:1: a TLS listener needs tls.key"},
      {"[[listeners]]\ntransport = \"tls\"\n[listeners.tls]\ncertificate = \"c\"\nkey = \"k\"\n"
       "client_certificates = \"required\"",
       "t.toml:6: tls.client_certificates needs tls.ca to check them against"},
      {"[[listeners]]\ntransport = \"tls\"\nuse_certificate_as_username = \"cn\"\n"
       "[listeners.tls]\ncertificate = \"c\"\nkey = \"k\"",
       "t.toml:3: use_certificate_as_username needs tls.client_certificates to be \"optional\" or "
       "\"required\""},
      {"[[listeners]]\nuse_certificate_as_username = \"cn\"",
       "t.toml:2: use_certificate_as_username needs TLS, or proxy_protocol = true and a proxy that "
       "sends the name"},
      {"[[listeners]]\nproxy_protocol = true\nuse_certificate_as_username = \"subject\"",
       "t.toml:3: use_certificate_as_username must be \"cn\" without TLS: a PROXY header has no more "
       "of the certificate"},
      {"[[listeners]]\nproxy_protocol = true\nproxy_trusted = []",
       "t.toml:3: proxy_trusted is empty, so nobody could connect"},
      {"[[listeners]]\nproxy_protocol = true\nproxy_trusted = [\"::1\", \"10.0.0.0/33\"]",
       "t.toml:3: proxy_trusted must hold addresses and networks such as \"10.0.0.0/8\", not "
       "\"10.0.0.0/33\""},
      {"[[listeners]]\nproxy_protocol = true\nproxy_trusted = [\"balancer.example.org\"]",
       "t.toml:3: proxy_trusted must hold addresses and networks such as \"10.0.0.0/8\", not "
       "\"balancer.example.org\""},
      {"[[listeners]]\nproxy_trusted = [\"192.0.2.7\"]",
       "t.toml:2: proxy_trusted needs proxy_protocol = true"},
      {"[[listeners]]\ntransport = \"unix\"\nunix_path = \"/s\"\nproxy_protocol = true",
       "t.toml:4: proxy_protocol has no meaning for a listener of transport \"unix\""},
      {"[[listeners]]\n[listeners.tls]\ncertificate = \"c\"",
       "t.toml:3: tls.certificate has no meaning for a listener of transport \"tcp\""},
      {"[[listeners]]\ntransport = \"unix\"\nunix_path = \"/s\"\nbind = \"127.0.0.1:1\"",
       "t.toml:4: bind has no meaning for a listener of transport \"unix\""},
      {"[[listeners]]\ntransport = \"unix\"",
       "t.toml:1: a listener of transport \"unix\" needs unix_path"},
      {"[[listeners]]\ntransport = \"ws\"\npath = \"mqtt\"",
       "t.toml:3: path must begin with \"/\""},
      {"[[listeners]]\n[[listeners]]\nname = \"b\"",
       "t.toml:2: listener \"b\" and listener \"tcp\" cannot both listen on 127.0.0.1:1883"},
      {"[[listeners]]\n[[listeners]]\nbind = \"0.0.0.0:1883\"",
       "t.toml:3: listener \"tcp-2\" and listener \"tcp\" cannot both listen on 0.0.0.0:1883, of "
       "which 127.0.0.1:1883 takes a part"},
      {"[http]\nbind = \"127.0.0.1:1883\"",
       "t.toml:2: http.bind and listener \"tcp\" cannot both listen on 127.0.0.1:1883"},
      {"[[listeners]]\nname = \"a\"\n[[listeners]]\nname = \"a\"\nbind = \"127.0.0.1:2\"",
       "t.toml:4: the name \"a\" belongs to another listener already"},
  }));
  CHECK(complaint(toml) == expected);
}

TEST_CASE("a listener behind a proxy: who may send headers, and whose name counts") {
  const auto plain = good("[[listeners]]");
  CHECK_FALSE(plain.listeners[0].proxy_protocol);
  const auto value = good(
      "[[listeners]]\nproxy_protocol = true\nuse_certificate_as_username = \"cn\"\n"
      "[[listeners]]\ntransport = \"ws\"\nproxy_protocol = true\n"
      "proxy_trusted = [\"10.0.0.0/8\", \"192.0.2.7\", \"fd00::/8\", \"::/0\"]\n"
      "[[listeners]]\ntransport = \"tls\"\nproxy_protocol = true\n"
      "use_certificate_as_username = \"cn\"\n[listeners.tls]\ncertificate = \"c\"\nkey = \"k\"");
  CHECK(value.listeners[0].proxy_protocol);
  CHECK(value.listeners[0].proxy_trusted == std::vector<std::string>{"127.0.0.0/8", "::1"});
  CHECK(value.listeners[1].proxy_trusted.size() == 4);
  CHECK(value.listeners[2].use_certificate_as_username == certificate_username::cn);
}

TEST_CASE("ports that the kernel chooses never collide") {
  const auto value = good(
      "[[listeners]]\nbind = \"127.0.0.1:0\"\n[[listeners]]\nbind = \"127.0.0.1:0\"\n"
      "[http]\nbind = \"127.0.0.1:0\"");
  CHECK(value.listeners[1].name == "tcp-2");
}

TEST_CASE("more than 64 listeners are refused") {
  std::string toml;
  for (int i = 0; i < 65; ++i) toml += "[[listeners]]\nbind = \"127.0.0.1:0\"\n";
  CHECK_THAT(complaint(toml), Catch::Matchers::EndsWith("there are more than 64 listeners"));
}

TEST_CASE("a file is read, a missing one and a folder are refused") {
  const scratch_directory scratch;
  const std::string file = scratch.write("a.toml", "[node]\nname = \"x\"\n");
  const auto named = load(file, {});
  REQUIRE(named.ok());
  CHECK(named.value.node.name == "x");
  CHECK(named.file == file);
  CHECK(load("", {{"TROUPE_CONFIG", file}}).value.node.name == "x");
  CHECK(load("", {}).ok());
  CHECK(load(scratch.write("empty.toml", ""), {}).ok());

  const auto missing = load(file + ".missing", {});
  REQUIRE(missing.problems.size() == 1);
  CHECK(to_string(missing.problems[0]) == file + ".missing: the file cannot be read");
  CHECK_FALSE(load(std::filesystem::temp_directory_path().string(), {}).ok());
  CHECK_FALSE(load(scratch.write("huge.toml", std::string(1024 * 1024 + 1, '\n')), {}).ok());
}

TEST_CASE("a secret may be the name of a file that holds it") {
  const scratch_directory scratch;
  const std::string toml =
      "[[listeners]]\ntransport = \"tls\"\n[listeners.tls]\ncertificate = \"c\"\nkey = \"k\"\n"
      "key_passphrase = \"";
  CHECK(good(toml + "plain\"").listeners[0].tls.key_passphrase == "plain");
  const std::string secret = "file://" + scratch.write("secret", "of the file\n");
  CHECK(good(toml + secret + "\"").listeners[0].tls.key_passphrase == "of the file");
  const std::string said = complaint(toml + "file:///nowhere/at-all\"");
  CHECK(said ==
        "t.toml:6: tls.key_passphrase must be a file that can be read and is at most 64KiB long");
}

TEST_CASE("a refused secret is not repeated") {
  const std::string said = complaint(
      "[[listeners]]\ntransport = \"tls\"\n[listeners.tls]\ncertificate = \"c\"\nkey = \"k\"\n"
      "key_passphrase = \"hush\\u0001\"");
  CHECK(said.find("hush") == std::string::npos);
}

TEST_CASE("the HTTP server leaves loopback only with a token") {
  const std::string anywhere = "[http]\nbind = \"0.0.0.0:18083\"\n";
  CHECK(complaint(anywhere) ==
        "t.toml:2: http.bind 0.0.0.0:18083 can be reached from other machines: set http.token, or "
        "use a loopback address");
  CHECK(complaint(anywhere + "token = \"\"") ==
        "t.toml:3: http.token is empty, but http.bind is no loopback address");
  CHECK(good(anywhere + "enabled = false").http.token.empty());
  CHECK(good(anywhere + "token = \"0123456789abcdef\"").http.token == "0123456789abcdef");
  CHECK(good(anywhere, {{"TROUPE_HTTP__TOKEN", "fedcba9876543210"}}).http.token ==
        "fedcba9876543210");
  const scratch_directory scratch;
  const std::string file = scratch.write("token", "of the file 12345\n");
  const std::string good_file = scratch.write("good", "of-the-file-12345\n");
  CHECK(good(anywhere + "token = \"file://" + good_file + "\"").http.token == "of-the-file-12345");
  const auto empty_file = scratch.write("empty", "\n");
  CHECK_THAT(complaint(anywhere + "token = \"file://" + empty_file + "\""),
             Catch::Matchers::EndsWith("http.token is empty, but http.bind is no loopback "
                                       "address"));
  CHECK(complaint("[http]\ntoken = \"file://" + file + "\"") ==
        "t.toml:2: http.token must consist of visible ASCII characters, without spaces");
}

TEST_CASE("a token that is too short is refused and not repeated") {
  CHECK(complaint("[http]\ntoken = \"hush\"") ==
        "t.toml:2: http.token must have at least 16 characters");
  CHECK(complaint("", {{"TROUPE_HTTP__TOKEN", "hush"}}) ==
        "environment variable TROUPE_HTTP__TOKEN: http.token must have at least 16 characters");
}
