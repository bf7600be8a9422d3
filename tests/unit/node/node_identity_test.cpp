#include "actors/node/node_identity.hpp"

#include "tests/support/catch.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sys/stat.h>
#include <unistd.h>

using namespace troupe;
using node::identify;

namespace {

class folder {
 public:
  folder() {
    path_ = (std::filesystem::temp_directory_path() / "troupe-identity-XXXXXX").string();
    REQUIRE(mkdtemp(path_.data()) != nullptr);
  }
  ~folder() { std::filesystem::remove_all(path_); }
  folder(const folder&) = delete;
  folder& operator=(const folder&) = delete;

  const std::string& path() const { return path_; }
  std::string file() const { return path_ + "/node-id"; }
  std::string text() const {
    std::ifstream in(file(), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void write(const std::string& text) const { std::ofstream(file(), std::ios::binary) << text; }

 private:
  std::string path_;
};

std::uint64_t never() {
  FAIL("a new id was made");
  return 0;
}

}  // namespace

TEST_CASE("an id is made once, never zero, and found again") {
  const folder at;
  int asked = 0;
  const auto made = identify(at.path(), [&] { return asked++ == 0 ? 0 : 0xC0FFEEULL; });
  INFO(made.error);
  CHECK(made.made);
  CHECK(number(made.node) == 0xC0FFEE);
  CHECK(at.text().starts_with("troupe node 1 0000000000c0ffee "));
  CHECK_FALSE(std::filesystem::exists(at.file() + ".new"));
  const auto again = identify(at.path(), never);
  CHECK(again.node == made.node);
  CHECK_FALSE(again.made);
}

TEST_CASE("what a crash left beside does not matter") {
  const folder at;
  std::ofstream(at.file() + ".new") << "half";
  CHECK(identify(at.path(), [] { return 7; }).node == cluster::node_id{7});
}

TEST_CASE("a damaged id is refused with its file and the way out, and stays as it is") {
  const folder at;
  identify(at.path(), [] { return 0x1234; });
  const auto good = at.text();
  std::vector<std::string> damaged{"",
                                   "\n",
                                   good.substr(0, good.size() - 2),
                                   good + "x",
                                   std::string(300, 'x'),
                                   "troupe node 2 " + good.substr(14),
                                   std::string(300, '\0')};
  for (std::size_t i = 0; i < good.size(); ++i) {
    auto text = good;
    text[i] = text[i] == '5' ? '6' : '5';
    damaged.push_back(text);
  }
  for (const auto& text : damaged) {
    at.write(text);
    const auto refused = identify(at.path(), never);
    CHECK(refused.node == cluster::no_node);
    CHECK(refused.error.find(at.file() + " is damaged") != std::string::npos);
    CHECK(refused.error.find("Restore it") != std::string::npos);
    CHECK(at.text() == text);
  }
}

TEST_CASE("a folder or a pipe in its place, or no directory, is an error without waiting") {
  const folder at;
  std::filesystem::create_directory(at.file());
  CHECK(identify(at.path(), never).error.starts_with("Cannot read " + at.file()));
  std::filesystem::remove(at.file());
  REQUIRE(::mkfifo(at.file().c_str(), 0600) == 0);
  CHECK_FALSE(identify(at.path(), never).error.empty());
  CHECK(identify(at.path() + "/nowhere", [] { return 1; }).error.starts_with("Cannot write "));
}

TEST_CASE("the kernel's numbers differ") {
  CHECK(node::kernel_random() != node::kernel_random());
}
