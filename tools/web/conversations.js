// SPDX-License-Identifier: MIT
// The list of conversations: their heads, what is unread, and what each frame changes in them. c is what chat.js shares.
import { alter, change, createLog, find, know, place, put, trim } from './log.js';
import { isOwn, makeMessage } from './messages.js';

const unopenedMost = 100, openedMost = 2000; // messages in memory
const newsMost = 10 * 60 * 1000; // older messages are no news
const typingShown = 5000;
const changesMost = 50; // EDITs and RECALLs that are applied again to pages of HISTORY
const quotedMost = 500; // messages before a quote in which its message is looked for

export const keyOf = (of) => of.groupid ? 'g' + of.groupid : 'p' + of.peer;
const keyOfEntry = (c, frame) => keyOf(frame.groupid ? frame : { peer: frame.id === c.me.account ? frame.toid : frame.id });

export function createConversation(c, key) {
    const number = Number(key.slice(1)), isGroup = key[0] === 'g';
    const conv = {
        key, ...isGroup ? { groupid: number } : { peer: number }, name: isGroup ? '' : c.names.get(number) || '', desc: '', role: '',
        members: 0, last: null, online: false, invited: false, gone: false, local: false, muted: 0, mutedAll: 0, order: 0, top: 0,
        read: 0, owed: false, seen: 0, mark: null, open: false, draft: '',
        // counted: the newest entry that INBOX knew. fresh, moves: unread messages and changes of the number of members above it.
        counted: 0, countedUnread: 0, fresh: new Set(), moves: new Map(),
        at: {}, // of fields of the head: which entry has set it last
        joined: 0, // c.clock when one's own membership began or ended
        log: createLog(), changes: [], pending: [], typing: new Map(), heard: 0, shown: null, all: null,
    };
    c.conversations.set(key, conv);
    return conv;
}

// The fields by which requests and HISTORY name it.
export const to = (conv) => conv.groupid ? { groupid: conv.groupid } : { toid: conv.peer };
export const of = (conv) => conv.groupid ? { groupid: conv.groupid } : { peer: conv.peer };

// ---- What the view sees

const unreadOf = (conv) => conv.countedUnread + conv.fresh.size;

// The first unread message. Where not all after the mark is known, an older one may be unread, too.
function newFrom({ mark, log }) {
    if (mark === null || !log.complete && log.lo > mark + 1)
        return 0;
    const first = log.list.find((m) => m.seq > mark && !m.own && m.kind === 'text' && !m.recalled);
    return first?.seq <= log.hi ? first.seq : 0;
}

// What is shown of it; the same object until something changes.
export function shown(c, conv) {
    const isFriend = !!c.people.get(conv.peer)?.friend;
    conv.shown ??= {
        key: conv.key, peer: conv.peer, groupid: conv.groupid, name: conv.name, desc: conv.desc, role: conv.role, members: Math.max(0, conv.members),
        last: conv.pending.at(-1) ?? conv.last, unread: unreadOf(conv), read: conv.read, seen: conv.seen,
        online: conv.online && isFriend, // of others the inbox tells it once, and nothing tells when it ends
        friend: isFriend, blocked: !!c.people.get(conv.peer)?.blocked, muted: conv.muted, mutedAll: conv.mutedAll,
        invited: conv.invited, gone: conv.gone, draft: conv.draft, quiet: !!c.quiet[conv.key],
        typing: [...conv.typing.keys()].map((account) => c.names.get(account) || '#' + account), newFrom: newFrom(conv),
    };
    return conv.shown;
}

const orderOf = (conv) => Math.max(conv.order, conv.last?.ts ?? 0, conv.pending.at(-1)?.ts ?? 0);

export const sorted = (c) => [...c.conversations.values()].sort((a, b) => orderOf(b) - orderOf(a) || (a.key < b.key ? -1 : 1));

export function messagesOf(conv) {
    conv.all ??= conv.log.atEnd ? conv.log.list.concat(conv.pending) : conv.log.list.slice();
    return conv.all;
}

// Its head, or the list, is another one now.
export function touch(c, conv, isList = true) {
    conv.shown = null;
    c.emit('conversation', conv.key);
    if (isList) {
        c.emit('conversations');
        c.saveHeads();
    }
}

// Tells the view of what changed in the messages. False: nothing did.
export function tell(c, conv, out) {
    conv.shown = null; // what is known of the log may reach farther, even if no message came
    if (!out.reset && !out.added.length && !out.changed.length && !out.prepended)
        return false;
    conv.all = null;
    c.emit('messages', conv.key, out);
    c.saveLog(conv);
    return true;
}

// ---- Unread and read

// All up to seq is read, here or on another device.
export function readUpTo(c, conv, seq, isOwed) {
    if (seq <= conv.read)
        return;
    conv.read = seq;
    for (const one of conv.fresh)
        if (one <= seq)
            conv.fresh.delete(one);
    if (seq >= conv.counted)
        conv.countedUnread = 0;
    else if (conv.countedUnread)
        c.refresh(); // read in part: the server counts the rest
    conv.owed ||= isOwed;
    if (isOwed)
        c.sendReads();
    touch(c, conv);
}

export const readAll = (c, conv) => readUpTo(c, conv, conv.top, true);

// The newest messages that the page has are seen. The server may have newer ones.
export function readSeen(c, conv) {
    if (conv.log.loaded && conv.log.atEnd)
        readUpTo(c, conv, Math.min(conv.top, conv.log.hi), true);
}

// The other side of a pair has read up to seq.
export function seenUpTo(c, conv, seq) {
    if (seq <= conv.seen)
        return;
    conv.seen = seq;
    const out = change();
    for (const m of conv.log.list)
        if (m.own && m.seq <= seq && m.state === 'stored')
            alter(conv.log, m.seq, () => ({ state: 'read' }), out);
    if (conv.last?.own && conv.last.seq <= seq)
        conv.last = { ...conv.last, state: 'read' };
    tell(c, conv, out);
    touch(c, conv);
}

// ---- The inbox

// Entries and INBOX may cross, and answers to own requests come early. Sets fields as the entry seq says, or (isTold) INBOX
// that knew all up to seq; what a later one has said stays.
function setAt(conv, seq, fields, isTold) {
    for (const [name, value] of Object.entries(fields))
        if (value !== undefined && (seq > (conv.at[name] ?? 0) || isTold && seq === conv.at[name])) {
            conv[name] = value;
            conv.at[name] = seq;
        }
}

// One item of INBOX that was asked for at that time, see c.clock; order stands in for the time of one that has no message yet.
export function takeItem(c, item, order, asked) {
    const key = item.groupid || item.peer ? keyOf(item) : '', left = c.left.get(key), seq = item.seq || 0;
    if (!key || left && (item.invited ? asked <= left.clock : seq <= left.seq))
        return null;
    const conv = c.conversations.get(key) || createConversation(c, key);
    if (item.invited && conv.joined >= asked)
        return conv;
    conv.local = false;
    conv.order = Math.max(item.ts || 0, item.last ? 0 : order);
    if (item.peer) {
        conv.name = item.name ?? conv.name;
        if (!(c.changed.get(item.peer) >= asked))
            conv.online = !!item.state;
        c.names.set(item.peer, conv.name);
    } else if (item.invited) {
        Object.assign(conv, { name: item.groupname ?? conv.name, invited: true, gone: false, role: '', members: 0 });
    } else {
        setAt(conv, seq, { name: item.groupname, role: item.role, gone: false, invited: false }, true);
        countMembers(conv, item);
    }
    conv.top = Math.max(conv.top, seq);
    if (item.last)
        setLast(c, conv, makeMessage(item.last, c.me.account, c.nameOf));
    countItem(c, conv, item);
    if (item.seen)
        seenUpTo(c, conv, item.seen);
    touch(c, conv);
    return conv;
}

// Changes that INBOX did not know yet come on top of its number.
function countMembers(conv, item) {
    if (item.seq < conv.counted)
        return;
    conv.members = item.members || 0;
    for (const [seq, n] of conv.moves)
        if (seq <= item.seq)
            conv.moves.delete(seq);
        else
            conv.members += n;
}

function move(conv, seq, n) {
    if (seq <= conv.counted || conv.moves.has(seq))
        return;
    conv.moves.set(seq, n);
    conv.members += n;
}

function countItem(c, conv, item) {
    const read = item.read || 0, seq = item.seq || 0;
    if (seq >= conv.counted) {
        conv.counted = seq;
        conv.countedUnread = item.unread || 0;
        for (const one of conv.fresh)
            if (one <= seq)
                conv.fresh.delete(one);
    }
    conv.read = Math.max(conv.read, read);
    if (read < conv.read) { // the server does not know yet what was read here
        if (conv.read >= seq)
            conv.countedUnread = 0;
        conv.owed = true;
        c.sendReads();
    } else if (seq === conv.counted) {
        conv.countedUnread = item.unread || 0;
    }
}

function setLast(c, conv, message) {
    const { last } = conv;
    if (message?.kind === 'text' && (!last || message.seq >= last.seq)) {
        if (message.seq !== last?.seq || !last.recalled && last.edited <= message.edited || message.recalled)
            conv.last = message.own && message.seq <= conv.seen ? { ...message, state: 'read' } : message;
        applyChanges(c, conv, change());
        return true;
    }
    return false;
}

// ---- Entries

// Changes of the head that an entry makes, if it came after what INBOX told.
function applyToHead(c, conv, frame) {
    const me = c.me.account, isMine = frame.id === me, isMe = frame.account === me, { msgid, seq } = frame;
    if (msgid === 8 || msgid === 143)
        setAt(conv, seq, { name: frame.groupname, desc: frame.groupdesc });
    if (msgid === 146 && (isMe || !frame.account))
        setAt(conv, seq, { [isMe ? 'muted' : 'mutedAll']: frame.until });
    if (msgid === 8 || msgid === 9) {
        move(conv, seq, 1);
        if (isMine)
            beginMembership(c, conv, frame);
    } else if (msgid === 142) {
        if (isMine && frame.role === 'creator')
            setAt(conv, seq, { role: 'admin' });
        if (isMe)
            setAt(conv, seq, { role: frame.role });
    } else if (msgid === 141) {
        move(conv, seq, -1);
        if (isMe && seq > (conv.at.gone ?? 0))
            endMembership(c, conv, frame);
    }
}

function beginMembership(c, conv, { msgid, seq }) {
    setAt(conv, seq, { role: msgid === 8 ? 'creator' : 'normal', gone: false, invited: false });
    conv.joined = c.clock;
    if (msgid === 9 && seq > conv.counted)
        c.refresh(); // how many members there were
}

function endMembership(c, conv, frame) {
    setAt(conv, frame.seq, { gone: true, invited: false, role: '' });
    conv.joined = c.clock;
    if (isOwn(frame, c.me.account))
        remove(c, conv, frame.seq);
    else
        c.emit('notice', noticeOfRemoval(frame), { group: conv.name, name: frame.name || '' });
}

function noticeOfRemoval(frame) {
    if (frame.operator)
        return frame.id === frame.account ? 'notice.ended' : 'notice.removedByOperator';
    return frame.ban ? 'notice.banned' : 'notice.removed';
}

// seq: the last entry of it that one sees. Entries up to it, and INBOX that was asked for before, may still come.
export function remove(c, conv, seq = 0) {
    c.left.set(conv.key, { seq: Math.max(seq, c.left.get(conv.key)?.seq ?? 0), clock: c.clock });
    c.conversations.delete(conv.key);
    c.forgetLog(conv);
    c.emit('conversations');
    c.saveHeads();
}

function countNew(c, conv, frame, message) {
    if (message?.kind !== 'text' || message.own || message.recalled || frame.seq <= conv.read)
        return;
    if (frame.seq > conv.counted)
        conv.fresh.add(frame.seq);
    if (conv.open && conv.mark === null && c.seenKey !== conv.key)
        conv.mark = conv.read;
    if (frame.seq > conv.heard && c.seenKey !== conv.key && c.now() - frame.ts < newsMost)
        c.announce(conv, message);
}

// A recalled message is not unread any more; whose it was is not known of each. Of an INBOX that is under way, or came just
// before, one cannot tell whether it has counted the message: the next one has not.
function uncount(c, conv, frame) {
    if (conv.fresh.delete(frame.of)) {
        if (c.refresh.isUnderWay())
            c.refresh();
        return;
    }
    if (frame.of <= conv.read || frame.of > conv.counted || frame.seq <= conv.counted)
        return;
    const message = find(conv.log, frame.of);
    if (message ? message.own : conv.peer && frame.id === c.me.account)
        return;
    if (message || conv.peer)
        conv.countedUnread = Math.max(0, conv.countedUnread - 1);
    c.refresh();
}

// EDIT and RECALL, on what is in memory.
export function applyChange(c, conv, frame, out) {
    if (!frame.of) // a page may have frames that are no entries
        return;
    const make = (old) => {
        if (old.recalled || old.edited >= frame.seq || frame.msgid === 160 && frame.msg === undefined)
            return null;
        if (frame.msgid === 161)
            return { text: '', quote: null, edited: 0, recalled: frame.seq };
        const { id, seq, from } = old;
        const made = makeMessage({ msgid: 6, id: from, seq, ts: 0, msg: frame.msg }, c.me.account, c.nameOf);
        return id && { text: made.text, quote: made.quote, edited: frame.seq };
    };
    alter(conv.log, frame.of, make, out);
    const made = conv.last?.seq === frame.of && make(conv.last);
    if (made)
        conv.last = { ...conv.last, ...made };
}

// A page or INBOX may have been read in the store before an entry that came earlier than it.
export function applyChanges(c, conv, out) {
    for (const frame of conv.changes)
        applyChange(c, conv, frame, out);
}

// An entry of the log: live, missed, or of a page (then the head knows already). out collects what changes in the messages.
export function takeEntry(c, conv, frame, out, isLive) {
    if (frame.name)
        c.names.set(frame.id, frame.name);
    const message = makeMessage(frame, c.me.account, c.nameOf), wasPending = !!message && settle(c, conv, message);
    if (isLive) {
        applyToHead(c, conv, frame);
        countNew(c, conv, frame, message);
        if (frame.msgid === 161)
            uncount(c, conv, frame);
        setLast(c, conv, message);
        conv.top = Math.max(conv.top, frame.seq);
        conv.heard = Math.max(conv.heard, frame.seq);
    } else if (frame.msgid === 8 || frame.msgid === 143) {
        setAt(conv, frame.seq, { desc: frame.groupdesc }); // INBOX does not tell it
    }
    if (message && (!isLive || conv.log.atEnd)) {
        putMessage(c, conv, message, out, wasPending);
    } else if (!message) {
        applyChange(c, conv, frame, out);
        if (isLive)
            conv.changes = [...conv.changes.slice(1 - changesMost), frame];
    }
}

// A message of the outbox that came back: it is stored. True: it was there.
function settle(c, conv, message) {
    const at = message.own && message.cid ? conv.pending.findIndex((m) => m.cid === message.cid) : -1;
    if (at < 0)
        return false;
    conv.pending.splice(at, 1);
    conv.all = conv.shown = null;
    c.stored(conv, message);
    return true;
}

// Which of the messages before it a quote is of.
function findQuoted(list, { quote, seq }) {
    const start = quote?.text.replace(/…$/, '');
    for (let i = place(list, seq) - 1, left = quotedMost; quote && i >= 0 && left > 0; i--, left--)
        if (list[i].name === quote.name && list[i].text.trim().startsWith(start)) {
            quote.seq = list[i].seq;
            return;
        }
}

function putMessage(c, conv, message, out, wasPending) {
    const { list } = conv.log;
    if (message.own && conv.peer && message.seq <= conv.seen)
        message.state = 'read';
    const known = out.added.length;
    findQuoted(list, message);
    put(conv.log, message, out);
    if (!wasPending || out.added.length === known)
        return;
    out.added.pop(); // it was shown already, at the end
    out.changed.push(message);
    out.reset ||= list.at(-1) !== message || conv.pending.some((m) => m.ts < message.ts);
}

// An entry that was delivered, or isOwn: that this session made, as its answer tells.
export function takeLive(c, frame, isOwn = false) {
    const key = keyOfEntry(c, frame), isNew = !c.conversations.has(key), out = change();
    if (key.endsWith('undefined'))
        return;
    if (frame.seq <= c.left.get(key)?.seq) { // the answer to one's leaving came earlier
        if (!isOwn)
            c.deliver({ key }, frame.seq);
        return;
    }
    const conv = c.conversations.get(key) || createConversation(c, key);
    if (!frame.groupid && frame.id !== c.me.account && frame.name)
        conv.name = frame.name;
    conv.local = false;
    takeEntry(c, conv, frame, out, true);
    out.live = out.added.slice();
    if (conv.typing.has(frame.id))
        stopTyping(c, conv, frame.id);
    if (conv.log.atEnd && know(conv.log, frame.seq))
        c.fillGap(conv);
    const most = conv.open ? openedMost : unopenedMost;
    if (conv.log.atEnd && conv.log.list.length > most * 1.2) // rarely, for then the view begins again
        trim(conv.log, most, true, out);
    if (isNew && !conv.name)
        c.refresh();
    if (!isOwn)
        c.deliver(conv, frame.seq);
    tell(c, conv, out);
    touch(c, conv);
    if (c.seenKey === key)
        readSeen(c, conv);
}

// ---- Frames that are no entries

export function takeRead(c, frame) {
    const isMine = frame.id === c.me.account;
    const conv = c.conversations.get(isMine ? keyOf(frame) : 'p' + frame.id);
    if (conv && isMine)
        readUpTo(c, conv, frame.seq, false);
    else if (conv)
        seenUpTo(c, conv, frame.seq);
}

function stopTyping(c, conv, account) {
    clearTimeout(conv.typing.get(account));
    conv.typing.delete(account);
    conv.shown = null;
    c.emit('typing', conv.key);
    c.emit('conversation', conv.key);
}

export function takeSignal(c, frame) {
    const conv = c.conversations.get(keyOf(frame.groupid ? frame : { peer: frame.id }));
    if (!conv || frame.kind !== 'typing' || frame.id === c.me.account)
        return;
    clearTimeout(conv.typing.get(frame.id));
    conv.typing.set(frame.id, setTimeout(stopTyping, typingShown, c, conv, frame.id));
    conv.shown = null;
    c.emit('typing', conv.key);
    c.emit('conversation', conv.key);
}
