/* SPDX-License-Identifier: MIT
 * Certificates for tests of TLS, made by openssl req. */
#include "tests/support/certificate.h"

#include <cstring>
#include <vector>

#include "tests/support/check.h"
#include "tests/support/process.h"

static void certificate_run(const std::vector<std::string> &words, const std::string &log, std::source_location at)
{
	if (process_run(words, log, at))
		check_fail(at, "%s failed: %s", words[1].c_str(), check_read_file(log).c_str());
}

test_certificate certificate_make(const std::string &folder, const std::string &name, int days, const char *algorithm,
                                  std::source_location at)
{
	const std::string base = folder + "/" + name, log = base + ".log", request = base + ".csr";
	const bool is_rsa = !strcmp(algorithm, "rsa");
	test_certificate made = {base + ".pem", base + ".key"};

	certificate_run({"openssl", "req", "-new", "-newkey", algorithm, "-pkeyopt",
	                 is_rsa ? "rsa_keygen_bits:2048" : "ec_paramgen_curve:P-256", "-noenc", "-subj",
	                 "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1", "-keyout",
	                 made.key, "-out", request},
	                log, at);
	/* openssl req -x509 makes none that has expired already. */
	certificate_run({"openssl", "x509", "-req", "-in", request, "-signkey", made.key, "-days", std::to_string(days),
	                 "-copy_extensions", "copyall", "-out", made.chain},
	                log, at);
	return made;
}
