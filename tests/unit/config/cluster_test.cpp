#include "actors/config/load.hpp"
#include "tests/support/catch.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace troupe::config;
using namespace std::chrono_literals;

namespace {

const std::string on = "[cluster]\nlisten = \"127.0.0.1:4883\"\n";
const std::string secret = "secret = \"0123456789abcdef\"\n";

load_result from(const std::string& toml) {
  return load_text(toml, "t.toml", {});
}

configuration good(const std::string& toml) {
  const auto result = from(toml);
  for (const problem& each : result.problems) UNSCOPED_INFO(to_string(each));
  REQUIRE(result.ok());
  return result.value;
}

std::string complaint(const std::string& toml) {
  const auto result = from(toml);
  for (const problem& each : result.problems) UNSCOPED_INFO(to_string(each));
  REQUIRE(result.problems.size() == 1);
  return to_string(result.problems.front());
}

}  // namespace

TEST_CASE("a node runs alone unless it listens for others") {
  CHECK_FALSE(good("").cluster.enabled());
  CHECK_FALSE(good("[cluster]\nlisten = \"off\"\n").cluster.enabled());
  CHECK_FALSE(good("[cluster]\nlisten = \"\"\nreplicas = 2\n").cluster.enabled());
}

TEST_CASE("a cluster section is read") {
  const auto value = good(on + secret + R"(
name = "plant"
seeds = ["127.0.0.1:4884", "localhost:4885"]
bootstrap_expect = 3
replicas = 2
witness = true
election_timeout = "300ms"
heartbeat = "50ms"
window = "1MiB"
raft_window = "2MiB"
suspect_time = "2s"
resume_time = "5s"
)");
  const auto& cluster = value.cluster;
  CHECK(cluster.enabled());
  CHECK_FALSE(cluster.secure());
  CHECK(cluster.name == "plant");
  CHECK(cluster.seeds == std::vector<endpoint>{{"127.0.0.1", 4884}, {"localhost", 4885}});
  CHECK(cluster.bootstrap_expect == 3);
  CHECK(cluster.replicas == 2);
  CHECK(cluster.witness);
  CHECK(cluster.election_timeout == 300ms);
  CHECK(cluster.heartbeat == 50ms);
  CHECK(cluster.window == 1 << 20);
  CHECK(cluster.raft_window == 2 << 20);
  CHECK(cluster.suspect_time == 2s);
  CHECK(cluster.resume_time == 5s);
}

TEST_CASE("beyond loopback nodes talk with TLS, or the operator says that they need not") {
  const std::string out = "[cluster]\nlisten = \"10.0.0.1:4883\"\n" + secret;
  const std::string tls = "[cluster.tls]\ncertificate = \"c\"\nkey = \"k\"\nca = \"a\"\n";
  CHECK(complaint(out) ==
        "t.toml:2: cluster.listen 10.0.0.1:4883 can be reached from other machines: set "
        "cluster.tls, use a loopback address, or say cluster.insecure = true in a network that "
        "nobody else is in");
  CHECK(good(out + tls).cluster.secure());
  CHECK(good(out + "insecure = true\n").cluster.insecure);
  CHECK(complaint(on + secret + "seeds = [\"127.0.0.1:1\", \"10.0.0.2:1\"]\n") ==
        "t.toml:4: the seed 10.0.0.2:1 is on another machine: set cluster.tls, or say "
        "cluster.insecure = true in a network that nobody else is in");
  CHECK(complaint(on + secret + "[cluster.tls]\nkey = \"k\"\n") ==
        "t.toml:5: TLS between nodes needs all of cluster.tls.certificate, cluster.tls.key and "
        "cluster.tls.ca");
}

TEST_CASE("every node of a cluster needs the secret, which is not repeated") {
  CHECK(complaint(on) ==
        "t.toml:2: a node of a cluster needs cluster.secret or cluster.secret_file");
  CHECK(complaint(on + "secret = \"hush\"") ==
        "t.toml:3: cluster.secret must have at least 16 characters");
  CHECK(complaint(on + secret + "secret_file = \"/x\"") ==
        "t.toml:4: cluster.secret_file and cluster.secret are both set: remove one");
  CHECK(complaint(on + "secret_file = \"/nowhere/at-all\"") ==
        "t.toml:3: cluster.secret_file must be a file that can be read and is at most 64KiB long");
  std::string name = (std::filesystem::temp_directory_path() / "troupe-secret-XXXXXX").string();
  const int fd = mkstemp(name.data());
  REQUIRE(fd >= 0);
  std::ofstream(name) << "of-the-file-12345\n";
  CHECK(good(on + "secret_file = \"" + name + "\"").cluster.secret == "of-the-file-12345");
  CHECK(good(on + "secret = \"file://" + name + "\"").cluster.secret == "of-the-file-12345");
  std::filesystem::remove(name);
}

TEST_CASE("cluster settings that cannot work are refused where they stand") {
  const auto [toml, expected] = GENERATE_COPY(table<std::string, std::string>({
      {"[cluster]\nseeds = [\"127.0.0.1:1\"]\n",
       "t.toml:2: cluster.seeds needs cluster.listen: the nodes of a cluster reach each other"},
      {on + secret + "seeds = [\"127.0.0.1\"]\n",
       "t.toml:4: cluster.seeds must be a list of addresses with ports, such as "
       "[\"10.0.0.2:4883\", \"10.0.0.3:4883\"], not a list"},
      {on + secret + "advertise = \"0.0.0.0:1\"\n",
       "t.toml:4: cluster.advertise must be an address that other nodes can reach, not 0.0.0.0:1"},
      {"[cluster]\nlisten = \"0.0.0.0:4883\"\ninsecure = true\n" + secret,
       "t.toml:2: cluster.listen 0.0.0.0:4883 says no address that other nodes could reach: set "
       "cluster.advertise"},
      {on + secret + "witness = true\n",
       "t.toml:4: a witness needs cluster.seeds: it cannot make a cluster of its own"},
      {on + secret + "heartbeat = \"400ms\"\n",
       "t.toml:4: cluster.election_timeout must be at least three times cluster.heartbeat"},
      {"[cluster]\nlisten = \"127.0.0.1:1883\"\n" + secret,
       "t.toml:2: cluster.listen and listener \"tcp\" cannot both listen on 127.0.0.1:1883"},
      {"[cluster]\nlisten = \"here\"\n",
       "t.toml:2: cluster.listen must be an address and a port, such as \"10.0.0.1:4883\", or "
       "\"off\", not \"here\""},
      {"[cluster]\nseds = []\n",
       "t.toml:2: unknown key \"cluster.seds\"; did you mean \"cluster.seeds\"?"},
  }));
  CHECK_THAT(complaint(toml), Catch::Matchers::StartsWith(expected));
}
