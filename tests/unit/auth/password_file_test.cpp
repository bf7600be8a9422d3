#include "protocol/auth/password_file.hpp"

#include "tests/support/catch.hpp"
#include "tests/unit/auth/temporary_folder.hpp"

#include <cstdlib>
#include <filesystem>
#include <string>
#include <sys/stat.h>

using namespace troupe::auth;

namespace {

// Written by mosquitto_passwd 2.0.11: alice/secret, "bob"/"p:w d", carl/six.
constexpr auto mosquitto_file =
    "# devices\n"
    "alice:$7$101$9Mw5aUDrlRtTGGoa$IsrjHQ6juMraLVjGUfxaaaGBOWJimtPbXack3CAXuRYyXNiq6sokmLQEpF85MGaj"
    "RupMBzozm4x3fg6SDIVwiA==\n"
    "\n"
    "bob:$7$101$0Yc1BxZwQTVxeOG0$NKRevdLLXh3zSm1Qis7amIxJXsUz1xlmxnCiNmJ5U7RXXeUnh6b/S/"
    "xx56hAOd39KqT"
    "0aacT7xTnyGHyn6g1nA==\r\n"
    "carl:$6$DhcolhR+EBg0Rs4k$xwt9US/f6qC29O0UCGx/ZGRMQaNMM78Rl/"
    "e6AO3H4jIBm+UmdrHu4n6pmJrxmPXY8c50U4"
    "eSJzA/L7TGPti/SA==";

bool have_mosquitto_passwd() {
  return std::system("command -v mosquitto_passwd >/dev/null 2>&1") == 0;
}

bool verifies(const password_file& file, const char* user, const char* password) {
  const password_hash* known = file.find(user);
  return known && known->verify(password);
}

}  // namespace

TEST_CASE("hashes of mosquitto_passwd verify", "[auth]") {
  const auto file = password_file::parse(mosquitto_file, "passwd");
  REQUIRE(file);
  CHECK(file.value->size() == 3);
  CHECK(verifies(*file.value, "alice", "secret"));
  CHECK(verifies(*file.value, "bob", "p:w d"));
  CHECK(verifies(*file.value, "carl", "six"));
  CHECK(file.value->find("carl")->cheap());
  CHECK_FALSE(verifies(*file.value, "alice", "Secret"));
  CHECK_FALSE(verifies(*file.value, "alice", ""));
  CHECK_FALSE(verifies(*file.value, "carl", "six "));
  CHECK_FALSE(verifies(*file.value, "dave", "x"));
  CHECK(file.value->decoy().iterations == 101);
  CHECK_FALSE(file.value->decoy().verify(""));
}

TEST_CASE("a fresh file of the installed mosquitto_passwd verifies", "[auth]") {
  if (!have_mosquitto_passwd()) {
    WARN("mosquitto_passwd is not installed");
    return;
  }
  const temporary_folder folder;
  const std::string path = folder.file("passwd");
  REQUIRE(std::system(
              ("mosquitto_passwd -c -b '" + path + "' one 'first word' >/dev/null").c_str()) == 0);
  REQUIRE(std::system(
              ("mosquitto_passwd -H sha512 -b '" + path + "' two second >/dev/null").c_str()) == 0);
  const auto file = password_file::load(path);
  REQUIRE(file);
  CHECK(verifies(*file.value, "one", "first word"));
  CHECK(verifies(*file.value, "two", "second"));
  CHECK_FALSE(verifies(*file.value, "two", "first word"));
}

TEST_CASE("errors of a password file name file and line and no secret", "[auth]") {
  struct row {
    const char* text;
    const char* expected;
  };
  const row rows[] = {
      {"alice\n", "f, line 1: expected \"user:hash\""},
      {"\n:x\n", "f, line 2: expected"},
      {"a:plain-secret", "f, line 1: the password is not a hash"},
      {"a:$7$0$AAAA$AAAA", "iterations is not in 1..10000000"},
      {"a:$7$99999999999$AAAA$AAAA", "iterations"},
      {"a:$7$1x$AAAA$AAAA", "iterations"},
      {"a:$7$10$A$AAAA", "salt"},
      {"a:$7$10$AAAA$AAAA", "64 bytes"},
      {"a:$6$AAAA", "64 bytes"},
      {"a:$6$", "salt"},
      {"a:$argon2id$v=19$x", "not a hash that is known"},
  };
  for (const row& each : rows) {
    CAPTURE(each.text);
    const auto file = password_file::parse(each.text, "f");
    REQUIRE_FALSE(file);
    CHECK(file.error.find(each.expected) != std::string::npos);
    CHECK(file.error.find("plain-secret") == std::string::npos);
  }
  const std::string twice = std::string(mosquitto_file) + "\n" + mosquitto_file;
  CHECK(password_file::parse(twice, "f").error ==
        "f, line 7: user \"alice\" stands in line 2 already");
  CHECK(password_file::load("/nonexistent/x").error.find("/nonexistent/x") != std::string::npos);
  CHECK(password_file::load("/tmp").error.find("regular") != std::string::npos);
  CHECK(password_file::parse("", "f"));
}

TEST_CASE("a broker that is not root reads what its administrator writes", "[auth]") {
  const temporary_folder folder;
  const auto mode_of = [](const std::string& path) {
    struct stat about {};
    REQUIRE(::stat(path.c_str(), &about) == 0);
    return about.st_mode & 0777;
  };
  const std::string path = folder.write("passwd", mosquitto_file);
  ::chmod(path.c_str(), 0640);
  CHECK(set_user(path, "eve", "new", 1000) == "");
  CHECK(mode_of(path) == 0640);
  ::chmod(path.c_str(), 0600);
  CHECK(set_user(path, "eve", "newer", 1000) == "");
  CHECK(mode_of(path) == 0600);

  const auto parent = path.substr(0, path.rfind('/'));
  CHECK(set_user(parent + "/own", "eve", "new", 1000) == "");
  CHECK(mode_of(parent + "/own") == 0600);
  REQUIRE(::chmod(parent.c_str(), 02750) == 0);
  CHECK(set_user(parent + "/shared", "eve", "new", 1000) == "");
  CHECK(mode_of(parent + "/shared") == 0640);
}

TEST_CASE("users are set, changed and removed in place", "[auth]") {
  const temporary_folder folder;
  const std::string path = folder.write("passwd", "# kept\n" + std::string(mosquitto_file));
  CHECK(set_user(path, "eve", "new", 1000) == "");
  CHECK(set_user(path, "alice", "changed", 1000) == "");
  struct stat about {};
  REQUIRE(::stat(path.c_str(), &about) == 0);
  CHECK((about.st_mode & 0137) == 0);
  auto file = password_file::load(path);
  REQUIRE(file);
  CHECK(file.value->size() == 4);
  CHECK(verifies(*file.value, "eve", "new"));
  CHECK(verifies(*file.value, "alice", "changed"));
  CHECK_FALSE(verifies(*file.value, "alice", "secret"));
  CHECK(verifies(*file.value, "bob", "p:w d"));
  CHECK(folder.read("passwd").starts_with("# kept\n# devices\nalice:$7$1000$"));
  CHECK(remove_user(path, "alice") == "");
  CHECK(remove_user(path, "alice").find("no user \"alice\"") != std::string::npos);
  CHECK(password_file::load(path).value->size() == 3);
  // Nothing but the file is left behind.
  const std::filesystem::directory_iterator files(std::filesystem::path(path).parent_path());
  CHECK(std::distance(files, std::filesystem::directory_iterator()) == 1);

  CHECK(set_user(folder.file("fresh"), "first", "x", 1) == "");
  CHECK(verifies(*password_file::load(folder.file("fresh")).value, "first", "x"));
  CHECK(set_user(path, "a:b", "x", 1) != "");
  CHECK(set_user(path, "a\nb", "x", 1) != "");
  CHECK(set_user(path, "", "x", 1) != "");
  CHECK(set_user(path, "#a", "x", 1) != "");
  CHECK(set_user(path, "a", "", 1) != "");
  CHECK(set_user(path, "a", "x", 0) != "");
  CHECK(set_user("/nonexistent/dir/file", "a", "x", 1) != "");
  CHECK(remove_user("/nonexistent/file", "a") != "");
}
