/* SPDX-License-Identifier: MIT
 * The text of a token, and its proof.
 *
 * The bytes are: version (1), key (4), account (8), device (4), series (8), ends (8), store (8), proof (32); low
 * bytes first. */
#include "token.h"

#include <sodium.h>

static const unsigned char token_version = 1;

static constexpr size_t token_head_size = 1 + 4 + 8 + 4 + 8 + 8 + 8, token_proof_size = crypto_generichash_BYTES;
static constexpr size_t token_size = token_head_size + token_proof_size;

static_assert(token_key_size == crypto_generichash_KEYBYTES);
static_assert(sodium_base64_ENCODED_LEN(token_size, sodium_base64_VARIANT_URLSAFE_NO_PADDING) <= token_most);

typedef std::array<unsigned char, token_size> token_bytes;

static void token_wipe(token_bytes *bytes)
{
	wipe_bytes(bytes->data(), bytes->size());
}

static unsigned char *token_put(unsigned char *at, uint64_t number, size_t size)
{
	for (size_t i = 0; i < size; i++)
		*at++ = static_cast<unsigned char>(number >> (8 * i));
	return at;
}

static const unsigned char *token_take(const unsigned char *at, uint64_t *number_r, size_t size)
{
	*number_r = 0;
	for (size_t i = 0; i < size; i++)
		*number_r |= static_cast<uint64_t>(*at++) << (8 * i);
	return at;
}

/* The hash is keyed, so it is a MAC; BLAKE2b needs no outer construction for that. */
static void token_prove(const token_bytes &bytes, std::string_view key, std::string_view store,
                        std::array<unsigned char, token_proof_size> *proof_r)
{
	crypto_generichash_state state;

	(void)crypto_generichash_init(&state, reinterpret_cast<const unsigned char *>(key.data()), key.size(),
	                              proof_r->size());
	(void)crypto_generichash_update(&state, bytes.data(), token_head_size);
	(void)crypto_generichash_update(&state, reinterpret_cast<const unsigned char *>(store.data()), store.size());
	(void)crypto_generichash_final(&state, proof_r->data(), proof_r->size());
	sodium_memzero(&state, sizeof state);
}

/* Only the one text that these bytes have is accepted: libsodium refuses bits behind the last byte. */
static bool token_decode(std::string_view text, token_bytes *bytes_r)
{
	size_t size = 0;
	const char *end = nullptr;

	return sodium_base642bin(bytes_r->data(), bytes_r->size(), text.data(), text.size(), nullptr, &size, &end,
	                         sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
	       size == token_size && end == text.data() + text.size();
}

std::string token_make_key()
{
	std::string key(token_key_size, '\0');

	randombytes_buf(key.data(), key.size());
	return key;
}

uint64_t token_store_mark(std::string_view store)
{
	std::array<unsigned char, crypto_generichash_BYTES_MIN> hash;
	uint64_t mark = 0;

	(void)crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char *>(store.data()),
	                         store.size(), nullptr, 0);
	(void)token_take(hash.data(), &mark, 8);
	return mark;
}

wiped_text token_write(const token &t, std::string_view key, std::string_view store)
{
	std::array<char, sodium_base64_ENCODED_LEN(token_size, sodium_base64_VARIANT_URLSAFE_NO_PADDING)> text;
	std::array<unsigned char, token_proof_size> proof;
	token_bytes bytes;
	unsigned char *at = bytes.data();

	at = token_put(at, token_version, 1);
	at = token_put(at, t.key, 4);
	at = token_put(at, t.account, 8);
	at = token_put(at, t.device, 4);
	at = token_put(at, t.series, 8);
	at = token_put(at, static_cast<uint64_t>(t.ends), 8);
	at = token_put(at, token_store_mark(store), 8);
	token_prove(bytes, key, store, &proof);
	std::copy(proof.begin(), proof.end(), at);
	wipe_bytes(proof.data(), proof.size());
	const wiped_text written = sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(),
	                                             sodium_base64_VARIANT_URLSAFE_NO_PADDING);

	token_wipe(&bytes);
	wipe_bytes(text.data(), text.size());
	return written;
}

bool token_read(std::string_view text, token *token_r)
{
	uint64_t version = 0, ends = 0;
	token_bytes bytes;

	if (!token_decode(text, &bytes))
		return false;
	const unsigned char *at = token_take(bytes.data(), &version, 1);
	at = token_take(at, &token_r->key, 4);
	at = token_take(at, &token_r->account, 8);
	at = token_take(at, &token_r->device, 4);
	at = token_take(at, &token_r->series, 8);
	at = token_take(at, &ends, 8);
	(void)token_take(at, &token_r->store, 8);
	token_r->ends = static_cast<int64_t>(ends);
	token_wipe(&bytes);
	return version == token_version;
}

bool token_is_proved(std::string_view text, std::string_view key, std::string_view store)
{
	std::array<unsigned char, token_proof_size> proof;
	token_bytes bytes;

	if (!token_decode(text, &bytes) || key.size() != token_key_size)
		return false;
	token_prove(bytes, key, store, &proof);
	const bool is_proved = sodium_memcmp(proof.data(), bytes.data() + token_head_size, proof.size()) == 0;

	token_wipe(&bytes);
	wipe_bytes(proof.data(), proof.size());
	return is_proved;
}
