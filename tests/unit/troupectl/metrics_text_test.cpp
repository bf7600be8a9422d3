#include "tests/support/catch.hpp"
#include "tools/troupectl/metrics_text.hpp"

#include <nlohmann/json.hpp>

using nlohmann::json;
using troupe::ctl::metrics_of;

TEST_CASE("samples of all kinds become rows", "[metrics]") {
  const auto found = metrics_of(
      "# HELP a_total Some \"text\" {with} braces 1\n"
      "# TYPE a_total counter\n"
      "a_total{qos=\"0\",dir=\"in\"} 12\n"
      "a_total 0.5 1700000000\n"
      "# TYPE h histogram\n"
      "h_bucket{le=\"+Inf\"} 3\n"
      "h_sum 1e-3\n"
      "h_count 3\n"
      "other NaN\n");
  const json expected = {
      {{"name", "a_total"}, {"type", "counter"}, {"labels", {{"qos", "0"}, {"dir", "in"}}},
       {"value", 12}},
      {{"name", "a_total"}, {"type", "counter"}, {"labels", json::object()}, {"value", 0.5}},
      {{"name", "h_bucket"}, {"type", "histogram"}, {"labels", {{"le", "+Inf"}}}, {"value", 3}},
      {{"name", "h_sum"}, {"type", "histogram"}, {"labels", json::object()}, {"value", 0.001}},
      {{"name", "h_count"}, {"type", "histogram"}, {"labels", json::object()}, {"value", 3}},
      {{"name", "other"}, {"type", "untyped"}, {"labels", json::object()}, {"value", nullptr}}};
  CHECK(found.at("data") == expected);
}

TEST_CASE("values of labels are read as they were meant", "[metrics]") {
  const auto found = metrics_of(R"(a{b="x\"y\\z\n}, ",c=""} 1)");
  CHECK(found.at("data").at(0).at("labels") == json{{"b", "x\"y\\z\n}, "}, {"c", ""}});
}

TEST_CASE("what is no sample is left out, whatever it is", "[metrics]") {
  for (const auto* text : {"", "\n\n", "a", "a{", "a{b", "a{b=", "a{b=\"", "a{b=\"c", "a{b=\"c\"",
                           "a{b=\"c\",", "a{b=\"c\"}", "a x", " 1", "# TYPE", "# TYPE a", "a{b=\"\\"})
    CHECK(metrics_of(text).at("data").empty());
}
