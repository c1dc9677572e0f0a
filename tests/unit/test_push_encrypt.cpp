/* SPDX-License-Identifier: MIT
 * Tests that notices are encrypted as RFC 8291 says, and that only good keys of clients are taken. */
#include <cstring>
#include <string>
#include <string_view>

#include <openssl/err.h>

#include "../../plugins/push/encrypt.h"
#include "../../plugins/push/sign.h"
#include "tests/support/check.h"
#include "tests/support/decrypt.h"

/* RFC 8291, appendix A. */
static const char text_of_rfc[] = "When I grow up, I want to be a watermelon";
static const char client_public[] =
	"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
static const char client_private[] = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94";
static const char client_auth[] = "BTBZMqHH6r4Tts7J_aSIgg";
static const char sender_public[] =
	"BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8";
static const char sender_private[] = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw";
static const char salt_of_rfc[] = "DGv6ra1nlYgDCS1FRnbzlw";
static const char body_of_rfc[] = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLoc"
				  "InmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLV"
				  "WGNWQexSgSxsj_Qulcy4a-fN";

static encrypt_keys keys_of(std::string_view p256dh, std::string_view auth)
{
	encrypt_keys keys;

	assert_null(encrypt_read_keys(p256dh, auth, &keys));
	return keys;
}

static void the_example_of_rfc_8291_comes_out_byte_by_byte(void **)
{
	const decrypt_key_ptr sender =
		decrypt_make_key(decrypt_from_text(sender_public), decrypt_from_text(sender_private));
	const encrypt_keys keys = keys_of(client_public, client_auth);
	const std::string salt_bytes = decrypt_from_text(salt_of_rfc);
	encrypt_salt salt;
	std::string body;

	assert_int_equal(salt_bytes.copy(reinterpret_cast<char *>(salt.data()), salt.size()), salt.size());
	assert_true(encrypt_text_with(keys, sender.get(), salt, text_of_rfc, &body));
	assert_string_equal(decrypt_to_text(body).c_str(), body_of_rfc);
	/* So what the tests decrypt with is right, too. */
	const decrypt_client client = {
		decrypt_make_key(decrypt_from_text(client_public), decrypt_from_text(client_private)),
		decrypt_from_text(client_public), decrypt_from_text(client_auth)};
	assert_string_equal(decrypt_body(client, body).c_str(), text_of_rfc);
}

static void a_text_of_any_size_up_to_the_most_can_be_read_by_its_client(void **)
{
	const decrypt_client client = decrypt_make_client();
	const encrypt_keys keys = keys_of(decrypt_to_text(client.point), decrypt_to_text(client.secret));
	std::string body, other;

	for (const size_t size : {size_t{0}, size_t{1}, size_t{15}, size_t{16}, size_t{17}, size_t{1000},
	                          encrypt_text_most - 1, encrypt_text_most}) {
		const std::string text(size, 'x');

		assert_true(encrypt_text(keys, text, &body));
		assert_int_equal(body.size(), size + 103);
		assert_string_equal(decrypt_body(client, body).c_str(), text.c_str());
	}
	assert_false(encrypt_text(keys, std::string(encrypt_text_most + 1, 'x'), &body));
	assert_true(body.empty());
	/* Each text has a key and a salt of its own. */
	assert_true(encrypt_text(keys, "x", &body) && encrypt_text(keys, "x", &other));
	assert_true(body.substr(0, 16) != other.substr(0, 16) && body.substr(21, 65) != other.substr(21, 65));
}

static void expect_refused(std::string_view p256dh, std::string_view auth, const char *wanted)
{
	encrypt_keys keys;
	const char *fault = encrypt_read_keys(p256dh, auth, &keys);

	assert_non_null(fault);
	assert_non_null(strstr(fault, wanted));
	assert_int_equal(ERR_peek_error(), 0);
}

static void wrong_keys_are_refused_and_the_refusal_names_the_wrong_one(void **)
{
	const std::string p256dh = client_public, auth = client_auth, point = decrypt_from_text(client_public);
	std::string other = point;

	for (const std::string &wrong :
	     {std::string(), std::string("x"), p256dh + "=", p256dh.substr(1), p256dh + "A", " " + p256dh,
	      "+" + p256dh.substr(1), p256dh.substr(0, 86) + "5" /* bits that are left over */,
	      decrypt_to_text(point.substr(0, 33)), decrypt_to_text(point.substr(0, 64)), decrypt_to_text(point + "x"),
	      std::string(4096, 'A')})
		expect_refused(wrong, auth, "p256dh must be 65 bytes");
	for (const std::string &wrong : {std::string(), std::string("x"), auth + "==", auth.substr(1), auth + "AA",
	                                 decrypt_to_text(std::string(15, 'x')), decrypt_to_text(std::string(17, 'x'))})
		expect_refused(p256dh, wrong, "auth must be 16 bytes");
	/* In another form, beside the curve, and nowhere. */
	for (const char form : {'\2', '\3', '\6', '\7', '\0'}) {
		other[0] = form;
		expect_refused(decrypt_to_text(other), auth, "not compressed");
	}
	for (size_t at = 1; at < point.size(); at++) {
		other = point;
		other[at] = static_cast<char>(other[at] ^ 1);
		expect_refused(decrypt_to_text(other), auth, "a point of the curve");
	}
	expect_refused(decrypt_to_text("\4" + std::string(64, '\0')), auth, "a point of the curve");
	expect_refused(decrypt_to_text("\4" + std::string(64, '\xff')), auth, "a point of the curve");
}

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(the_example_of_rfc_8291_comes_out_byte_by_byte),
		cmocka_unit_test(a_text_of_any_size_up_to_the_most_can_be_read_by_its_client),
		cmocka_unit_test(wrong_keys_are_refused_and_the_refusal_names_the_wrong_one),
	};

	return sign_init() == 0 ? cmocka_run_group_tests(tests, nullptr, nullptr) : 1;
}
