// SPDX-License-Identifier: MIT
// Loads pages of a conversation's log, and fills gaps in it.
import { cover, change, find, forget, know, put, trim } from './log.js';
import { applyChanges, of, readSeen, takeEntry, tell } from './conversations.js';

const pageSize = 50, openedMost = 2000, roundsMost = 10;
const gapPatience = 1500; // what is missing is mostly on its way

// One after the other in a conversation.
function inTurn(conv, work) {
    const turn = (conv.turn ?? Promise.resolve()).then(work, work);
    conv.turn = turn.catch(() => {});
    return turn;
}

// A page of HISTORY, and the numbers from..to of which it tells all.
async function ask(c, conv, where, limit = pageSize) {
    const page = await c.query({ msgid: 105, ...of(conv), ...where, limit });
    const { messages = [], last = 0 } = page, next = Number(page.next) || 0, end = Math.max(last, messages.at(-1)?.seq ?? 0);
    if (where.around) {
        return { messages, from: page.older ? Number(page.before) || messages[0]?.seq || 1 : 1, older: !!page.older,
            to: page.newer ? Number(page.after) || messages.at(-1)?.seq || end : end, newer: !!page.newer };
    }
    if (where.after)
        return { messages, from: where.after + 1, to: page.more ? next || messages.at(-1)?.seq || end : end, newer: !!page.more };
    return { messages, from: page.more ? next || messages[0]?.seq || 1 : 1, to: where.before ? where.before - 1 : end, older: !!page.more };
}

function take(c, conv, page, out) {
    for (const frame of page.messages)
        takeEntry(c, conv, frame, out, false);
    applyChanges(c, conv, out);
    conv.top = Math.max(conv.top, page.messages.at(-1)?.seq ?? 0);
}

// Begins again with page; what came after it while it was asked for stays.
function rebase(c, conv, page, out) {
    const { log } = conv, newer = log.list.filter((m) => m.seq > page.to), ahead = [...log.ahead].filter((seq) => seq > page.to);
    forget(log);
    cover(log, page.from, page.to);
    take(c, conv, page, out);
    for (const message of log.loaded || !page.newer ? newer : []) {
        put(log, message, out);
        know(log, message.seq);
    }
    for (const seq of ahead)
        know(log, seq);
    out.reset = true;
}

async function newestPage(c, conv) {
    const { log } = conv, out = change(), page = await ask(c, conv, {});
    if (!page.to) {
        log.complete = log.loaded = true;
        log.stale = false;
        c.emit('messages', conv.key, out); // that nothing is there is known now
        return;
    }
    const wasComplete = log.complete;
    if (!log.loaded || !log.atEnd || log.stale && log.hi < page.from - 1 || !cover(log, page.from, page.to))
        rebase(c, conv, page, out);
    else
        take(c, conv, page, out);
    log.complete ||= !page.older;
    log.loaded = true;
    log.stale = false;
    if (!tell(c, conv, out) && log.complete !== wasComplete)
        c.emit('messages', conv.key, out);
    if (c.seenKey === conv.key)
        readSeen(c, conv);
}

const reading = async (c, conv, work) => {
    for (let round = 0; round < roundsMost; round++)
        if (await work())
            return;
};

async function olderPages(c, conv) {
    const { log } = conv;
    if (!log.loaded || !log.lo)
        await newestPage(c, conv);
    await reading(c, conv, async () => {
        if (log.complete || log.lo <= 1)
            return log.complete = true;
        const out = change(), page = await ask(c, conv, { before: log.lo });
        take(c, conv, page, out);
        cover(log, page.from, page.to);
        log.complete = !page.older;
        out.prepended = out.added.length;
        out.added = [];
        trim(log, openedMost, false, out);
        tell(c, conv, out);
        return out.prepended > 0;
    });
}

async function newerPages(c, conv) {
    const { log } = conv;
    await reading(c, conv, async () => {
        if (log.atEnd)
            return true;
        const out = change(), page = await ask(c, conv, { after: log.hi });
        take(c, conv, page, out);
        cover(log, page.from, page.to);
        log.atEnd = !page.newer && log.hi >= conv.top;
        trim(log, openedMost, true, out);
        if (log.atEnd)
            conv.all = null;
        tell(c, conv, out);
        return out.added.length > 0;
    });
}

async function fill(c, conv) {
    const { log } = conv;
    await reading(c, conv, async () => {
        if (!log.atEnd || !log.ahead.size)
            return true;
        const out = change(), page = await ask(c, conv, { after: log.hi }, 200);
        take(c, conv, page, out);
        cover(log, page.from, Math.max(page.to, page.newer ? 0 : log.hi));
        if (!page.newer)
            log.ahead.clear();
        out.reset ||= out.added.length > 0; // they stand between others
        tell(c, conv, out);
        return false;
    });
    if (log.ahead.size) {
        log.stale = true;
        await newestPage(c, conv);
    }
}

export const newest = (c, conv) => inTurn(conv, () => newestPage(c, conv));
export const older = (c, conv) => inTurn(conv, () => olderPages(c, conv));
export const newer = (c, conv) => inTurn(conv, () => newerPages(c, conv));

// Back to the newest messages.
export const latest = (c, conv) => inTurn(conv, async () => {
    if (!conv.log.atEnd || !conv.log.loaded)
        await newestPage(c, conv);
});

// The messages around an old one.
export const around = (c, conv, seq) => inTurn(conv, async () => {
    if (find(conv.log, seq))
        return;
    const out = change(), page = await ask(c, conv, { around: seq });
    forget(conv.log);
    cover(conv.log, page.from, page.to);
    take(c, conv, page, out);
    Object.assign(conv.log, { loaded: true, complete: !page.older, atEnd: !page.newer && conv.log.hi >= conv.top });
    out.reset = true;
    tell(c, conv, out);
});

// A number is missing: waits a little, for it may be on its way, and asks for it.
export function fillGap(c, conv) {
    conv.gap ??= setTimeout(() => {
        conv.gap = null;
        if (conv.log.ahead.size && c.conversations.get(conv.key) === conv)
            inTurn(conv, () => fill(c, conv)).catch(() => {});
    }, gapPatience);
}
