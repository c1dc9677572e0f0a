/* SPDX-License-Identifier: MIT
 * Encodes and decodes a signal for a group on its way to other workers and nodes. */
#include "signal.h"

static constexpr char signal_parcel_version = 1;
static constexpr size_t signal_parcel_head = 4;

static void signal_parcel_add_number(std::string *bytes, uint64_t number, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		bytes->push_back(static_cast<char>(number >> 8 * i));
}

std::string signal_parcel_encode(const std::vector<uint64_t> &members, cs_account but, std::string_view frame)
{
	std::string bytes;
	size_t count = 0;

	for (const uint64_t member : members)
		count += member != but;
	bytes.reserve(signal_parcel_head + count * 8 + frame.size());
	bytes.append({'g', signal_parcel_version});
	signal_parcel_add_number(&bytes, count, 2);
	for (const uint64_t member : members)
		if (member != but)
			signal_parcel_add_number(&bytes, member, 8);
	return bytes.append(frame);
}

static uint64_t signal_parcel_number(const char *bytes, unsigned size)
{
	uint64_t number = 0;

	for (unsigned i = size; i-- > 0;)
		number = number << 8 | static_cast<unsigned char>(bytes[i]);
	return number;
}

uint64_t signal_parcel_account(const char *accounts, size_t at)
{
	return signal_parcel_number(accounts + at * 8, 8);
}

int signal_parcel_decode(std::string_view bytes, const char **accounts_r, size_t *count_r, std::string_view *frame_r)
{
	if (bytes.size() < signal_parcel_head || bytes[0] != 'g' || bytes[1] != signal_parcel_version)
		return CS_EINVAL;
	*count_r = signal_parcel_number(bytes.data() + 2, 2);
	bytes.remove_prefix(signal_parcel_head);
	if (*count_r > signal_most_members || bytes.size() < *count_r * 8)
		return CS_EINVAL;
	*accounts_r = bytes.data();
	bytes.remove_prefix(*count_r * 8);
	*frame_r = bytes;
	return bytes.size() >= 2 && bytes.front() == '{' && bytes.back() == '}' ? 0 : CS_EINVAL;
}
