#include "actors/config/load.hpp"
#include "tests/support/catch.hpp"

#include <cstdlib>

using namespace troupe::config;

namespace {

load_result from(const environment& variables, std::string_view toml = "") {
  return load_text(toml, "t.toml", variables);
}

}  // namespace

TEST_CASE("the environment overrides the file") {
  const auto result = from({{"TROUPE_LIMITS__MAX_PACKET_SIZE", "1MiB"},
                            {"TROUPE_LIMITS__RECEIVE_MAXIMUM", "7"},
                            {"TROUPE_HTTP__ENABLED", "false"},
                            {"TROUPE_AUTH__ALLOW_ANONYMOUS", "true"},
                            {"PATH", "/bin"}},
                           "[limits]\nmax_packet_size = \"2MiB\"\nmax_inflight = 3\n");
  REQUIRE(result.ok());
  CHECK(result.value.limits.max_packet_size == 1 << 20);
  CHECK(result.value.limits.receive_maximum == 7);
  CHECK(result.value.limits.max_inflight == 3);
  CHECK_FALSE(result.value.http.enabled);
  CHECK(result.value.auth.allow_anonymous == true);
}

TEST_CASE("a listener is changed or added by its number") {
  const auto result = from({{"TROUPE_LISTENERS__0__BIND", "0.0.0.0:1883"},
                            {"TROUPE_LISTENERS__2__TRANSPORT", "wss"},
                            {"TROUPE_LISTENERS__2__TLS__CERTIFICATE", "c"},
                            {"TROUPE_LISTENERS__2__TLS__KEY", "k"},
                            {"TROUPE_LISTENERS__2__ALLOWED_ORIGINS", "https://a, https://b"}});
  REQUIRE(result.ok());
  REQUIRE(result.value.listeners.size() == 3);
  CHECK(result.value.listeners[0].bind == endpoint{"0.0.0.0", 1883});
  CHECK(result.value.listeners[2].bind.port == 8084);
  CHECK(result.value.listeners[2].allowed_origins ==
        std::vector<std::string>{"https://a", "https://b"});
}

TEST_CASE("eleven listeners by environment need no order by name") {
  environment variables;
  for (int i = 0; i < 11; ++i)
    variables["TROUPE_LISTENERS__" + std::to_string(i) + "__BIND"] = "127.0.0.1:0";
  const auto result = from(variables);
  REQUIRE(result.ok());
  CHECK(result.value.listeners.size() == 11);
}

TEST_CASE("a variable that names no key is refused with the nearest") {
  const auto [name, expected] = GENERATE(table<const char*, const char*>({
      {"TROUPE_LIMITS__MAX_PACKET_SIZ", "TROUPE_LIMITS__MAX_PACKET_SIZE"},
      {"TROUPE_LOG_LEVEL", "TROUPE_LOG__LEVEL"},
      {"TROUPE_LISTENERS__0__BINT", "TROUPE_LISTENERS__0__BIND"},
      {"TROUPE_LISTENERS__1__TLS__SERT", "TROUPE_LISTENERS__1__TLS__KEY"},
  }));
  const auto result = from({{name, "1"}});
  REQUIRE(result.problems.size() == 1);
  CHECK(result.problems[0].where == "environment variable " + std::string(name));
  CHECK_THAT(result.problems[0].sentence, Catch::Matchers::StartsWith("names no key"));
  if (std::string(name) != "TROUPE_LISTENERS__1__TLS__SERT")
    CHECK(result.problems[0].sentence.find(expected) != std::string::npos);
}

TEST_CASE("a listener without number, with a gap or out of range is refused") {
  const auto* name =
      GENERATE("TROUPE_LISTENERS__BIND", "TROUPE_LISTENERS__X__BIND", "TROUPE_LISTENERS__3__BIND",
               "TROUPE_LISTENERS__64__BIND", "TROUPE_LISTENERS__-1__BIND", "TROUPE_LISTENERS__0");
  const auto result = from({{name, "127.0.0.1:0"}});
  CHECK(result.problems.size() == 1);
}

TEST_CASE("a bad value in the environment is told by its variable") {
  const auto result = from({{"TROUPE_SYS__INTERVAL", "soon"}});
  REQUIRE(result.problems.size() == 1);
  CHECK(to_string(result.problems[0]) ==
        "environment variable TROUPE_SYS__INTERVAL: sys.interval must be a duration from 0 to 1d, "
        "such as \"10s\", not \"soon\"");
}

TEST_CASE("the data directory has a short variable, Kubernetes' own are ignored") {
  const auto result = from({{"TROUPE_DATA", "/srv/data"},
                            {"TROUPE_CONFIG", "elsewhere"},
                            {"TROUPE_URL", "http://127.0.0.1:18083"},
                            {"TROUPE_PORT", "tcp://10.0.0.1:1883"},
                            {"TROUPE_PORT_1883_TCP_ADDR", "10.0.0.1"},
                            {"TROUPE_SERVICE_HOST", "10.0.0.1"},
                            {"TROUPE_SERVICE_PORT_MQTT", "1883"},
                            {"TROUPE_HEADLESS_SERVICE_HOST", "10.0.0.1"}});
  REQUIRE(result.ok());
  CHECK(result.value.node.data_dir == "/srv/data");
  // It is a default: what the file says wins.
  const auto filed = from({{"TROUPE_DATA", "/srv/data"}}, "[node]\ndata_dir = \"/mine\"\n");
  CHECK(filed.value.node.data_dir == "/mine");
  CHECK_FALSE(from({{"TROUPE_DATA", ""}}).ok());
}

TEST_CASE("the process's environment gives only its TROUPE_ variables") {
  ::setenv("TROUPE_SYS__INTERVAL", "20s", 1);
  const auto variables = process_environment();
  ::unsetenv("TROUPE_SYS__INTERVAL");
  CHECK(variables.at("TROUPE_SYS__INTERVAL") == "20s");
  CHECK_FALSE(variables.contains("PATH"));
}

TEST_CASE("the command line wins over environment and file, and is named in refusals") {
  const environment variables{{"TROUPE_CLUSTER__LISTEN", "127.0.0.1:1"},
                              {"TROUPE_CLUSTER__SECRET", "0123456789abcdef"},
                              {"TROUPE_CLUSTER__SEEDS", "127.0.0.1:2"}};
  const options said{{"cluster.listen", "127.0.0.1:4883", "--cluster-listen"},
                     {"cluster.seeds", "127.0.0.1:7,localhost:8", "--join"}};
  const auto result = load_text("[cluster]\nlisten = \"127.0.0.1:3\"\n", "t.toml", variables, said);
  REQUIRE(result.ok());
  CHECK(result.value.cluster.listen == endpoint{"127.0.0.1", 4883});
  CHECK(result.value.cluster.seeds ==
        std::vector<endpoint>{{"127.0.0.1", 7}, {"localhost", 8}});
  CHECK(load_text("", "", variables, {}).value.cluster.seeds ==
        std::vector<endpoint>{{"127.0.0.1", 2}});
  const auto refused = load_text("", "", variables, {{"cluster.seeds", "somewhere", "--join"}});
  REQUIRE(refused.problems.size() == 1);
  CHECK(to_string(refused.problems[0]) ==
        "--join: cluster.seeds must be a list of addresses with ports, such as "
        "[\"10.0.0.2:4883\", \"10.0.0.3:4883\"], not \"somewhere\"");
}
