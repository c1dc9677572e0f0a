// SPDX-License-Identifier: MIT
// What is known of one conversation's log: messages in order, and which numbers they stand for, so that a gap is seen.

// list: messages with a seq, ascending. lo..hi: every entry of these numbers is known. ahead: known ones above hi + 1.
// complete: there is nothing below lo. atEnd: what is new belongs to it. stale: something may have been missed.
// loaded: the newest page was there, now or when it was kept. restored: what was kept, if anything, is in it.
export function createLog() {
    return { list: [], lo: 0, hi: 0, ahead: new Set(), complete: false, atEnd: true, stale: false, loaded: false, restored: false };
}

// Where seq is in list, or would be.
export function place(list, seq) {
    let low = 0, high = list.length;
    while (low < high) {
        const middle = (low + high) >> 1;
        if (list[middle].seq < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

export function find(log, seq) {
    const at = place(log.list, seq);
    return seq && log.list[at]?.seq === seq ? log.list[at] : null;
}

export const change = () => ({ added: [], changed: [], live: [], prepended: 0, reset: false });

// Takes a message into the list. One that is there already keeps what is newer of both.
export function put(log, message, out) {
    const at = place(log.list, message.seq), old = log.list[at];
    if (old?.seq !== message.seq) {
        log.list.splice(at, 0, message);
        out.added.push(message);
        return;
    }
    const newer = old.recalled || old.edited > message.edited && !message.recalled ? old : message;
    const merged = { ...message, id: old.id, ts: message.ts || old.ts, text: newer.text, quote: newer.quote ?? null,
        edited: newer.recalled ? 0 : Math.max(old.edited, message.edited), recalled: newer.recalled, state: old.state === 'read' ? 'read' : message.state };
    if (['ts', 'text', 'edited', 'recalled', 'state', 'name'].some((key) => merged[key] !== old[key])) {
        log.list[at] = merged;
        out.changed.push(merged);
    }
}

// Replaces the message seq by what make gives for it, if it is there and make changes anything.
export function alter(log, seq, make, out) {
    const at = place(log.list, seq), old = log.list[at];
    const made = old?.seq === seq ? make(old) : null;
    if (made) {
        log.list[at] = { ...old, ...made };
        out.changed.push(log.list[at]);
    }
}

// An entry of this number is known now. True: there is a gap below it.
export function know(log, seq) {
    if (!log.hi) {
        log.lo = log.hi = seq;
    } else if (seq === log.hi + 1) {
        log.hi = seq;
    } else if (seq > log.hi) {
        log.ahead.add(seq);
    } else if (seq < log.lo) {
        log.lo = seq; // what lies between is on its way: only answers to one's own requests come early
    }
    close(log);
    return log.ahead.size > 0;
}

function close(log) {
    while (log.ahead.delete(log.hi + 1))
        log.hi++;
    for (const seq of log.ahead)
        if (seq <= log.hi)
            log.ahead.delete(seq);
}

// A page tells of all numbers from..to. False: it does not touch what is known, which has to be forgotten first.
export function cover(log, from, to) {
    if (log.hi && (from > log.hi + 1 || to < log.lo - 1))
        return false;
    log.lo = log.hi ? Math.min(log.lo, from) : from;
    log.hi = Math.max(log.hi, to);
    close(log);
    return true;
}

// Puts what was kept of a log below what came since.
export function prepend(log, kept, out) {
    const { list, lo, hi, ahead } = log;
    Object.assign(log, { ...kept, list: [...kept.list], ahead: new Set(), loaded: kept.loaded !== false, stale: true });
    if (lo && lo <= log.hi + 1)
        log.hi = Math.max(log.hi, hi);
    for (const message of list) {
        put(log, message, out);
        know(log, message.seq);
    }
    ahead.forEach((seq) => know(log, seq));
}

export function forget(log) {
    Object.assign(log, { list: [], lo: 0, hi: 0, complete: false, atEnd: true, stale: false, loaded: false });
    log.ahead.clear();
}

// Leaves most messages, the newest or the oldest ones.
export function trim(log, most, keepNewest, out) {
    const over = log.list.length - most;
    if (over <= 0)
        return;
    if (keepNewest) {
        log.list.splice(0, over);
        log.lo = log.list[0].seq;
        log.complete = false;
    } else {
        log.list.splice(most);
        log.hi = log.list[most - 1].seq;
        log.ahead.clear();
        log.atEnd = false;
    }
    out.reset = true;
}
