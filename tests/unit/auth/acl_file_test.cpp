#include "protocol/auth/acl_file.hpp"

#include "tests/support/catch.hpp"
#include "tests/unit/auth/temporary_folder.hpp"

#include <string>

using namespace troupe::auth;

namespace {

std::shared_ptr<const acl_file> rules(const std::string& text) {
  auto parsed = acl_file::parse(text, "acl");
  INFO(parsed.error);
  REQUIRE(parsed);
  return parsed.value;
}

identity client(std::string_view id, std::string_view user = {}) {
  return {id, user, false};
}

}  // namespace

TEST_CASE("access words give read, write, both or nothing", "[auth]") {
  const auto acl = rules(
      "# anonymous\n"
      "topic read news/#\n"
      "topic write in/+\n"
      "topic both\n"
      "topic readwrite two words\n"
      "\n"
      "user ann\r\n"
      "  topic\tread   private/#  \n"
      "user name with spaces\n"
      "topic x\n");
  const identity nobody = client("c");
  CHECK(acl->may_receive(nobody, "news/today"));
  CHECK_FALSE(acl->may_publish(nobody, "news/today"));
  CHECK(acl->may_publish(nobody, "in/1"));
  CHECK_FALSE(acl->may_receive(nobody, "in/1"));
  CHECK(acl->may_publish(nobody, "both"));
  CHECK(acl->may_receive(nobody, "both"));
  CHECK(acl->may_receive(nobody, "two words"));
  CHECK_FALSE(acl->may_publish(nobody, "elsewhere"));
  // The first rules are for anonymous clients only.
  CHECK_FALSE(acl->may_receive(client("c", "ann"), "news/today"));
  CHECK(acl->may_receive(client("c", "ann"), "private/x"));
  CHECK(acl->may_publish(client("c", "name with spaces"), "x"));
  CHECK_FALSE(acl->may_publish(client("c", "stranger"), "x"));
}

TEST_CASE("deny wins wherever it stands", "[auth]") {
  const auto acl = rules(
      "user ann\n"
      "topic readwrite a/#\n"
      "topic deny a/secret/#\n"
      "topic readwrite a/secret/but\n"
      "topic readwrite b/#\n"
      "pattern deny b/%u/no\n");
  const identity ann = client("c", "ann");
  CHECK(acl->may_publish(ann, "a/x"));
  CHECK_FALSE(acl->may_publish(ann, "a/secret"));
  CHECK_FALSE(acl->may_receive(ann, "a/secret/but"));
  CHECK(acl->may_publish(ann, "b/ben/no"));
  CHECK_FALSE(acl->may_publish(ann, "b/ann/no"));
}

TEST_CASE("sections of one user add up", "[auth]") {
  const auto acl = rules("user a\ntopic x\nuser b\ntopic y\nuser a\ntopic z\n");
  CHECK(acl->may_publish(client("c", "a"), "x"));
  CHECK(acl->may_publish(client("c", "a"), "z"));
  CHECK_FALSE(acl->may_publish(client("c", "a"), "y"));
}

TEST_CASE("patterns stand for everybody's own names", "[auth]") {
  const auto acl = rules(
      "user ann\n"
      "topic other\n"
      "pattern write sensor/%u/data\n"
      "pattern read dev/%c/#\n"
      "pattern readwrite x/pre-%c-post/%u\n");
  const identity ann = client("d1", "ann");
  CHECK(acl->may_publish(ann, "sensor/ann/data"));
  CHECK_FALSE(acl->may_publish(ann, "sensor/ben/data"));
  CHECK(acl->may_receive(ann, "dev/d1"));
  CHECK(acl->may_receive(ann, "dev/d1/a/b"));
  CHECK_FALSE(acl->may_receive(ann, "dev/d10"));
  CHECK(acl->may_publish(ann, "x/pre-d1-post/ann"));
  CHECK_FALSE(acl->may_publish(ann, "x/pre-d1-pos/ann"));
  CHECK_FALSE(acl->may_publish(ann, "x/pre-d1/ann"));
  // Without user name a pattern with %u is nobody's.
  CHECK_FALSE(acl->may_publish(client("d1"), "sensor//data"));
  CHECK(acl->may_receive(client("d1"), "dev/d1/a"));
  CHECK(acl->may_subscribe(ann, "dev/d1/#"));
  CHECK(acl->may_subscribe(ann, "dev/+/x"));
  CHECK_FALSE(acl->may_subscribe(ann, "dev/d2/#"));
}

TEST_CASE("no name reaches beyond its own level", "[auth]") {
  const auto acl = rules("pattern readwrite dev/%c/#\npattern readwrite %u/#\n");
  for (auto name : {"+", "#", "a/b", "+/x", "a+", "/", "dev1/#"}) {
    CAPTURE(name);
    const identity sly = client(name, name);
    for (auto topic : {"dev/dev1/x", "dev/a/b/x", "dev/a/b", "a/b/c", "dev//x", "x"}) {
      CAPTURE(topic);
      CHECK_FALSE(acl->may_publish(sly, topic));
      CHECK_FALSE(acl->may_receive(sly, topic));
    }
    for (auto filter : {"dev/+/x", "dev/#", "#", "dev/a/b/#", "+/x", "a/b/#"}) {
      CAPTURE(filter);
      CHECK_FALSE(acl->may_subscribe(sly, filter));
    }
  }
  const identity tree = client("$SYS", "$SYS");
  CHECK_FALSE(acl->may_receive(tree, "$SYS/broker/uptime"));
  CHECK_FALSE(acl->may_publish(tree, "$SYS/broker/uptime"));
  CHECK_FALSE(acl->may_subscribe(tree, "$SYS/#"));
  // "%c" within a name is text, not a pattern again.
  CHECK_FALSE(acl->may_publish(client("victim", "%c"), "victim/x"));
  CHECK(acl->may_publish(client("victim", "%c"), "%c/x"));
}

TEST_CASE("a denial holds for names that cannot be put in it", "[auth]") {
  const auto acl = rules("topic readwrite #\nuser u\ntopic readwrite #\npattern deny dev/%c/raw\n");
  CHECK_FALSE(acl->may_publish(client("d1", "u"), "dev/d1/raw"));
  CHECK(acl->may_publish(client("d1", "u"), "dev/d2/raw"));
  CHECK_FALSE(acl->may_publish(client("a/b", "u"), "dev/a/b/raw"));
  CHECK_FALSE(acl->may_publish(client("+", "u"), "dev/any"));
  CHECK_FALSE(acl->may_subscribe(client("#", "u"), "dev/x"));
  CHECK(acl->may_subscribe(client("#", "u"), "other"));
}

TEST_CASE("subscriptions are refused when nothing could come of them", "[auth]") {
  const auto acl = rules(
      "topic read a/+/c\n"
      "topic write w/#\n"
      "topic read d/#\n"
      "topic deny d/x/#\n");
  const identity nobody = client("c");
  CHECK(acl->may_subscribe(nobody, "a/b/c"));
  CHECK(acl->may_subscribe(nobody, "a/#"));
  CHECK(acl->may_subscribe(nobody, "#"));
  CHECK(acl->may_subscribe(nobody, "$share/g/a/+/c"));
  CHECK_FALSE(acl->may_subscribe(nobody, "a/b"));
  CHECK_FALSE(acl->may_subscribe(nobody, "w/x"));
  CHECK_FALSE(acl->may_subscribe(nobody, "$share/g/w/x"));
  CHECK(acl->may_subscribe(nobody, "d/#"));
  CHECK(acl->may_subscribe(nobody, "d/+"));
  CHECK_FALSE(acl->may_subscribe(nobody, "d/x"));
  CHECK_FALSE(acl->may_subscribe(nobody, "d/x/+/#"));
}

TEST_CASE("$SYS must be granted by name", "[auth]") {
  const auto closed = rules("topic #\n");
  CHECK_FALSE(closed->may_subscribe(client("c"), "$SYS/#"));
  CHECK_FALSE(closed->may_receive(client("c"), "$SYS/broker/uptime"));
  const auto open = rules("topic read $SYS/#\npattern write $SYS/broker/connection/%c/state\n");
  CHECK(open->may_subscribe(client("c"), "$SYS/broker/+"));
  CHECK(open->may_receive(client("c"), "$SYS/broker/uptime"));
  CHECK_FALSE(open->may_publish(client("c"), "$SYS/broker/uptime"));
  CHECK(open->may_publish(client("c"), "$SYS/broker/connection/c/state"));
}

TEST_CASE("errors of an access file name file and line", "[auth]") {
  struct row {
    const char* text;
    const char* expected;
  };
  const row rows[] = {
      {"topics x\n", "acl, line 1: expected \"user\", \"topic\" or \"pattern\", found \"topics\""},
      {"\n\nuser\n", "acl, line 3: \"user\" needs a name"},
      {"topic\n", "acl, line 1: \"topic\" needs a topic filter"},
      {"pattern  \n", "acl, line 1: \"pattern\" needs a topic filter"},
      {"topic rw x\n", "acl, line 1: expected \"read\""},
      {"topic read a/#/b\n", "acl, line 1: \"a/#/b\" is not a valid topic filter"},
  };
  for (const row& each : rows) {
    CAPTURE(each.text);
    const auto parsed = acl_file::parse(each.text, "acl");
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error.starts_with(each.expected));
  }
  const temporary_folder folder;
  CHECK_FALSE(acl_file::load(folder.file("absent")));
  CHECK(acl_file::load(folder.write("acl", "topic x")));
}

TEST_CASE("without access file all but $SYS is open", "[auth]") {
  const open_authorizer usual;
  const identity far = client("c");
  const identity near{"c", "", true};
  CHECK(usual.may_publish(far, "a"));
  CHECK(usual.may_subscribe(far, "#"));
  CHECK(usual.may_receive(far, "a"));
  CHECK_FALSE(usual.may_publish(near, "$SYS/x"));
  CHECK_FALSE(usual.may_subscribe(far, "$SYS/#"));
  CHECK_FALSE(usual.may_subscribe(far, "$share/g/$SYS/broker/+"));
  CHECK_FALSE(usual.may_receive(far, "$SYS/x"));
  CHECK(usual.may_subscribe(near, "$SYS/#"));
  CHECK(usual.may_receive(near, "$SYS/x"));
  const open_authorizer generous(true);
  CHECK(generous.may_subscribe(far, "$SYS/#"));
  CHECK(generous.may_receive(far, "$SYS/x"));
}
