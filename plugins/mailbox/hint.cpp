/* SPDX-License-Identifier: MIT
 * Encodes and decodes hints. The bytes: "mb", version, type, kind, size of the body (4 bytes), the members that the
 * type has (8 bytes each), the body. Numbers have the low byte first. */
#include "hint.h"

#include <array>

constexpr char mailbox_magic[] = {'m', 'b'};
constexpr size_t mailbox_at_version = 2, mailbox_at_type = 3, mailbox_at_kind = 4, mailbox_at_body_size = 5;
constexpr size_t mailbox_head = 9;

enum member { OF, CONVERSATION, SENDER, SEQ, CREATED, MEMBERS };
using members = std::array<uint64_t, MEMBERS>;

constexpr unsigned mailbox_bit(member of)
{
	return 1u << of;
}

constexpr unsigned mailbox_of_stored =
	mailbox_bit(OF) | mailbox_bit(CONVERSATION) | mailbox_bit(SENDER) | mailbox_bit(SEQ) | mailbox_bit(CREATED);

/* The parts of a hint of one type. */
struct form {
	unsigned members;
	bool has_body, of_groups;
};

constexpr form mailbox_forms[] = {
	{0, false, false}, /* no type */
	{mailbox_of_stored, true, true}, /* MAILBOX_HINT_STORED */
	{mailbox_of_stored, false, false}, /* MAILBOX_HINT_OWN */
	{mailbox_of_stored, false, true}, /* MAILBOX_HINT_NEWS */
	{0, false, false}, /* MAILBOX_HINT_LOOK */
};

/* ---- writing */

static void mailbox_add_number(std::string *bytes, uint64_t number, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		bytes->push_back(static_cast<char>(number >> 8 * i));
}

std::string mailbox_hint_encode(const mailbox_hint &hint, std::string_view body)
{
	const members values = {hint.of, hint.conversation, hint.sender, hint.seq, static_cast<uint64_t>(hint.created)};
	std::string bytes(mailbox_magic, sizeof(mailbox_magic));

	bytes.reserve(mailbox_head + sizeof(values) + body.size());
	mailbox_add_number(&bytes, mailbox_hint_version, 1);
	mailbox_add_number(&bytes, hint.type, 1);
	mailbox_add_number(&bytes, hint.kind, 1);
	mailbox_add_number(&bytes, body.size(), 4);
	for (unsigned i = 0; i < MEMBERS; i++)
		if (mailbox_forms[hint.type].members & 1u << i)
			mailbox_add_number(&bytes, values[i], 8);
	return bytes.append(body);
}

/* ---- reading */

static uint64_t mailbox_number_at(std::string_view bytes, size_t at, unsigned size)
{
	uint64_t number = 0;

	for (unsigned i = size; i-- > 0;)
		number = number << 8 | static_cast<unsigned char>(bytes[at + i]);
	return number;
}

/* The reason why the head is bad, or null. */
static const char *mailbox_check_head(std::string_view bytes)
{
	if (!bytes.starts_with(std::string_view(mailbox_magic, sizeof(mailbox_magic))))
		return "no hint of this version";
	if (bytes.size() < mailbox_head)
		return "too short";
	if (mailbox_number_at(bytes, mailbox_at_version, 1) != mailbox_hint_version)
		return "another version";
	const uint64_t type = mailbox_number_at(bytes, mailbox_at_type, 1),
		       kind = mailbox_number_at(bytes, mailbox_at_kind, 1);
	if (type < MAILBOX_HINT_STORED || type > MAILBOX_HINT_LOOK)
		return "unknown type";
	if (kind > (mailbox_forms[type].of_groups ? CS_CONVERSATION_GROUP : CS_CONVERSATION_PAIR))
		return "bad kind";
	return nullptr;
}

/* Reads the members that the form has. false: the bytes are too few. */
static bool mailbox_take_members(std::string_view *bytes, const form &form, members *values_r)
{
	*values_r = {};
	for (unsigned i = 0; i < MEMBERS; i++) {
		if (!(form.members & 1u << i))
			continue;
		if (bytes->size() < 8)
			return false;
		(*values_r)[i] = mailbox_number_at(*bytes, 0, 8);
		bytes->remove_prefix(8);
	}
	return true;
}

static bool mailbox_are_sane(const form &form, const members &values)
{
	for (const member i : {OF, CONVERSATION, SENDER, SEQ})
		if (form.members & mailbox_bit(i) && (values[i] > CS_INTEGER_MAX || !values[i]))
			return false;
	return values[CREATED] <= CS_INTEGER_MAX;
}

/* A body is a JSON object. Its closing brace must be there, because delivery replaces it by seq and ts. */
static bool mailbox_is_body(const form &form, std::string_view bytes)
{
	return form.has_body ? bytes.size() >= 2 && bytes.front() == '{' && bytes.back() == '}' : bytes.empty();
}

int mailbox_hint_decode(std::string_view bytes, mailbox_hint *hint_r, std::string_view *body_r, const char **why_r)
{
	members values;

	*why_r = mailbox_check_head(bytes);
	if (*why_r)
		return CS_EINVAL;
	const auto type = static_cast<mailbox_hint_type>(mailbox_number_at(bytes, mailbox_at_type, 1));
	const auto kind = static_cast<cs_conversation_kind>(mailbox_number_at(bytes, mailbox_at_kind, 1));
	const uint64_t body_size = mailbox_number_at(bytes, mailbox_at_body_size, 4);
	bytes.remove_prefix(mailbox_head);
	if (!mailbox_take_members(&bytes, mailbox_forms[type], &values) || bytes.size() != body_size)
		*why_r = "bad size";
	else if (!mailbox_are_sane(mailbox_forms[type], values))
		*why_r = "a number out of range";
	else if (!mailbox_is_body(mailbox_forms[type], bytes))
		*why_r = "bad body";
	if (*why_r)
		return CS_EINVAL;
	*hint_r = {type,
	           kind,
	           values[OF],
	           values[CONVERSATION],
	           values[SENDER],
	           values[SEQ],
	           static_cast<int64_t>(values[CREATED])};
	*body_r = bytes;
	return 0;
}

/* ---- sending */

int mailbox_hint_route(const cs_host *host, cs_self *self, cs_account to, const mailbox_hint &hint,
                       std::string_view body)
{
	const std::string bytes = mailbox_hint_encode(hint, body);

	return host->route(self, to, CS_EVERY_DEVICE, bytes.data(), bytes.size(), 0);
}

void mailbox_hint_route_all(const cs_host *host, cs_self *self, const mailbox_hint &hint, std::string_view body)
{
	const std::string bytes = mailbox_hint_encode(hint, body);

	host->route_all(self, bytes.data(), bytes.size(), 0);
}
