/* SPDX-License-Identifier: MIT
 * Encryption of what only a client shall read, with the keys that its browser or its distributor made for it: RFC 8291,
 * in one record of RFC 8188 (aes128gcm). libsodium does not have the curve P-256, so OpenSSL does it. */
#include "encrypt.h"

#include <memory>
#include <utility>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <sodium.h>

#include <base/wipe.h>

template <auto Function> struct encrypt_deleter {
	template <class T> void operator()(T *pointer) const
	{
		Function(pointer);
	}
};

using encrypt_key_ptr = std::unique_ptr<EVP_PKEY, encrypt_deleter<EVP_PKEY_free>>;
using encrypt_key_ctx_ptr = std::unique_ptr<EVP_PKEY_CTX, encrypt_deleter<EVP_PKEY_CTX_free>>;
using encrypt_kdf_ptr = std::unique_ptr<EVP_KDF, encrypt_deleter<EVP_KDF_free>>;
using encrypt_kdf_ctx_ptr = std::unique_ptr<EVP_KDF_CTX, encrypt_deleter<EVP_KDF_CTX_free>>;
using encrypt_cipher_ptr = std::unique_ptr<EVP_CIPHER_CTX, encrypt_deleter<EVP_CIPHER_CTX_free>>;

static constexpr size_t encrypt_tag_size = 16, encrypt_record_size = 4096;
/* Salt, size of a record, size of the key, the key. */
static constexpr size_t encrypt_head_size = 16 + 4 + 1 + 65;
/* It ends the last record. */
static constexpr char encrypt_delimiter = 2;
static constexpr unsigned char encrypt_uncompressed = 4;

static_assert(encrypt_head_size + encrypt_text_most + 1 + encrypt_tag_size == encrypt_record_size);

/* Other code of this thread looks at OpenSSL's list of errors after its own calls. */
struct encrypt_error_mark {
	encrypt_error_mark()
	{
		(void)ERR_set_mark();
	}
	~encrypt_error_mark()
	{
		(void)ERR_pop_to_mark();
	}
};

/* ---- keys */

template <size_t Size> static bool encrypt_read_base64(std::string_view text, std::array<unsigned char, Size> *bytes_r)
{
	size_t size = 0;

	return sodium_base642bin(bytes_r->data(), Size, text.data(), text.size(), nullptr, &size, nullptr,
	                         sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
	       size == Size;
}

/* NULL: the point is not on the curve, which is all that there is to check: the order of P-256 is a prime. */
static encrypt_key_ptr encrypt_key_of(const encrypt_point &point)
{
	const encrypt_key_ctx_ptr ctx(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
	char group[] = "P-256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, const_cast<unsigned char *>(point.data()),
	                                          point.size()),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY *key = nullptr;

	if (!ctx || EVP_PKEY_fromdata_init(ctx.get()) != 1 ||
	    EVP_PKEY_fromdata(ctx.get(), &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		return nullptr;
	return encrypt_key_ptr(key);
}

const char *encrypt_read_keys(std::string_view p256dh, std::string_view auth, encrypt_keys *keys_r)
{
	const encrypt_error_mark mark;

	if (!encrypt_read_base64(p256dh, &keys_r->p256dh) || keys_r->p256dh[0] != encrypt_uncompressed)
		return "p256dh must be 65 bytes in base64url without padding, a point that is not compressed";
	if (!encrypt_read_base64(auth, &keys_r->auth))
		return "auth must be 16 bytes in base64url without padding";
	return encrypt_key_of(keys_r->p256dh) ? nullptr : "p256dh must be a point of the curve P-256";
}

/* ---- secrets */

/* What both ends know, and what is made of it. */
struct encrypt_secrets {
	~encrypt_secrets()
	{
		wipe_bytes(this, sizeof *this);
	}

	std::array<unsigned char, 32> shared, input;
	std::array<unsigned char, 16> key;
	std::array<unsigned char, 12> nonce;
};

template <size_t Size, size_t Salt, size_t Key>
static bool encrypt_derive(const std::array<unsigned char, Salt> &salt, const std::array<unsigned char, Key> &key,
                           std::string_view info, std::array<unsigned char, Size> *bytes_r)
{
	const encrypt_kdf_ptr kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr));
	const encrypt_kdf_ctx_ptr ctx(kdf ? EVP_KDF_CTX_new(kdf.get()) : nullptr);
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, const_cast<unsigned char *>(salt.data()), Salt),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, const_cast<unsigned char *>(key.data()), Key),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, const_cast<char *>(info.data()), info.size()),
		OSSL_PARAM_construct_end(),
	};

	return ctx && EVP_KDF_derive(ctx.get(), bytes_r->data(), Size, params) == 1;
}

static bool encrypt_agree(EVP_PKEY *sender, const encrypt_point &receiver, encrypt_secrets *secrets)
{
	const encrypt_key_ptr peer = encrypt_key_of(receiver);
	const encrypt_key_ctx_ptr ctx(EVP_PKEY_CTX_new_from_pkey(nullptr, sender, nullptr));
	size_t size = secrets->shared.size();

	return peer && ctx && EVP_PKEY_derive_init(ctx.get()) == 1 &&
	       EVP_PKEY_derive_set_peer(ctx.get(), peer.get()) == 1 &&
	       EVP_PKEY_derive(ctx.get(), secrets->shared.data(), &size) == 1 && size == secrets->shared.size();
}

template <size_t Size> static std::string_view encrypt_bytes(const std::array<unsigned char, Size> &bytes)
{
	return {reinterpret_cast<const char *>(bytes.data()), Size};
}

/* RFC 8291 section 3.4. Each of these texts ends with a NUL. */
static bool encrypt_make_secrets(const encrypt_keys &keys, EVP_PKEY *sender, const encrypt_point &point,
                                 const encrypt_salt &salt, encrypt_secrets *secrets)
{
	static constexpr char info[] = "WebPush: info", key[] = "Content-Encoding: aes128gcm",
			      nonce[] = "Content-Encoding: nonce";
	std::string both(info, sizeof info);

	both.append(encrypt_bytes(keys.p256dh)).append(encrypt_bytes(point));
	return encrypt_agree(sender, keys.p256dh, secrets) &&
	       encrypt_derive(keys.auth, secrets->shared, both, &secrets->input) &&
	       encrypt_derive(salt, secrets->input, std::string_view(key, sizeof key), &secrets->key) &&
	       encrypt_derive(salt, secrets->input, std::string_view(nonce, sizeof nonce), &secrets->nonce);
}

/* ---- the body */

/* RFC 8188 section 2.1. */
static std::string encrypt_head(const encrypt_salt &salt, const encrypt_point &point)
{
	std::string head(encrypt_bytes(salt));

	for (int shift = 24; shift >= 0; shift -= 8)
		head += static_cast<char>(encrypt_record_size >> shift & 0xff);
	head += static_cast<char>(point.size());
	return head.append(encrypt_bytes(point));
}

static const unsigned char *encrypt_data(std::string_view text)
{
	return reinterpret_cast<const unsigned char *>(text.data());
}

/* Appends the record and its tag. */
static bool encrypt_add_record(const encrypt_secrets &secrets, std::string_view text, std::string *body)
{
	const encrypt_cipher_ptr ctx(EVP_CIPHER_CTX_new());
	const size_t at = body->size();
	int size = 0, last = 0;

	body->resize(at + text.size() + encrypt_tag_size);
	unsigned char *out = reinterpret_cast<unsigned char *>(body->data() + at);
	return ctx &&
	       EVP_EncryptInit_ex(ctx.get(), EVP_aes_128_gcm(), nullptr, secrets.key.data(), secrets.nonce.data()) ==
	               1 &&
	       EVP_EncryptUpdate(ctx.get(), out, &size, encrypt_data(text), static_cast<int>(text.size())) == 1 &&
	       EVP_EncryptFinal_ex(ctx.get(), out + size, &last) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_AEAD_GET_TAG, encrypt_tag_size, out + text.size()) == 1;
}

bool encrypt_text_with(const encrypt_keys &keys, EVP_PKEY *sender, const encrypt_salt &salt, std::string_view text,
                       std::string *body_r)
{
	const encrypt_error_mark mark;
	encrypt_secrets secrets;
	encrypt_point point;
	size_t size = 0;

	body_r->clear();
	if (text.size() > encrypt_text_most ||
	    EVP_PKEY_get_octet_string_param(sender, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point.data(), point.size(),
	                                    &size) != 1 ||
	    size != point.size() || !encrypt_make_secrets(keys, sender, point, salt, &secrets))
		return false;
	std::string body = encrypt_head(salt, point);
	if (!encrypt_add_record(secrets, std::string(text) + encrypt_delimiter, &body))
		return false;
	*body_r = std::move(body);
	return true;
}

bool encrypt_text(const encrypt_keys &keys, std::string_view text, std::string *body_r)
{
	const encrypt_error_mark mark;
	const encrypt_key_ptr sender(EVP_EC_gen("P-256"));
	encrypt_salt salt;

	body_r->clear();
	return sender && RAND_bytes(salt.data(), static_cast<int>(salt.size())) == 1 &&
	       encrypt_text_with(keys, sender.get(), salt, text, body_r);
}
