#include "protocol/auth/digest.hpp"

#include "tests/support/catch.hpp"

#include <string>

using namespace troupe::auth;

TEST_CASE("base 64 is strict and reverses itself", "[auth]") {
  CHECK(to_base64("") == "");
  CHECK(to_base64("f") == "Zg==");
  CHECK(to_base64("fo") == "Zm8=");
  CHECK(to_base64("foo") == "Zm9v");
  CHECK(to_base64("foobar") == "Zm9vYmFy");
  for (std::size_t size = 0; size < 100; ++size) {
    const auto bytes = random_bytes(size);
    REQUIRE(bytes);
    CHECK(from_base64(to_base64(*bytes)) == bytes);
  }
  for (auto bad : {"Z", "Zg", "Zg=", "Zg===", "====", "A===", "Zh==", "Zm9=", "Zm 9v", "Zm9v\n",
                   "Z-9v", "=Zg="}) {
    CAPTURE(bad);
    CHECK_FALSE(from_base64(bad));
  }
}

TEST_CASE("digests agree with published vectors", "[auth]") {
  // FIPS 180-2 "abc"; RFC 4231 test case 2; RFC 7677's salted password is in scram_test.
  CHECK(to_base64(*hash(digest::sha256, "abc")) == "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
  CHECK(to_base64(*hmac(digest::sha256, "Jefe", "what do ya want for nothing?")) ==
        "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=");
  CHECK(hmac(digest::sha256, "", "")->size() == 32);
  CHECK(pbkdf2(digest::sha512, "p", "s", 2)->size() == 64);
  CHECK_FALSE(pbkdf2(digest::sha512, "p", "s", 0));
}

TEST_CASE("comparison takes bytes and length into account", "[auth]") {
  CHECK(equal_in_constant_time("", ""));
  CHECK(equal_in_constant_time("abc", "abc"));
  CHECK_FALSE(equal_in_constant_time("abc", "abd"));
  CHECK_FALSE(equal_in_constant_time("abc", "ab"));
}
