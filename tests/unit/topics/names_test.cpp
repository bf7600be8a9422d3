#include "protocol/topics/names.hpp"

#include "tests/support/catch.hpp"

#include <string>

using namespace troupe::topics;

TEST_CASE("topic names carry no wildcard and no NUL [MQTT-3.3.2-2] [MQTT-4.7.3-2]", "[topics]") {
  CHECK(valid_topic_name("a"));
  CHECK(valid_topic_name("/"));
  CHECK(valid_topic_name("a b//c/"));
  CHECK(valid_topic_name("$SYS/x"));
  CHECK_FALSE(valid_topic_name(""));
  CHECK_FALSE(valid_topic_name("a/+/b"));
  CHECK_FALSE(valid_topic_name("a+b"));
  CHECK_FALSE(valid_topic_name("#"));
  CHECK_FALSE(valid_topic_name(std::string_view("a\0b", 3)));
  CHECK(valid_topic_name(std::string(65535, 'x')));
  CHECK_FALSE(valid_topic_name(std::string(65536, 'x')));
}

TEST_CASE("wildcards stand alone in a level [MQTT-4.7.1-1] [MQTT-4.7.1-2]", "[topics]") {
  for (auto good : {"#", "+", "/", "a", "a/#", "+/+", "/+", "+/", "a/+/b", "+/tennis/#", "$SYS/#",
                    "//#", "a//+"}) {
    CAPTURE(good);
    CHECK(valid_filter(good));
  }
  for (auto bad :
       {"", "#/a", "a#", "a/#/b", "a+", "+a", "a/b+", "a/+b/c", "##", "++", "a/##", "+#", "#+"}) {
    CAPTURE(bad);
    CHECK_FALSE(valid_filter(bad));
  }
  CHECK_FALSE(valid_filter(std::string_view("a\0", 2)));
  CHECK(valid_filter(std::string(65535, '/')));
  CHECK_FALSE(valid_filter(std::string(65536, '/')));
}

TEST_CASE("levels and wildcards are counted", "[topics]") {
  CHECK(levels("a") == 1);
  CHECK(levels("/") == 2);
  CHECK(levels("a/b/c") == 3);
  CHECK(has_wildcard("a/+"));
  CHECK(has_wildcard("#"));
  CHECK_FALSE(has_wildcard("a/b"));
}

TEST_CASE("filters match as the specification's examples say", "[topics]") {
  struct row {
    const char* filter;
    const char* topic;
    bool match;
  };
  const row rows[] = {
      {"sport/tennis/player1/#", "sport/tennis/player1", true},
      {"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
      {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
      {"sport/#", "sport", true},
      {"#", "a/b/c", true},
      {"#", "/", true},
      {"sport/tennis/+", "sport/tennis/player1", true},
      {"sport/tennis/+", "sport/tennis/player1/ranking", false},
      {"sport/+", "sport", false},
      {"sport/+", "sport/", true},
      {"+/+", "/finance", true},
      {"/+", "/finance", true},
      {"+", "/finance", false},
      {"+", "finance", true},
      {"a/b", "a/b", true},
      {"a/b", "a/B", false},
      {"a/b", "a", false},
      {"a", "a/b", false},
      {"a/+/#", "a", false},
      {"a/+/#", "a/b", true},
      {"+/#", "a", true},
      {"a//c", "a//c", true},
      {"a/+/c", "a//c", true},
      // [MQTT-4.7.2-1]
      {"#", "$SYS/x", false},
      {"+/monitor/Clients", "$SYS/monitor/Clients", false},
      {"+/#", "$SYS/x", false},
      {"$SYS/#", "$SYS/x", true},
      {"$SYS/monitor/+", "$SYS/monitor/Clients", true},
      {"a/+", "a/$x", true},
  };
  for (const row& each : rows) {
    CAPTURE(each.filter, each.topic);
    CHECK(matches(each.filter, each.topic) == each.match);
  }
}

TEST_CASE("filters overlap when one topic fits both", "[topics]") {
  struct row {
    const char* left;
    const char* right;
    bool both;
  };
  const row rows[] = {
      {"a/b", "a/b", true},   {"a/b", "a/c", false},    {"a/+", "a/b", true},
      {"a/+", "+/b", true},   {"a/#", "a", true},       {"a/#", "b/#", false},
      {"#", "x/y", true},     {"#", "$SYS/#", false},   {"+/x", "$SYS/x", false},
      {"a/+/#", "a", false},  {"a/+/#", "a/#", true},   {"a/b", "a/b/c", false},
      {"a/b", "a/b/#", true}, {"$SYS/#", "$SYS", true}, {"a/b/+", "a/#", true},
  };
  for (const row& each : rows) {
    CAPTURE(each.left, each.right);
    CHECK(overlaps(each.left, each.right) == each.both);
    CHECK(overlaps(each.right, each.left) == each.both);
  }
}

TEST_CASE("a wide filter covers a narrow one", "[topics]") {
  CHECK(covers("#", "a/+/b"));
  CHECK(covers("#", "#"));
  CHECK(covers("a/#", "a"));
  CHECK(covers("a/#", "a/+/#"));
  CHECK(covers("+/b", "a/b"));
  CHECK(covers("+/+", "+/b"));
  CHECK_FALSE(covers("+/b", "+/+"));
  CHECK_FALSE(covers("a/+", "a/#"));
  CHECK_FALSE(covers("a/+/#", "a/#"));
  CHECK_FALSE(covers("a", "a/#"));
  CHECK_FALSE(covers("a/b", "a/+"));
  CHECK_FALSE(covers("#", "$SYS/#"));
  CHECK_FALSE(covers("+/x", "$SYS/x"));
  CHECK(covers("$SYS/#", "$SYS/x/+"));
}

TEST_CASE("shared subscriptions are parsed strictly [MQTT-4.8.2-1] [MQTT-4.8.2-2]", "[topics]") {
  const auto parts = parse_shared("$share/group/a/+/b");
  REQUIRE(parts);
  CHECK(parts->group == "group");
  CHECK(parts->filter == "a/+/b");
  CHECK(parse_shared("$share/g//x")->filter == "/x");
  CHECK(parse_shared("$share/g/$SYS/#")->filter == "$SYS/#");
  for (auto bad :
       {"$share", "$share/", "$share//a", "$share/g", "$share/g/", "$share/g+/a", "$share/#/a",
        "$share/+/a", "$share/g/a/#/b", "$share/g/a+", "$share/g/$share/h/x"}) {
    CAPTURE(bad);
    CHECK(is_shared_prefix(bad));
    CHECK_FALSE(parse_shared(bad));
    CHECK_FALSE(valid_subscription(bad));
  }
  CHECK_FALSE(parse_shared(std::string_view("$share/a\0b/c", 12)));
  CHECK_FALSE(is_shared_prefix("$shared/g/a"));
  CHECK_FALSE(is_shared_prefix("share/g/a"));
  CHECK_FALSE(parse_shared("a/b"));
  CHECK(valid_subscription("$share/g/#"));
  CHECK(valid_subscription("$shared/g/#"));
  CHECK_FALSE(valid_subscription("$share/" + std::string(65535, 'g') + "/a"));
}
