/* SPDX-License-Identifier: MIT
 * The scripts that run inside Redis. Each is one atomic step. They publish messages of the form in message.cpp.
 *
 * A conn and a generation are passed as decimal text, because numbers in Lua are doubles. Conns are only compared for
 * equality, as text. A generation counts the logins of one account and stays far below 2^53. A value with another form
 * counts as absent. */
#include "bus_redis.h"

/* leased: whether the lease of the address runs. Address 0 has no lease.
 * alive: leased, and somebody reads the inbox of the address. So accounts of a crashed node can log in before its lease
 * lapses.
 * give_up: sets address 0, so the account has no session, but keeps the generation. Otherwise a node that was cut off
 * could claim an older session of an account that has logged out since. */
static constexpr char rbus_common[] = R"lua(
local TTL = 900

local function now()
	local time = redis.call('TIME')
	return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function parse(value)
	if type(value) ~= 'string' then return nil end
	return string.match(value, '^(%x+):(%d+):(%d+):([LE])$')
end

-- GET answers an error where the value is no text: such a value is none of ours. Any other error is raised.
local function session(key)
	local value = redis.pcall('GET', key)
	if type(value) == 'table' and not string.find(value.err, 'WRONGTYPE', 1, true) then
		value = redis.call('GET', key)
	end
	return parse(value)
end

local function leased(nodes, address, time)
	local until_time = redis.call('ZSCORE', nodes, address)
	return until_time and tonumber(until_time) > time
end

local function alive(nodes, inboxes, address)
	return leased(nodes, address, now())
		and redis.call('PUBSUB', 'NUMSUB', inboxes .. address)[2] > 0
end

local function give_up(key, conn, generation)
	redis.call('SET', key, '0:' .. conn .. ':' .. generation .. ':L', 'EX', TTL)
end

-- The four bytes behind the size are kind, version and the sizes of a name and a head.
local function piece(kind, body)
	return struct.pack('<I4I4I4I4', 16 + #body, kind, 0, 0) .. body
end

local CLOSE, LAPSED, PROBE = 64, 67, 68

local function ask(kind, inboxes, address, head, account, conn)
	redis.call('PUBLISH', inboxes .. address, head .. piece(kind, account .. ' ' .. conn))
end
)lua";

/* KEYS nodes, session. ARGV own address, inboxes, head, account, conn, generation, 1 to kick.
 * Result: 0 granted, 1 taken (its node is told to close or to probe the session), 2 ending, 3 a later login has it.
 * A session with a higher generation that is alive is never replaced. If its node is not alive, the claim is granted;
 * when that node comes back, it claims again with its higher generation. A session of this very node is replaced unless
 * its generation is higher: this node's table has decided already. */
static constexpr char rbus_script_claim[] = R"lua(
local own, inboxes, head, account, conn, generation, kick = unpack(ARGV)
local address, owner, held, state = session(KEYS[2])
local later = address and tonumber(held) > tonumber(generation)
if address and address ~= own and alive(KEYS[1], inboxes, address) then
	if state == 'E' then return 2 end
	if later then return 3 end
	ask(kick == '1' and CLOSE or PROBE, inboxes, address, head, account, owner)
	return 1
end
if later and address == own then return 3 end
redis.call('SET', KEYS[2], own .. ':' .. conn .. ':' .. generation .. ':L', 'EX', TTL)
return 0
)lua";

/* KEYS nodes, sessions... ARGV own address, inboxes, head, then account, conn, generation, state of each.
 * Result: the positions of sessions that lost to a higher generation. For the others the key is written anew, which
 * also keeps it alive. If another address has the session with a lower generation, it is told to close it. With an
 * equal generation it is this same login under an earlier address of this node. */
static constexpr char rbus_script_again[] = R"lua(
local own, inboxes, head = unpack(ARGV, 1, 3)
local lost = {}
for i = 2, #KEYS do
	local account, conn, generation, state = unpack(ARGV, 4 * i - 4, 4 * i - 1)
	local address, owner, held = session(KEYS[i])
	if address and tonumber(held) > tonumber(generation) then
		lost[#lost + 1] = i - 1
	else
		if address and address ~= own then ask(CLOSE, inboxes, address, head, account, owner) end
		redis.call('SET', KEYS[i], own .. ':' .. conn .. ':' .. generation .. ':' .. state, 'EX', TTL)
	end
end
return lost
)lua";

/* KEYS session. ARGV own address, conn. Only if the session still belongs to this node. */
static constexpr char rbus_script_ending[] = R"lua(
local address, conn, generation = session(KEYS[1])
if address == ARGV[1] and conn == ARGV[2] then
	redis.call('SET', KEYS[1], address .. ':' .. conn .. ':' .. generation .. ':E', 'EX', TTL)
end
return 0
)lua";

/* KEYS session. ARGV own address, conn. Only if the session still belongs to this node. */
static constexpr char rbus_script_release[] = R"lua(
local address, conn, generation = session(KEYS[1])
if address == ARGV[1] and conn == ARGV[2] then give_up(KEYS[1], conn, generation) end
return 0
)lua";

/* KEYS nodes, lapsed. ARGV own address, lease, memory (ms), all, head, previous address or '', 1 to register.
 * Result: {leases of others that lapsed just now, leases that lapsed lately}, or -1: this node's own lease has lapsed,
 * and others may have taken its sessions. If the script finds a lapsed lease, it tells all nodes. */
static constexpr char rbus_script_renew[] = R"lua(
local own, lease, memory, all, head, previous, register = unpack(ARGV)
local time = now()
if register == '1' then
	if previous ~= '' then
		redis.call('ZREM', KEYS[1], previous)
		redis.call('ZREM', KEYS[2], previous)
	end
elseif not leased(KEYS[1], own, time) then
	return -1
end
redis.call('ZADD', KEYS[1], time + lease, own)
local lapsed = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', time)
for _, address in ipairs(lapsed) do
	redis.call('ZREM', KEYS[1], address)
	redis.call('ZADD', KEYS[2], time + memory, address)
end
if #lapsed > 0 then redis.call('PUBLISH', all, head .. piece(LAPSED, '')) end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', time)
return {#lapsed, redis.call('ZCARD', KEYS[2])}
)lua";

/* KEYS nodes, sessions... Result: a text with 1 or 0 for each. A session that is ending counts as offline. */
static constexpr char rbus_script_presence[] = R"lua(
local time, known, online = now(), {}, {}
for i, value in ipairs(redis.call('MGET', unpack(KEYS, 2))) do
	local address, _, _, state = parse(value)
	if address and known[address] == nil then
		known[address] = leased(KEYS[1], address, time) and true or false
	end
	online[i] = address and state == 'L' and known[address] and '1' or '0'
end
return table.concat(online)
)lua";

/* KEYS nodes, sessions... ARGV own address, inboxes, all, head, then target and bytes of each piece. Target: '' for
 * the next session of KEYS, '*' for all, else an address. Pieces to one node are joined into one message. A piece to
 * all is sent after those before it and before those after it, so every node gets them in order. A piece for a
 * session that is nowhere, or at this node's own address, is not sent: such a session began after the sender looked
 * for it here, and reads the store. */
static constexpr char rbus_script_send[] = R"lua(
local own, inboxes, all, head = unpack(ARGV, 1, 4)
local time, known = now(), {}
local boxes, order, key = {}, {}, 1

local function leave()
	for _, channel in ipairs(order) do
		redis.call('PUBLISH', channel, table.concat(boxes[channel]))
	end
	boxes, order = {}, {}
end

local function put(channel, bytes)
	local box = boxes[channel]
	if not box then
		box = {head}
		boxes[channel] = box
		order[#order + 1] = channel
	end
	box[#box + 1] = bytes
end

local function find(key)
	local address, _, _, state = session(key)
	if not address or state ~= 'L' or address == own then return nil end
	if known[address] == nil then known[address] = leased(KEYS[1], address, time) and true or false end
	return known[address] and address
end

for i = 5, #ARGV, 2 do
	local target = ARGV[i]
	if target == '*' then
		if #order > 0 and not boxes[all] then leave() end
		put(all, ARGV[i + 1])
	else
		if boxes[all] then leave() end
		if target == '' then
			key = key + 1
			target = find(KEYS[key])
		end
		if target then put(inboxes .. target, ARGV[i + 1]) end
	end
end
leave()
return 0
)lua";

/* KEYS nodes, sessions... ARGV own address, 1 to give up the lease too. */
static constexpr char rbus_script_leave[] = R"lua(
for i = 2, #KEYS do
	local address, conn, generation = session(KEYS[i])
	if address == ARGV[1] then give_up(KEYS[i], conn, generation) end
end
if ARGV[2] == '1' then redis.call('ZREM', KEYS[1], ARGV[1]) end
return 0
)lua";

std::string rbus_script_text(enum rbus_script script)
{
	static constexpr const char *texts[RBUS_SCRIPTS] = {
		rbus_script_claim, rbus_script_again,    rbus_script_ending, rbus_script_release,
		rbus_script_renew, rbus_script_presence, rbus_script_send,   rbus_script_leave,
	};

	return std::string(rbus_common) + texts[script];
}
