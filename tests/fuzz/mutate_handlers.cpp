/* SPDX-License-Identifier: MIT
 * How libFuzzer changes an input of fuzz_handlers: by events, not by bytes. Most requests that it makes are in order,
 * so that they come as far as the store; the rest is left to the mutations that libFuzzer has.
 *
 * In a form, <> holds what may be left out and $ stands before one letter:
 *   $i the account that is logged in there   $a an account   $g a group   $s a seq   $n any number   $u a name
 *   $t a text   $b a boolean   $d a device   $w words of want   $r a role   $k opaque, of a page   $v any value */
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);

typedef std::minstd_rand mutate_random;

static unsigned mutate_below(mutate_random &random, size_t end)
{
	return static_cast<unsigned>(random() / 7 % end);
}

template <size_t n> static std::string_view mutate_any(mutate_random &random, const std::string_view (&list)[n])
{
	return list[mutate_below(random, n)];
}

/* A LOGIN is there several times: without it nothing else is reached. */
static const std::string_view mutate_forms[] = {
	R"("msgid":1,"id":$i,"password":"p"<,"ack":$b><,"want":[$w]>)",
	R"("msgid":1,"id":$i,"password":"p","device":$d<,"ack":$b><,"want":[$w]><,"rosters":$b>)",
	R"("msgid":1,"id":$i,"password":"p","device":$d,"want":["echo","event",$w])",
	R"("msgid":1,"name":$u,"password":"p"<,"device":$d><,"want":[$w]><,"rosters":$b>)",
	R"("msgid":3,"id":$i)",
	R"("msgid":4,"name":$u,"password":"p")",
	R"("msgid":6,"id":$i,"toid":$a,"msg":$t<,"name":$u><,"cid":$t><,"x":$v>)",
	R"("msgid":6,"id":$i,"toid":$a,"msg":$t)",
	R"("msgid":7,"id":$i,"friendid":$a)",
	R"("msgid":8,"id":$i,"groupname":$u,"groupdesc":$t<,"cid":$t>)",
	R"("msgid":9,"id":$i,"groupid":$g<,"cid":$t>)",
	R"("msgid":10,"id":$i,"groupid":$g,"msg":$t<,"cid":$t>)",
	R"("msgid":10,"id":$i,"groupid":$g,"msg":$t)",
	R"("msgid":104,"id":$i,"peer":$a,"seq":$s)",
	R"("msgid":104,"id":$i,"groupid":$g,"seq":$s)",
	R"("msgid":105,"id":$i,"peer":$a<,"before":$s><,"limit":$s>)",
	R"("msgid":105,"id":$i,"groupid":$g<,"after":$s><,"limit":$s>)",
	R"("msgid":105,"id":$i,"groupid":$g<,"around":$s><,"limit":$s>)",
	R"("msgid":106,"id":$i<,"after":$k><,"limit":$s>)",
	R"("msgid":110,"id":$i)",
	R"("msgid":111,"id":$i,"device":$d)",
	R"("msgid":1,"id":$i,"password":"p","remember":$b<,"device":$d>)",
	R"("msgid":1,"id":$i,"token":$t<,"device":$d><,"remember":$b>)",
	R"("msgid":112,"id":$i,"old":"p","new":$t)",
	R"("msgid":112,"id":$i,"old":$t,"new":"p")",
	R"("msgid":120,"id":$i,"peer":$a,"seq":$s<,"show":$b>)",
	R"("msgid":120,"id":$i,"groupid":$g,"seq":$s<,"show":$b>)",
	R"("msgid":122,"id":$i,"toid":$a,"kind":"k"<,"x":$v>)",
	R"("msgid":122,"id":$i,"groupid":$g,"kind":$t)",
	R"("msgid":131,"id":$i,"account":$a<,"friend":$b><,"blocked":$b>)",
	R"("msgid":132,"id":$i<,"after":$k><,"limit":$s>)",
	R"("msgid":133,"id":$i,"name":$u)",
	R"("msgid":141,"id":$i,"groupid":$g,"account":$a<,"ban":$b>)",
	R"("msgid":141,"id":$i,"groupid":$g,"account":$i)",
	R"("msgid":142,"id":$i,"groupid":$g,"account":$a,"role":$r)",
	R"("msgid":143,"id":$i,"groupid":$g<,"groupname":$u><,"groupdesc":$t><,"join":"invite"><,"history":"all">)",
	R"("msgid":143,"id":$i,"groupid":$g<,"join":"open"><,"history":"joined">)",
	R"("msgid":144,"id":$i,"groupid":$g<,"after":$k><,"limit":$s>)",
	R"("msgid":145,"id":$i,"groupid":$g,"account":$a)",
	R"("msgid":146,"id":$i,"groupid":$g,"account":$a,"until":$n)",
	R"("msgid":160,"id":$i,"toid":$a,"of":$s,"msg":$t<,"cid":$t>)",
	R"("msgid":160,"id":$i,"groupid":$g,"of":$s,"msg":$t<,"cid":$t>)",
	R"("msgid":161,"id":$i,"toid":$a,"of":$s)",
	R"("msgid":161,"id":$i,"groupid":$g,"of":$s)",
	R"("msgid":1000,"id":$i,"text":$t)",
};

static std::string_view mutate_value(mutate_random &random, char kind)
{
	static const std::string_view accounts[] = {"1", "2", "3", "1", "2", "4", "0", "77"};
	static const std::string_view groups[] = {"1", "1", "1", "2", "3", "77"};
	static const std::string_view seqs[] = {"1", "2", "3", "4", "5", "6", "7", "8", "9", "200"};
	static const std::string_view numbers[] = {
		"0",   "1",   "9007199254740991",   "1900000000000", "9007199254740992", "-1",
		"1.5", "2e0", "9223372036854775808"};
	static const std::string_view names[] = {R"("a")",     R"("b")",      R"("c")", R"("d")",     R"("e")",
	                                         R"("group")", R"("\u0061")", R"("")",  R"("\ud800")"};
	static const std::string_view texts[] = {
		R"("x")", R"("y")", R"("")", R"("k")", R"("\"\u0041\\")", R"("\ud83d\ude00")", R"("\udc00")"};
	static const std::string_view booleans[] = {"true", "false", "true", "null"};
	static const std::string_view devices[] = {R"("d")", R"("e")", R"("f")", R"("")", R"("\u0064")"};
	static const std::string_view words[] = {R"("event","read")", R"("echo")", R"("presence","signal")",
	                                         R"("echo","event","signal","read","presence","other")"};
	static const std::string_view roles[] = {R"("admin")", R"("normal")", R"("creator")", R"("other")"};
	static const std::string_view pages[] = {R"("1")", R"("2")", R"("1.2.3.4")", R"("0")", R"("")", "1", "2"};
	static const std::string_view values[] = {"{}", "[[]]", R"({"a":{"b":[1]}})", R"("7")", "null", "1e308"};

	switch (kind) {
	case 'a': return mutate_any(random, accounts);
	case 'g': return mutate_any(random, groups);
	case 's': return mutate_any(random, seqs);
	case 'n': return mutate_any(random, numbers);
	case 'u': return mutate_any(random, names);
	case 't': return mutate_any(random, texts);
	case 'b': return mutate_any(random, booleans);
	case 'd': return mutate_any(random, devices);
	case 'w': return mutate_any(random, words);
	case 'r': return mutate_any(random, roles);
	case 'k': return mutate_any(random, pages);
	default: return mutate_any(random, values);
	}
}

/* One in forty is of another kind. */
static std::string_view mutate_field(mutate_random &random, char kind, std::string_view owner)
{
	if (mutate_below(random, 40) == 0)
		return mutate_value(random, mutate_below(random, 2) == 0 ? 'n' : 'v');
	return kind == 'i' ? owner : mutate_value(random, kind);
}

/* Connection 3 is another one of account 1. */
static std::string mutate_request(mutate_random &random)
{
	static const std::string_view owners[] = {"1", "2", "3", "1"};
	const unsigned c = mutate_below(random, std::size(owners));
	const std::string_view form = mutate_any(random, mutate_forms);
	std::string line = std::to_string(c) + "{";
	bool skips = false;

	for (size_t i = 0; i < form.size(); i++) {
		if (form[i] == '<')
			skips = mutate_below(random, 2) == 0;
		else if (form[i] == '>')
			skips = false;
		else if (skips)
			continue;
		else if (form[i] != '$')
			line += form[i];
		else
			line += mutate_field(random, form[++i], owners[c]);
	}
	return line + (mutate_below(random, 8) == 0 ? "}" : R"(,"req":1})");
}

/* Plugins expect two numbers of 8 bytes, or one and a byte. */
static std::string mutate_parcel(mutate_random &random)
{
	static const std::string_view bodies[] = {"|", R"(|{"msgid":122,"id":1})",
	                                          R"(|{"msgid":134,"id":2,"name":"b"})", ""};
	std::string line = "p";

	line += static_cast<char>('0' + mutate_below(random, 9));
	line += static_cast<char>('0' + mutate_below(random, 4));
	for (size_t i = 8 + mutate_below(random, 2) * 8 + mutate_below(random, 2); i > 0; i--)
		line += i % 8 == 0 ? static_cast<char>(mutate_below(random, 4)) : '\0';
	return line + std::string(mutate_any(random, bodies));
}

static std::string mutate_event(mutate_random &random)
{
	static const std::string_view others[] = {"t",  "s",  "w0", "w1", "w2", "w3", "x0", "x1",
	                                          "x3", "b0", "a0", "a1", "c1", "c2", "c3"};
	std::string fault = "f0000";

	switch (mutate_below(random, 48)) {
	case 0:
	case 1:
	case 2:
	case 3: return std::string(mutate_any(random, others));
	case 4: return mutate_parcel(random);
	case 5:
	case 6:
	case 7:
		fault[1] = static_cast<char>('0' + mutate_below(random, 5));
		for (size_t i = 2; i < fault.size(); i++)
			fault[i] = static_cast<char>('0' + mutate_below(random, 4));
		return fault;
	default: return mutate_below(random, 4) == 0 ? "r" : mutate_request(random);
	}
}

static std::vector<std::string> mutate_split(std::string_view text)
{
	std::vector<std::string> lines;

	while (!text.empty()) {
		const size_t end = std::min(text.find('\n'), text.size());
		lines.emplace_back(text.substr(0, end));
		text.remove_prefix(std::min(end + 1, text.size()));
	}
	return lines;
}

static void mutate_lines(mutate_random &random, std::vector<std::string> &lines)
{
	const size_t at = mutate_below(random, lines.size() + 1);
	const auto place = lines.begin() + static_cast<std::ptrdiff_t>(at);

	if (at == lines.size() || mutate_below(random, 4) == 0) {
		lines.insert(place, mutate_event(random));
		return;
	}
	switch (mutate_below(random, 4)) {
	case 0: lines.insert(place, mutate_event(random)); return;
	case 1: *place = mutate_event(random); return;
	case 2: lines.erase(place); return;
	default: std::swap(*place, lines[mutate_below(random, lines.size())]); return;
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
	mutate_random random(seed);

	if (mutate_below(random, 5) == 0)
		return LLVMFuzzerMutate(data, size, most);
	std::vector<std::string> lines = mutate_split({reinterpret_cast<const char *>(data), size});
	for (unsigned n = 1 + mutate_below(random, 4); n > 0; n--)
		mutate_lines(random, lines);
	std::string text;
	for (const std::string &line : lines)
		text += line + "\n";
	const size_t length = std::min(text.size(), most);
	memcpy(data, text.data(), length);
	return length;
}
