/* SPDX-License-Identifier: MIT
 * Certificates for tests of TLS, made by openssl req: self-signed, for localhost, 127.0.0.1 and ::1. */
#ifndef TESTS_SUPPORT_CERTIFICATE_H
#define TESTS_SUPPORT_CERTIFICATE_H

#include <source_location>
#include <string>

/* Both are PEM files. A client that trusts `chain` as its only authority accepts the server. */
struct test_certificate {
	std::string chain, key;
};

/* Writes FOLDER/NAME.pem and FOLDER/NAME.key, which may exist already. The certificate is valid from now on for so many
 * days; below 0: it has expired so many days ago. algorithm: "ec" (P-256) or "rsa" (2048 bits). A failure fails the
 * test. */
test_certificate certificate_make(const std::string &folder, const std::string &name = "server", int days = 30,
                                  const char *algorithm = "ec",
                                  std::source_location at = std::source_location::current());

#endif
