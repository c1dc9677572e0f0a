/* SPDX-License-Identifier: MIT
 * The codes of invitations to register. */
#include "invite_code.h"

#include <array>

#include <sodium.h>

/* Crockford's base 32: without I, L, O and U. */
static constexpr std::string_view invite_code_alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
static constexpr size_t invite_code_size = 20, invite_code_part = 5, invite_code_hash_size = 32;

std::string invite_code_make(void)
{
	std::array<unsigned char, invite_code_size> random;
	std::string code;

	randombytes_buf(random.data(), random.size());
	for (size_t i = 0; i < random.size(); i++) {
		if (i > 0 && i % invite_code_part == 0)
			code += '-';
		code += invite_code_alphabet[random[i] % invite_code_alphabet.size()];
	}
	return code;
}

static char invite_code_mend(char c)
{
	if (c >= 'a' && c <= 'z')
		c = static_cast<char>(c - 'a' + 'A');
	return c == 'O' ? '0' : c == 'I' || c == 'L' ? '1' : c;
}

std::string invite_code_hash(std::string_view typed)
{
	std::string code, hash(invite_code_hash_size, '\0');

	for (const char c : typed) {
		if (c == '-' || c == ' ')
			continue;
		code += invite_code_mend(c);
		if (code.size() > invite_code_size || invite_code_alphabet.find(code.back()) == std::string_view::npos)
			return "";
	}
	if (code.size() != invite_code_size)
		return "";
	(void)crypto_generichash(reinterpret_cast<unsigned char *>(hash.data()), hash.size(),
	                         reinterpret_cast<const unsigned char *>(code.data()), code.size(), nullptr, 0);
	return hash;
}
