// SPDX-License-Identifier: MIT
// Reads frames: every field that the page uses is checked here, so that nothing a server or user sends can harm the rest.

const isId = (v) => Number.isSafeInteger(v) && v >= 1;
const timeMost = 8.64e15; // ms; a Date knows no later ones
const isCount = (v) => Number.isSafeInteger(v) && v >= 0;
const isText = (v) => typeof v === 'string';
const isBool = (v) => typeof v === 'boolean';
const isOne = (...words) => (v) => words.includes(v);

// Half a surrogate pair cannot be sent back to the server.
const whole = (text) => text.replace(/\p{Cs}/gu, '\ufffd');
// Names stand in one line, whatever they contain.
const line = (text) => whole(text.slice(0, 200)).replace(/[\p{Cc}\u2028\u2029]+/gu, ' ');

// A field: what it must be, and what is made of it.
const id = [isId], count = [isCount], time = [isCount, (v) => Math.min(v, timeMost)], bool = [isBool], body = [isText, whole], name = [isText, line];
const opaque = [(v) => isText(v) || isCount(v), (v) => isText(v) ? whole(v) : v];
const state = [isOne('online', 'offline'), (v) => v === 'online'];
const role = [isOne('creator', 'admin', 'normal')];
const many = (shape) => [Array.isArray, (list) => list.map((v) => read(v, shape)).filter(Boolean)];

// Shapes: a name that begins with ! must be there; the others are left out where they are wrong.
// A sender may bring more members than its frame has: a shape lists only those that mean something there.
const entry = { '!id': id, name, '!seq': id, '!ts': time, cid: body };
const shapes = {
    6: { ...entry, '!toid': id, '!msg': body, edited: id, recalled: id },
    8: { ...entry, '!groupid': id, '!groupname': name, groupdesc: body },
    9: { ...entry, '!groupid': id },
    10: { ...entry, '!groupid': id, '!msg': body, edited: id, recalled: id },
    120: { '!id': id, peer: id, groupid: id, '!seq': count, show: bool },
    122: { '!id': id, toid: id, groupid: id, '!kind': body },
    123: { '!id': id, '!state': state },
    124: { '!text': body },
    134: { '!id': id, '!name': name },
    141: { ...entry, '!groupid': id, '!account': id, ban: bool, operator: bool },
    142: { ...entry, '!groupid': id, '!account': id, '!role': role, operator: bool },
    143: { ...entry, '!groupid': id, groupname: name, groupdesc: body, join: [isOne('open', 'invite')], history: [isOne('joined', 'all')], operator: bool },
    145: { '!id': id, name, '!groupid': id, '!account': id },
    146: { ...entry, '!groupid': id, '!account': count, '!until': time, operator: bool },
    160: { ...entry, toid: id, groupid: id, '!of': id, msg: body },
    161: { ...entry, toid: id, groupid: id, '!of': id },
};
const errors = { errno: count, req: count, of: count, errmsg: [isText, line], reason: [isText, line], delay: count };
const message = [(v) => v !== null && typeof v === 'object', (v) => parseObject(v)];
const answer = {
    ...errors, seq: id, groupid: id, until: time, account: id, name, token: body, more: bool, next: opaque, first: count, last: count,
    older: bool, newer: bool, before: opaque, after: opaque,
    messages: [Array.isArray, (list) => list.map(parseObject).filter((m) => m && m.seq)],
    conversations: many({ peer: id, groupid: id, name, groupname: name, state, role, members: count, invited: id, ts: time, last: message,
        seq: count, read: count, unread: count, seen: count }),
    contacts: many({ '!account': id, '!name': name, state, friend: bool, friend_of: bool, blocked: bool }),
    members: many({ '!account': id, '!name': name, role, state, joined: time }),
    devices: many({ '!device': [isText, line], online: bool, seen: time }),
};
shapes[2] = { ...errors, id, name, token: body, store: body, have: [Array.isArray, (v) => v.filter(isText).map(whole)],
    offlinemsg: [Array.isArray, (list) => list.map(parse).filter(Boolean)] };
shapes[5] = { ...errors, id };
shapes[100] = answer;
shapes[103] = {};

// A new object with those fields of value that are right, or null where one is missing that must be there.
function read(value, shape) {
    if (value === null || typeof value !== 'object' || Array.isArray(value))
        return null;
    const result = {};
    for (const key in shape) {
        const needed = key[0] === '!', field = needed ? key.slice(1) : key, [is, make] = shape[key];
        if (Object.hasOwn(value, field) && is(value[field])) {
            const made = make ? make(value[field]) : value[field];
            if (made !== null)
                result[field] = made;
        } else if (needed) {
            return null;
        }
    }
    return result;
}

// The same for a frame that is an object already.
export function parseObject(value) {
    const msgid = value !== null && typeof value === 'object' ? value.msgid : 0;
    const frame = isId(msgid) && Object.hasOwn(shapes, msgid) ? read(value, shapes[msgid]) : null;
    return frame && { msgid, ...frame };
}

// The frame in text, or null where it is none that the page knows.
export function parse(text) {
    try {
        return isText(text) ? parseObject(JSON.parse(text)) : null;
    } catch {
        return null;
    }
}
