#include "protocol/auth/scram.hpp"

#include "protocol/auth/digest.hpp"
#include "protocol/auth/password_file.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/auth/temporary_folder.hpp"

#include <memory>
#include <string>

using namespace troupe::auth;
using troupe::mqtt::reason_code;
using kind = outcome::kind;

namespace {

constexpr auto server_part = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";

/// The user "user" with password "pencil" of RFC 7677, section 3.
std::shared_ptr<const scram_file> rfc_file(const std::string& user = "user") {
  scram_verifier made;
  made.iterations = 4096;
  made.salt = *from_base64("W22ZaJ0SNY7soEsUEjb6gQ==");
  const auto salted = pbkdf2(digest::sha256, "pencil", made.salt, 4096);
  made.stored_key = *hash(digest::sha256, *hmac(digest::sha256, *salted, "Client Key"));
  made.server_key = *hmac(digest::sha256, *salted, "Server Key");
  auto file = scram_file::parse(user + ":" + made.to_text(), "scram");
  INFO(file.error);
  REQUIRE(file);
  return file.value;
}

outcome step(exchange& with, std::string_view data) {
  outcome result;
  int calls = 0;
  with.step(data, [&](outcome o) {
    result = std::move(o);
    ++calls;
  });
  REQUIRE(calls == 1);
  return result;
}

/// A client that does as the RFC says.
std::string final_message(const std::string& first_bare, const std::string& server_first,
                          const std::string& password, const std::string& header = "n,,") {
  const auto r = server_first.find("r=") + 2;
  const auto s = server_first.find(",s=");
  const auto i = server_first.find(",i=");
  const std::string nonce = server_first.substr(r, s - r);
  const auto salt = from_base64(server_first.substr(s + 3, i - s - 3));
  const auto count = static_cast<std::uint32_t>(std::stoul(server_first.substr(i + 3)));
  const auto salted = pbkdf2(digest::sha256, password, *salt, count);
  std::string proof = *hmac(digest::sha256, *salted, "Client Key");
  const std::string without = "c=" + to_base64(header) + ",r=" + nonce;
  const auto signature = hmac(digest::sha256, *hash(digest::sha256, proof),
                              first_bare + "," + server_first + "," + without);
  for (std::size_t at = 0; at < proof.size(); ++at) {
    proof[at] = static_cast<char>(proof[at] ^ (*signature)[at]);
  }
  return without + ",p=" + to_base64(proof);
}

}  // namespace

TEST_CASE("SCRAM-SHA-256 follows the example of RFC 7677", "[auth]") {
  scram_sha_256 method(rfc_file(), [] { return std::string(server_part); });
  CHECK(method.name() == "SCRAM-SHA-256");
  const auto talk = method.begin({});
  const outcome challenge = step(*talk, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
  REQUIRE(challenge.what == kind::proceed);
  CHECK(challenge.data ==
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
  const outcome end = step(*talk,
                           "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                           "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
  REQUIRE(end.what == kind::success);
  CHECK(end.data == "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
  CHECK(end.username == "user");
  CHECK(step(*talk, "n,,n=user,r=x").what == kind::failure);
}

TEST_CASE("SCRAM refuses wrong proofs and unknown users alike", "[auth]") {
  scram_sha_256 method(rfc_file());
  const auto run = [&](const std::string& user, const std::string& password) {
    const auto talk = method.begin({});
    const std::string bare = "n=" + user + ",r=abc";
    const outcome challenge = step(*talk, "n,," + bare);
    REQUIRE(challenge.what == kind::proceed);
    CHECK(challenge.data.find(",i=4096") != std::string::npos);
    return step(*talk, final_message(bare, challenge.data, password));
  };
  CHECK(run("user", "pencil").what == kind::success);
  const outcome wrong = run("user", "pen");
  const outcome unknown = run("nobody", "pencil");
  CHECK(wrong.what == kind::failure);
  CHECK(wrong.reason == reason_code::not_authorized);
  CHECK(unknown.reason == wrong.reason);
  CHECK(unknown.why == wrong.why);
  // The made-up salt of an unknown user stays the same.
  const auto salt_of = [&](const std::string& user) {
    const std::string data = step(*method.begin({}), "n,,n=" + user + ",r=abc").data;
    return data.substr(data.find(",s="));
  };
  CHECK(salt_of("nobody") == salt_of("nobody"));
  CHECK(salt_of("nobody") != salt_of("noone"));
}

TEST_CASE("SCRAM takes quoted names, an empty first step and an equal authzid", "[auth]") {
  scram_sha_256 method(rfc_file("a,b=c"));
  const auto talk = method.begin({});
  CHECK(step(*talk, "").what == kind::proceed);
  const std::string bare = "n=a=2Cb=3Dc,r=abc";
  const std::string header = "y,a=a=2Cb=3Dc,";
  const outcome challenge = step(*talk, header + bare);
  REQUIRE(challenge.what == kind::proceed);
  const outcome end = step(*talk, final_message(bare, challenge.data, "pencil", header));
  CHECK(end.what == kind::success);
  CHECK(end.username == "a,b=c");
}

TEST_CASE("malformed SCRAM messages fail without harm", "[auth]") {
  scram_sha_256 method(rfc_file());
  for (auto bad : {"x", "n", "n,", "n,,", "n,,n=user", "n,,n=,r=a", "n,,n=user,r=",
                   "n,,m=x,n=user,r=a", "p=tls-unique,,n=user,r=a", "n,a=other,n=user,r=a",
                   "n,a=user", "n,,r=a,n=user", "n,,n=us=er,r=a", "n,,n=us=2,r=a",
                   "n,,n=user,r=a\x01"
                   "b",
                   "q,,n=user,r=a"}) {
    CAPTURE(bad);
    const outcome result = step(*method.begin({}), bad);
    CHECK(result.what == kind::failure);
    CHECK_FALSE(result.why.empty());
  }
  CHECK(step(*method.begin({}), "n,,n=user,r=" + std::string(5000, 'x')).what == kind::failure);
  for (auto bad : {"", "c=biws", "c=biws,r=abc", "p=x", ",p=", "c=biws,r=abc,p=AAAA",
                   "c=biws,r=wrong,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
                   "c=eSws,r=abc,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="}) {
    CAPTURE(bad);
    const auto talk = method.begin({});
    REQUIRE(step(*talk, "n,,n=user,r=abc").what == kind::proceed);
    CHECK(step(*talk, bad).what == kind::failure);
  }
}

TEST_CASE("SCRAM files are written and read, errors name the line", "[auth]") {
  const temporary_folder folder;
  const std::string path = folder.file("scram");
  CHECK(set_scram_user(path, "ann", "secret", 4096) == "");
  CHECK(set_scram_user(path, "ben", "other", 4096) == "");
  CHECK(set_scram_user(path, "ann", "changed", 5000) == "");
  CHECK(set_scram_user(path, "ann", "x", 4095) != "");
  CHECK(set_scram_user(path, "a:b", "x", 4096) != "");
  CHECK(set_scram_user(path, "ann", "", 4096) != "");
  const auto file = scram_file::load(path);
  REQUIRE(file);
  CHECK(file.value->size() == 2);
  CHECK(file.value->find("ann")->iterations == 5000);
  CHECK(remove_user(path, "ben") == "");
  const auto reloaded = scram_file::load(path);
  REQUIRE(reloaded);
  CHECK_FALSE(reloaded.value->find("ben"));

  scram_sha_256 method(file.value);
  method.reload(reloaded.value);
  const auto talk = method.begin({});
  const outcome challenge = step(*talk, "n,,n=ann,r=abc");
  CHECK(step(*talk, final_message("n=ann,r=abc", challenge.data, "changed")).what == kind::success);

  for (auto bad :
       {"a:x", "a:SCRAM-SHA-256$", "a:SCRAM-SHA-256$4096:AAAA$AAAA", "a:SCRAM-SHA-256$1:AAAA$A:A",
        "a:SCRAM-SHA-256$4096:AAAA$AAAA:AAAA", "a:SCRAM-SHA-256$4096x:AAAA$AAAA:AAAA"}) {
    CAPTURE(bad);
    const auto parsed = scram_file::parse(std::string("# c\n") + bad, "s");
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error.starts_with("s, line 2: "));
  }
}
