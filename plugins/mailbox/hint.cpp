/* SPDX-License-Identifier: MIT
 * Owns the bytes of hints: "mb", version, type, kind, the size of the body (4 bytes), the members that the type
 * has (8 bytes each), the body; numbers with the low byte first. It must not know what hints are for. */
#include "hint.h"

#include <array>

constexpr char MAGIC[] = {'m', 'b'};
constexpr size_t AT_VERSION = 2, AT_TYPE = 3, AT_KIND = 4, AT_BODY_SIZE = 5, HEAD = 9;

enum member { OF, CONVERSATION, SENDER, SEQ, CREATED, MEMBERS };
using members = std::array<uint64_t, MEMBERS>;

constexpr unsigned bit(member of)
{
	return 1u << of;
}

constexpr unsigned OF_STORED = bit(OF) | bit(CONVERSATION) | bit(SENDER) | bit(SEQ) | bit(CREATED);

/* What hints of a type consist of. */
struct form {
	unsigned members;
	bool has_body, of_groups;
};

constexpr form FORMS[] = {
	{0, false, false},                  /* no type */
	{OF_STORED, true, true},            /* MAILBOX_HINT_STORED */
	{OF_STORED, false, false},          /* MAILBOX_HINT_OWN */
	{OF_STORED, false, true},           /* MAILBOX_HINT_NEWS */
	{0, false, false},                  /* MAILBOX_HINT_LOOK */
};

/* ---- writing */

static void add_number(std::string *bytes, uint64_t number, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		bytes->push_back(static_cast<char>(number >> 8 * i));
}

std::string mailbox_hint_encode(const mailbox_hint &hint, std::string_view body)
{
	const members values = {hint.of, hint.conversation, hint.sender, hint.seq,
	                        static_cast<uint64_t>(hint.created)};
	std::string bytes(MAGIC, sizeof(MAGIC));

	bytes.reserve(HEAD + sizeof(values) + body.size());
	add_number(&bytes, MAILBOX_HINT_VERSION, 1);
	add_number(&bytes, hint.type, 1);
	add_number(&bytes, hint.kind, 1);
	add_number(&bytes, body.size(), 4);
	for (unsigned i = 0; i < MEMBERS; i++)
		if (FORMS[hint.type].members & 1u << i)
			add_number(&bytes, values[i], 8);
	return bytes.append(body);
}

/* ---- reading */

static uint64_t number_at(std::string_view bytes, size_t at, unsigned size)
{
	uint64_t number = 0;

	for (unsigned i = size; i-- > 0;)
		number = number << 8 | static_cast<unsigned char>(bytes[at + i]);
	return number;
}

/* What is odd about a head; null: nothing. */
static const char *check_head(std::string_view bytes)
{
	if (!bytes.starts_with(std::string_view(MAGIC, sizeof(MAGIC))))
		return "no hint of this version";
	if (bytes.size() < HEAD)
		return "too short";
	if (number_at(bytes, AT_VERSION, 1) != MAILBOX_HINT_VERSION)
		return "another version";
	const uint64_t type = number_at(bytes, AT_TYPE, 1), kind = number_at(bytes, AT_KIND, 1);
	if (type < MAILBOX_HINT_STORED || type > MAILBOX_HINT_LOOK)
		return "unknown type";
	if (kind > (FORMS[type].of_groups ? CS_CONVERSATION_GROUP : CS_CONVERSATION_PAIR))
		return "bad kind";
	return nullptr;
}

/* Takes the members that the form has; false: the bytes end before. */
static bool take_members(std::string_view *bytes, const form &form, members *values_r)
{
	*values_r = {};
	for (unsigned i = 0; i < MEMBERS; i++) {
		if (!(form.members & 1u << i))
			continue;
		if (bytes->size() < 8)
			return false;
		(*values_r)[i] = number_at(*bytes, 0, 8);
		bytes->remove_prefix(8);
	}
	return true;
}

static bool are_sane(const form &form, const members &values)
{
	for (const member i : {OF, CONVERSATION, SENDER, SEQ})
		if (form.members & bit(i) && (values[i] > CS_INTEGER_MAX || !values[i]))
			return false;
	return values[CREATED] <= CS_INTEGER_MAX;
}

/* A frame's closing brace is what a delivery puts its own end in place of. */
static bool is_body(const form &form, std::string_view bytes)
{
	return form.has_body ? bytes.size() >= 2 && bytes.front() == '{' && bytes.back() == '}' : bytes.empty();
}

int mailbox_hint_decode(std::string_view bytes, mailbox_hint *hint_r, std::string_view *body_r,
                        const char **why_r)
{
	members values;

	*why_r = check_head(bytes);
	if (*why_r)
		return CS_EINVAL;
	const auto type = static_cast<mailbox_hint_type>(number_at(bytes, AT_TYPE, 1));
	const auto kind = static_cast<cs_conversation_kind>(number_at(bytes, AT_KIND, 1));
	const uint64_t body_size = number_at(bytes, AT_BODY_SIZE, 4);
	bytes.remove_prefix(HEAD);
	if (!take_members(&bytes, FORMS[type], &values) || bytes.size() != body_size)
		*why_r = "bad size";
	else if (!are_sane(FORMS[type], values))
		*why_r = "a number out of range";
	else if (!is_body(FORMS[type], bytes))
		*why_r = "bad body";
	if (*why_r)
		return CS_EINVAL;
	*hint_r = {type, kind, values[OF], values[CONVERSATION], values[SENDER], values[SEQ],
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

void mailbox_hint_route_all(const cs_host *host, cs_self *self, const mailbox_hint &hint,
                            std::string_view body)
{
	const std::string bytes = mailbox_hint_encode(hint, body);

	host->route_all(self, bytes.data(), bytes.size(), 0);
}
