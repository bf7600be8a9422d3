#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>

namespace troupe::net::testing {

/// A certificate authority in a folder of its own, removed at the end.
class certificate_authority {
 public:
  explicit certificate_authority(const std::string& name = "Test CA") {
    char folder[] = "/tmp/troupe-tls-XXXXXX";
    folder_ = ::mkdtemp(folder);
    key_ = EVP_EC_gen("P-256");
    certificate_ = issue(name, key_, nullptr, 86'400, true);
    write("ca.pem", certificate_, nullptr);
  }
  ~certificate_authority() {
    X509_free(certificate_);
    EVP_PKEY_free(key_);
    std::filesystem::remove_all(folder_);
  }
  certificate_authority(const certificate_authority&) = delete;
  certificate_authority& operator=(const certificate_authority&) = delete;

  std::string file() const { return path("ca.pem"); }
  std::string path(const std::string& name) const { return folder_ / name; }

  /// Writes certificate and key into one file and returns its path.
  std::string make(const std::string& name, long seconds = 86'400, const char* password = nullptr) {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* made = issue(name, key, certificate_, seconds, false);
    last_serial_ = serial_;
    std::string at = write(name + ".pem", made, key, password);
    X509_free(made);
    EVP_PKEY_free(key);
    return at;
  }

  /// Revokes what make() made last; returns the list's path.
  std::string revoke_last() {
    X509_CRL* list = X509_CRL_new();
    X509_CRL_set_version(list, 1);
    X509_CRL_set_issuer_name(list, X509_get_subject_name(certificate_));
    ASN1_TIME* now = X509_gmtime_adj(nullptr, -60);
    ASN1_TIME* next = X509_gmtime_adj(nullptr, 86'400);
    X509_CRL_set1_lastUpdate(list, now);
    X509_CRL_set1_nextUpdate(list, next);
    X509_REVOKED* entry = X509_REVOKED_new();
    ASN1_INTEGER* serial = ASN1_INTEGER_new();
    ASN1_INTEGER_set(serial, last_serial_);
    X509_REVOKED_set_serialNumber(entry, serial);
    X509_REVOKED_set_revocationDate(entry, now);
    X509_CRL_add0_revoked(list, entry);
    X509_CRL_sort(list);
    X509_CRL_sign(list, key_, EVP_sha256());
    std::FILE* file = std::fopen(path("crl.pem").c_str(), "w");
    PEM_write_X509_CRL(file, list);
    std::fclose(file);
    ASN1_INTEGER_free(serial);
    ASN1_TIME_free(now);
    ASN1_TIME_free(next);
    X509_CRL_free(list);
    return path("crl.pem");
  }

 private:
  X509* issue(const std::string& name, EVP_PKEY* key, X509* issuer, long seconds, bool authority) {
    X509* made = X509_new();
    X509_set_version(made, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made), ++serial_);
    X509_gmtime_adj(X509_getm_notBefore(made), -86'400);
    X509_gmtime_adj(X509_getm_notAfter(made), seconds);
    X509_set_pubkey(made, key);
    X509_NAME* subject = X509_get_subject_name(made);
    add(subject, "O", "Troupe");
    add(subject, "CN", name);
    X509_set_issuer_name(made, issuer != nullptr ? X509_get_subject_name(issuer) : subject);
    X509_EXTENSION* constraint = X509V3_EXT_conf_nid(nullptr, nullptr, NID_basic_constraints,
                                                     authority ? "critical,CA:TRUE" : "CA:FALSE");
    X509_add_ext(made, constraint, -1);
    X509_EXTENSION_free(constraint);
    X509_sign(made, key_, EVP_sha256());
    return made;
  }
  static void add(X509_NAME* name, const char* field, const std::string& value) {
    X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(value.c_str()), -1, -1, 0);
  }
  std::string write(const std::string& name, X509* certificate, EVP_PKEY* key,
                    const char* password = nullptr) const {
    std::FILE* file = std::fopen(path(name).c_str(), "w");
    PEM_write_X509(file, certificate);
    if (key != nullptr)
      PEM_write_PKCS8PrivateKey(
          file, key, password != nullptr ? EVP_aes_128_cbc() : nullptr, password,
          password != nullptr ? static_cast<int>(std::strlen(password)) : 0, nullptr, nullptr);
    std::fclose(file);
    return path(name);
  }

  std::filesystem::path folder_;
  EVP_PKEY* key_ = nullptr;
  X509* certificate_ = nullptr;
  long serial_ = 0;
  long last_serial_ = 0;
};

}  // namespace troupe::net::testing
