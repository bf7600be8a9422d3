#include "protocol/auth/admin/admin_tokens.hpp"

#include "tests/support/catch.hpp"

#include <filesystem>
#include <fstream>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

using namespace troupe::auth;

namespace {

struct folder {
  folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tokens-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path = pattern;
  }
  ~folder() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

std::string error_of(std::string_view text) {
  const auto parsed = admin_tokens::parse(text, "t");
  CHECK_FALSE(parsed);
  return parsed.error;
}

}  // namespace

TEST_CASE("tokens are made, found by what they are and taken away") {
  const folder in;
  const auto file = (in.path / "tokens").string();
  const auto viewer = add_admin_token(file, "grafana", admin_role::viewer);
  const auto admin = add_admin_token(file, "ops", admin_role::admin);
  REQUIRE(viewer.error.empty());
  REQUIRE(admin.error.empty());
  CHECK(viewer.token.size() == 43);
  CHECK(viewer.token != admin.token);
  auto loaded = admin_tokens::load(file);
  REQUIRE(loaded);
  CHECK(loaded.value->find(viewer.token).name == "grafana");
  CHECK(loaded.value->find(viewer.token).role == admin_role::viewer);
  CHECK(loaded.value->find(admin.token).role == admin_role::admin);
  CHECK(loaded.value->find("").role == admin_role::none);
  CHECK(loaded.value->find(admin.token + "x").role == admin_role::none);
  std::ifstream read(file);
  const std::string text(std::istreambuf_iterator<char>(read), {});
  CHECK(text.find(admin.token) == std::string::npos);
  CHECK(remove_admin_token(file, "ops").empty());
  CHECK_FALSE(remove_admin_token(file, "ops").empty());
  CHECK(admin_tokens::load(file).value->find(admin.token).role == admin_role::none);
  CHECK_FALSE(add_admin_token(file, "a:b", admin_role::admin).error.empty());
}

TEST_CASE("a token file that is wrong is refused with its line") {
  const std::string digest(43, 'A');
  CHECK(admin_tokens::parse("# c\n\na:operator:sha256:" + digest + "=\n", "t"));
  CHECK(error_of("a:operator:sha256:" + digest + "\n").find("t, line 1") == 0);
  CHECK(error_of("a:root:sha256:" + digest + "=").find("viewer, operator or admin") !=
        std::string::npos);
  CHECK(error_of("a:none:sha256:" + digest + "=").find("viewer, operator or admin") !=
        std::string::npos);
  CHECK(error_of("a:admin").find("sha256:") != std::string::npos);
  CHECK(error_of("a b:admin:sha256:" + digest + "=").find("letters") != std::string::npos);
}

TEST_CASE("a token file that everybody may write is refused") {
  const folder in;
  const auto file = (in.path / "tokens").string();
  REQUIRE(add_admin_token(file, "ops", admin_role::admin).error.empty());
  REQUIRE(::chmod(file.c_str(), 0666) == 0);
  CHECK(admin_tokens::load(file).error.find("everybody") != std::string::npos);
}
