// SPDX-License-Identifier: MIT
// Makes the messages that are shown of frames, and texts with a quote of both parts.

const quoteLines = 3, quoteLength = 200;

// The quoted lines at the beginning of a text, each with "> " before it, the first one with the name: {quote, text}.
export function splitQuote(msg) {
    const lines = msg.split('\n');
    let n = 0;
    while (n < lines.length && /^>( |$)/.test(lines[n]))
        n++;
    const text = lines.slice(n).join('\n').replace(/^\s*\n/, '');
    if (!n || !text.trim())
        return { quote: null, text: msg };
    const quoted = lines.slice(0, n).map((line) => line.slice(2)).join('\n');
    const [, name = '', said = quoted] = /^([^\n]{1,50}?): ([^]*)$/.exec(quoted) ?? [];
    return { quote: { seq: 0, name, text: said }, text };
}

export function joinQuote(quote, text) {
    if (!quote)
        return text;
    let said = quote.text.trim().split('\n').slice(0, quoteLines).join('\n').slice(0, quoteLength).replace(/\p{Cs}$/u, '');
    if (said.length < quote.text.trim().length)
        said += '…';
    return `${quote.name}: ${said}`.split('\n').map((line) => '> ' + line).join('\n') + '\n\n' + text;
}

// What an operator ordered has the creator's id, but the creator did not do it.
export const isOwn = (frame, me) => frame.id === me && !frame.operator;

// What a frame that is no message says happened, or null for one of which nothing is shown.
function eventOf(frame, me) {
    const event = (what, whom = 0, values = {}) => ({ what, who: frame.id, whom, self: whom ? whom === me : isOwn(frame, me), byOperator: !!frame.operator, values });
    switch (frame.msgid) {
    case 8: return event('created', 0, { name: frame.groupname });
    case 9: return event('joined');
    case 141: return frame.account === frame.id ? event(frame.operator ? 'ended' : 'left') : event(frame.ban ? 'banned' : 'removed', frame.account);
    case 142: return event(frame.role, frame.account);
    case 143:
        if (frame.groupname !== undefined)
            return event('renamed', 0, { name: frame.groupname });
        return frame.groupdesc !== undefined ? event('described', 0, { desc: frame.groupdesc })
            : event('settings', 0, { join: frame.join, history: frame.history });
    case 146:
        return event((frame.until ? 'muted' : 'unmuted') + (frame.account ? '' : 'All'), frame.account, { until: frame.until });
    default: return null;
    }
}

// The message of an entry, or null where it shows nothing of its own (EDIT, RECALL). nameOf(account) knows names.
export function makeMessage(frame, me, nameOf) {
    const isText = frame.msgid === 6 || frame.msgid === 10, event = isText ? null : eventOf(frame, me), own = isOwn(frame, me);
    if (!isText && !event)
        return null;
    if (event) {
        event.whoName = frame.name || nameOf(frame.id);
        event.whomName = nameOf(event.whom);
    }
    return {
        id: own && frame.cid ? 'c' + frame.cid : 's' + frame.seq, seq: frame.seq, cid: frame.cid || '', from: frame.id,
        name: frame.name || nameOf(frame.id), own, ts: frame.ts, state: 'stored', error: null,
        edited: frame.edited || 0, recalled: frame.recalled || 0, kind: isText ? 'text' : 'event', event,
        ...isText ? splitQuote(frame.recalled ? '' : frame.msg) : { text: '', quote: null },
    };
}
