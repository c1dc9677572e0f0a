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
 * give_up: sets address 0, so the device has no session, but keeps the generation. Otherwise a node that was cut off
 * could claim an older session of a device that has logged out since.
 *
 * A session is alone if no other address has a session of the account. Its node is told, by the answer of its claim and
 * then by ALONE, in the order in which it changes; so the node need not ask where else its own accounts are. If that
 * was wrong, because a lease has lapsed, claiming again tells all of them anew. */
static constexpr char rbus_common[] = R"lua(
local TTL = 900
local ENDED_MOST = 64
local CLOSE, LAPSED, PROBE, ALONE = 64, 67, 68, 69

local function now()
	local time = redis.call('TIME')
	return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function parse(value)
	if type(value) ~= 'string' then return nil end
	return string.match(value, '^(%x+):(%d+):(%d+):([LE]):(%d+)$')
end

-- A command for a hash. Where the value is none, it is none of ours: nil. Any other error is raised.
local function hash(...)
	local reply = redis.pcall(...)
	if type(reply) ~= 'table' or not reply.err then return reply end
	if string.find(reply.err, 'WRONGTYPE', 1, true) then return nil end
	return redis.call(...)
end

local function session(key, device)
	return parse(hash('HGET', key, device))
end

local function write(key, device, address, conn, generation, state)
	local value = address .. ':' .. conn .. ':' .. generation .. ':' .. state .. ':' .. redis.call('TIME')[1]
	if not hash('HSET', key, device, value) then
		redis.call('DEL', key)
		redis.call('HSET', key, device, value)
	end
	redis.call('EXPIRE', key, TTL)
end

local function leased(nodes, address, time)
	local until_time = redis.call('ZSCORE', nodes, address)
	return until_time and tonumber(until_time) > time
end

local function alive(nodes, inboxes, address)
	return leased(nodes, address, now())
		and redis.call('PUBSUB', 'NUMSUB', inboxes .. address)[2] > 0
end

local function give_up(key, device, conn, generation)
	write(key, device, '0', conn, generation, 'L')
end

-- The four bytes behind the size are kind, version and the sizes of a name and a head.
local function piece(kind, body)
	return struct.pack('<I4I4I4I4', 16 + #body, kind, 0, 0) .. body
end

local function ask(kind, inboxes, address, head, ...)
	redis.call('PUBLISH', inboxes .. address, head .. piece(kind, table.concat({...}, ' ')))
end

-- Of sessions that have ended only the newest are remembered, so that many devices that come and go cost little.
local function forget(key, ended)
	if #ended <= ENDED_MOST then return end
	table.sort(ended, function(a, b) return a.written > b.written end)
	for i = ENDED_MOST + 1, #ended do redis.call('HDEL', key, ended[i].device) end
end

-- Those of the account on living nodes. Forgets what nobody has refreshed for so long as keys live.
local function sessions(nodes, key)
	local fields, found, time, known, ended = hash('HGETALL', key) or {}, {}, now(), {}, {}
	for i = 1, #fields, 2 do
		local address, conn, generation, state, written = parse(fields[i + 1])
		if not address or tonumber(written) + TTL < time / 1000 then
			redis.call('HDEL', key, fields[i])
		elseif address == '0' then
			ended[#ended + 1] = {device = fields[i], written = tonumber(written)}
		else
			if known[address] == nil then known[address] = leased(nodes, address, time) and true or false end
			if known[address] then
				found[#found + 1] = {device = fields[i], address = address, conn = conn, generation = generation}
			end
		end
	end
	forget(key, ended)
	return found
end

local function tell(inboxes, head, account, it, alone)
	ask(ALONE, inboxes, it.address, head, account, it.device, it.conn, it.generation, alone)
end

-- There is a session of the account at the address: tells those at others. Whether there are any.
local function tell_not_alone(nodes, inboxes, head, key, account, own)
	local elsewhere = false
	for _, it in ipairs(sessions(nodes, key)) do
		if it.address ~= own then
			elsewhere = true
			tell(inboxes, head, account, it, 0)
		end
	end
	return elsewhere
end

-- A session of the account at the address has ended. If all that remain are at one other address, they are alone now.
local function tell_alone(nodes, inboxes, head, key, account, own)
	local left = sessions(nodes, key)
	for _, it in ipairs(left) do
		if it.address == own or it.address ~= left[1].address then return end
	end
	for _, it in ipairs(left) do tell(inboxes, head, account, it, 1) end
end
)lua";

/* KEYS nodes, account. ARGV own address, inboxes, head, account, device, conn, generation, 1 to kick.
 * Result: 0 granted, 1 taken (its node is told to close or to probe the session), 2 ending, 3 a later login has it,
 * 4 granted, and other nodes have sessions of the account.
 * A session with a higher generation that is alive is never replaced. If its node is not alive, the claim is granted;
 * when that node comes back, it claims again with its higher generation. A session of this very node is replaced unless
 * its generation is higher: this node's table has decided already. */
static constexpr char rbus_script_claim[] = R"lua(
local own, inboxes, head, account, device, conn, generation, kick = unpack(ARGV)
local address, owner, held, state = session(KEYS[2], device)
local later = address and tonumber(held) > tonumber(generation)
if address and address ~= own and alive(KEYS[1], inboxes, address) then
	if state == 'E' then return 2 end
	if later then return 3 end
	ask(kick == '1' and CLOSE or PROBE, inboxes, address, head, account, device, owner)
	return 1
end
if later and address == own then return 3 end
write(KEYS[2], device, own, conn, generation, 'L')
return tell_not_alone(KEYS[1], inboxes, head, KEYS[2], account, own) and 4 or 0
)lua";

/* KEYS nodes, accounts... ARGV own address, inboxes, head, then account, device, conn, generation, state of each.
 * Result: the positions of sessions that lost to a higher generation; and, below 0, of those that are not alone. For
 * those that did not lose the field is written anew, which also keeps it alive. If another address has the session with
 * a lower generation, it is told to close it. With an equal generation it is this same login under an earlier address
 * of this node. */
static constexpr char rbus_script_again[] = R"lua(
local own, inboxes, head = unpack(ARGV, 1, 3)
local result = {}
for i = 2, #KEYS do
	local account, device, conn, generation, state = unpack(ARGV, 5 * i - 6, 5 * i - 2)
	local address, owner, held = session(KEYS[i], device)
	if address and tonumber(held) > tonumber(generation) then
		result[#result + 1] = i - 1
	else
		if address and address ~= own then ask(CLOSE, inboxes, address, head, account, device, owner) end
		write(KEYS[i], device, own, conn, generation, state)
		if tell_not_alone(KEYS[1], inboxes, head, KEYS[i], account, own) then result[#result + 1] = 1 - i end
	end
end
return result
)lua";

/* KEYS account. ARGV own address, device, conn. Only if the session still belongs to this node. */
static constexpr char rbus_script_ending[] = R"lua(
local address, conn, generation = session(KEYS[1], ARGV[2])
if address == ARGV[1] and conn == ARGV[3] then write(KEYS[1], ARGV[2], address, conn, generation, 'E') end
return 0
)lua";

/* KEYS account, nodes. ARGV own address, device, conn, inboxes, head, account. Only if the session still belongs to
 * this node. */
static constexpr char rbus_script_release[] = R"lua(
local own, device, mine, inboxes, head, account = unpack(ARGV)
local address, conn, generation = session(KEYS[1], device)
if address ~= own or conn ~= mine then return 0 end
give_up(KEYS[1], device, conn, generation)
tell_alone(KEYS[2], inboxes, head, KEYS[1], account, own)
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

/* KEYS nodes, accounts... ARGV the device of each, or '' for any. Result: a text with 1 or 0 for each. A session that
 * is ending counts as offline. */
static constexpr char rbus_script_presence[] = R"lua(
local time, known, online = now(), {}, {}
local function is_there(value)
	local address, _, _, state = parse(value)
	if not address or state ~= 'L' then return false end
	if known[address] == nil then known[address] = leased(KEYS[1], address, time) and true or false end
	return known[address]
end
for i, device in ipairs(ARGV) do
	local values = device == '' and hash('HVALS', KEYS[i + 1]) or {hash('HGET', KEYS[i + 1], device)}
	online[i] = '0'
	for _, value in ipairs(values) do
		if is_there(value) then online[i] = '1' end
	end
end
return table.concat(online)
)lua";

/* KEYS nodes, accounts... ARGV own address, inboxes, all, head, then target and bytes of each piece. Target: '' for
 * all sessions of the next account of KEYS, '#' and a device for one of them, '*' for all nodes, else an address.
 * Pieces to one node are joined into one message. A piece to all is sent after those before it and before those after
 * it, so every node gets them in order. A node with several sessions of an account gets a piece once. A piece for a
 * session that is nowhere, or at this node's own address, is not sent: such a session began after the sender looked for
 * it here, and reads the store. */
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

local function addresses(key, device)
	local values = device == '' and hash('HVALS', key) or {hash('HGET', key, device)}
	local found = {}
	for _, value in ipairs(values) do
		local address, _, _, state = parse(value)
		if address and state == 'L' and address ~= own and not found[address] then
			if known[address] == nil then known[address] = leased(KEYS[1], address, time) and true or false end
			if known[address] then
				found[address] = true
				found[#found + 1] = address
			end
		end
	end
	return found
end

for i = 5, #ARGV, 2 do
	local target, bytes = ARGV[i], ARGV[i + 1]
	if target == '*' then
		if #order > 0 and not boxes[all] then leave() end
		put(all, bytes)
	else
		local targets = {target}
		if boxes[all] then leave() end
		if target == '' or string.sub(target, 1, 1) == '#' then
			key = key + 1
			targets = addresses(KEYS[key], string.sub(target, 2))
		end
		for _, address in ipairs(targets) do put(inboxes .. address, bytes) end
	end
end
leave()
return 0
)lua";

/* KEYS nodes, accounts... ARGV own address, inboxes, head, 1 to give up the lease too, then account and device of
 * each. */
static constexpr char rbus_script_leave[] = R"lua(
local own, inboxes, head, lease = unpack(ARGV, 1, 4)
for i = 2, #KEYS do
	local account, device = unpack(ARGV, 2 * i + 1, 2 * i + 2)
	local address, conn, generation = session(KEYS[i], device)
	if address == own then
		give_up(KEYS[i], device, conn, generation)
		tell_alone(KEYS[1], inboxes, head, KEYS[i], account, own)
	end
end
if lease == '1' then redis.call('ZREM', KEYS[1], own) end
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
