// SPDX-License-Identifier: MIT
// The messages of the open conversation. However many the model knows, only those around what one sees are in the document.
import { el, fill, icon, iconButton, arrange, linked } from '../dom.js';
import { t, date, day, dayKey } from '../words.js';
import { avatar, bdi, hue, menu, arrows, attempt, errorText, confirm, eventParts, eventText, noText, toast } from './common.js';

const windowSize = 160; // messages in the document
const step = 60;        // how many more are shown at an edge
const edge = 900;       // pixels from an edge at which more are shown
const together = 5 * 60000; // messages of one person within this time look like one block

// on: {reply(message), edit(message)}
export function logView(app, key, on) {
    const { chat } = app;
    const marks = new WeakMap();
    let count = 0;
    let all = chat.messages(key);
    let to = all.length;
    let from = Math.max(0, to - windowSize);
    let stuck = true;    // the newest message is in sight and stays there
    let asked = false;   // a page is under way
    let opened = false;  // the newest page was loaded, or cannot be
    let moved = false;   // the reader chose a place
    let high = 0;        // the height of the log; a change of it is no scrolling
    let ours = -1;       // where we scrolled to: the scroll event that follows is not the reader's
    let newFrom = 0;
    const items = el('div', { class: 'log-items' });
    const top = el('p', { class: 'log-top' });
    const scroller = el('div', { class: 'log', role: 'log', 'aria-live': 'off', 'aria-label': t('log.title'), tabIndex: 0, onscroll: scrolled, onkeydown: keys, onclick: clicked,
        oncontextmenu: context }, el('div', { class: 'log-inner' }, top, items));
    const jumpCount = el('span', { class: 'badge' });
    const jump = iconButton('down', t('log.newest'), toNewest, { class: 'icon-button jump', hidden: true });
    jump.append(jumpCount);
    const node = el('div', { class: 'log-place' }, scroller, jump);
    const sizes = new ResizeObserver(() => {
        high = scroller.clientHeight;
        if (stuck) {
            toBottom();
        }
    });
    sizes.observe(scroller);
    sizes.observe(items);

    // What stands between `from` and `to`: day lines, the "new" line, events and messages.
    function entries() {
        const list = [];
        let lastDay = from ? dayKey(all[from - 1].ts) : 0;
        let newShown = newFrom === 0 || (from > 0 && isNew(all[from - 1]));
        const line = (item) => {
            const before = list[list.length - 1];
            if (before?.message) {
                before.last = true;
            }
            list.push(item);
        };
        for (let i = from; i < to; i++) {
            const message = all[i];
            const before = all[i - 1];
            const after = all[i + 1];
            const today = dayKey(message.ts);
            let first = i === 0 || !joined(before, message);
            if (today !== lastDay) {
                line({ day: message.ts, id: `day ${message.id}` }); // days may come back: clocks differ
                lastDay = today;
                first = true;
            }
            if (!newShown && isNew(message)) {
                line({ id: 'new' });
                newShown = true;
                first = true;
            }
            list.push({ message, id: message.id, first, last: !after || !joined(message, after) });
        }
        return list;
    }

    // The first unread message may be known only when older ones have come, or be no longer in memory.
    function findNew() {
        newFrom = chat.conversation(key)?.newFrom ?? 0;
    }

    function isNew(message) {
        return message.seq >= newFrom && !message.own && message.kind === 'text';
    }

    function joined(a, b) {
        return a.kind === 'text' && b.kind === 'text' && a.from === b.from && b.ts - a.ts < together;
    }

    function mark(item) {
        if (!item.message) {
            return item.id + (item.day ? day(item.day) : '');
        }
        if (!marks.has(item.message)) {
            marks.set(item.message, ++count * 4);
        }
        return marks.get(item.message) + (item.first ? 1 : 0) + (item.last ? 2 : 0);
    }

    function render() {
        arrange(items, entries(), (item) => item.id, mark, (item) => (item.message ? (item.message.kind === 'event' ? eventNode(item.message) : messageNode(item)) :
            el(item.day ? 'h3' : 'div', { class: item.day ? 'day' : 'new-line' }, el('span', {}, item.day ? day(item.day) : t('log.new')))));
        fill(top, from > 0 || chat.conversation(key)?.invited ? '' : chat.complete(key) ? (all.length ? t('log.begin') : t('log.empty')) : t('log.loading'));
    }

    function messageNode({ message, first, last }) {
        const { own } = message;
        const head = chat.conversation(key) ?? {};
        const named = first && !own && head.groupid;
        const state = own ? message.state : '';
        return el('article', { class: `message ${own ? 'own' : ''} ${first ? 'first' : ''} ${last ? 'last' : ''} ${state}`, tabIndex: -1, 'aria-label': spoken(message) },
            head.groupid && !own ? (last ? avatar({ name: message.name, account: message.from }, 'small') : el('span', { class: 'avatar-gap' })) : null,
            el('div', { class: 'bubble' },
                named ? el('div', { class: `who ${hue(message.from)}` }, bdi(message.name)) : null,
                message.quote ? quoteNode(message.quote) : null,
                noText(message) ? el('span', { class: 'text recalled' }, message.recalled ? icon('recall') : null, noText(message)) : el('span', { class: `text ${big(message.text)}`, dir: 'auto' }, linked(message.text)),
                el('span', { class: 'meta' }, message.edited && !message.recalled ? el('span', {}, t('message.edited'), ' ') : null,
                    el('time', { datetime: new Date(message.ts).toISOString(), title: date('full', message.ts) }, date('time', message.ts)),
                    state && !message.recalled ? el('span', { class: `state ${state}`, title: t(`state.${state}`) }, icon(state), el('span', { class: 'hidden-text' }, t(`state.${state}`))) : null)),
            state === 'failed' ? el('div', { class: 'failure' }, el('span', {}, message.error ? errorText({ key: message.error }) : t('state.failed')),
                el('button', { type: 'button', class: 'link', tabIndex: -1, onclick: () => attempt(chat.retry(key, message.id)) }, t('message.retry')),
                el('button', { type: 'button', class: 'link', tabIndex: -1, onclick: () => attempt(chat.discard(key, message.id)) }, t('message.discard'))) :
                noText(message) ? null : iconButton('more', t('message.menu'), (event) => openMenu(message, event.currentTarget), { class: 'icon-button message-more', tabIndex: -1, 'aria-haspopup': 'menu' }));
    }

    function quoteNode(quote) {
        return el('button', { type: 'button', class: 'quote', tabIndex: -1, disabled: !quote.seq, onclick: () => toSeq(quote.seq) },
            quote.name ? el('strong', {}, bdi(quote.name)) : null, el('span', { dir: 'auto' }, quote.text.slice(0, 300)));
    }

    function eventNode(message) {
        return el('p', { class: 'event', tabIndex: -1, role: 'article' }, el('span', { title: date('full', message.ts) }, eventParts(message)));
    }

    function spoken(message) {
        const text = noText(message) || message.text.slice(0, 500);
        return [message.own ? t('you') : message.name, text, date('time', message.ts), message.edited ? t('message.edited') : '',
            message.own ? t(`state.${message.state}`) : ''].filter(Boolean).join(', ');
    }

    // Runs `change` so that what one sees stays where it is.
    function hold(change) {
        const line = scroller.getBoundingClientRect().top;
        const anchor = [...items.children].find((child) => child.getBoundingClientRect().bottom > line && !child.matches('.day,.new-line'));
        const before = anchor?.getBoundingClientRect().top;
        const name = anchor?.dataset.key;
        change();
        const now = name === undefined ? undefined : items.arranged.get(name)?.node;
        if (now) {
            const by = now.getBoundingClientRect().top - before;
            if (by) {
                scrollTo(scroller.scrollTop + by);
            }
        }
    }

    function toBottom() {
        scrollTo(scroller.scrollHeight);
    }

    function scrollTo(place) {
        scroller.scrollTop = place;
        ours = scroller.scrollTop;
    }

    function atBottom() {
        return to === all.length && chat.newest(key) && scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 40;
    }

    function scrolled() {
        if (Math.abs(scroller.scrollTop - ours) > 1 && scroller.clientHeight === high) {
            stuck = atBottom();
            moved = true;
        }
        ours = -1;
        more();
        state();
    }

    // Shows or asks for more where an edge of what is shown is near.
    function more() {
        const below = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
        if (scroller.scrollTop < edge && from > 0) {
            hold(() => {
                from = Math.max(0, from - step);
                to = Math.min(to, from + windowSize + step);
                render();
            });
        } else if (scroller.scrollTop < edge && !chat.complete(key)) {
            ask(chat.older);
        } else if (below < edge && to < all.length) {
            hold(() => {
                to = Math.min(all.length, to + step);
                from = Math.max(from, to - windowSize - step);
                render();
            });
        } else if (below < edge && !chat.newest(key)) {
            ask(chat.newer);
        }
    }

    async function ask(action) {
        if (asked || chat.state !== 'online') {
            return;
        }
        asked = true;
        try {
            await action(key);
            asked = false;
            if (node.isConnected) {
                findNew();
                hold(render);
                more();
            }
        } catch {
            // The model tells the state of the connection; the next scroll asks again.
            setTimeout(() => (asked = false), 1000);
        }
    }

    function state() {
        const away = !stuck && !atBottom();
        const unread = chat.conversation(key)?.unread ?? 0;
        jump.hidden = !away;
        jumpCount.hidden = !unread;
        jumpCount.textContent = unread > 99 ? '99+' : unread;
        jump.setAttribute('aria-label', unread ? `${t('log.newest')}, ${t('list.unread', { n: unread })}` : t('log.newest'));
        app.seen(opened && stuck && chat.newest(key) ? key : null);
    }

    async function toNewest() {
        moved = true;
        if (!chat.newest(key)) {
            await attempt(chat.latest(key));
        }
        all = chat.messages(key);
        to = all.length;
        from = Math.max(0, to - windowSize);
        stuck = true;
        render();
        toBottom();
        state();
        on.done?.();
    }

    // Shows an older message, and marks it for a moment.
    async function toSeq(seq) {
        if (!all.some((message) => message.seq === seq) && !(await attempt(chat.around(key, seq)))) {
            return;
        }
        all = chat.messages(key);
        const place = all.findIndex((message) => message.seq === seq);
        if (place < 0) {
            toast(t('log.gone'));
            return;
        }
        stuck = false;
        moved = true;
        from = Math.max(0, place - windowSize / 2);
        to = Math.min(all.length, from + windowSize);
        render();
        const target = items.arranged.get(all[place].id).node;
        target.scrollIntoView({ block: 'center' });
        target.focus({ preventScroll: true });
        target.classList.add('found');
        setTimeout(() => target.classList.remove('found'), 2000);
        state();
    }

    // The model told of a change. The window keeps its messages, wherever they stand now.
    function changed({ added = [], prepended = 0, reset = false } = {}) {
        const shown = all[from]?.id;
        const whole = to === all.length;
        const size = to - from;
        all = chat.messages(key);
        if (prepended || reset) {
            findNew();
        }
        // Also another array keeps the place, while the message is in it: the far end may be cut when pages come.
        const place = shown === undefined ? -1 : all[from + prepended]?.id === shown ? from + prepended : all.findIndex((message) => message.id === shown);
        if (place < 0 || (added.some((message) => message.own) && chat.newest(key))) {
            to = all.length;
            from = Math.max(0, to - windowSize);
            stuck = chat.newest(key) || place >= 0;
            render();
            if (stuck) {
                toBottom();
            }
        } else {
            // Something must stand above what one sees, or the place cannot be held.
            from = prepended ? Math.max(0, place - step) : place;
            to = whole && stuck ? all.length : Math.min(all.length, from + size);
            if (whole && !stuck && to < all.length && size < windowSize + step) {
                to = Math.min(all.length, from + windowSize + step);
            }
            if (stuck) {
                from = Math.max(from, to - windowSize - step);
                render();
                toBottom();
            } else {
                hold(render);
            }
        }
        state();
    }

    // First show: at the "new" line if there is one, else at the newest message. Again when the newest page is there.
    function start(whole) {
        opened = whole;
        if (moved) {
            state();
            return;
        }
        all = chat.messages(key);
        findNew();
        to = all.length;
        from = Math.max(0, to - windowSize);
        const first = newFrom ? all.findIndex(isNew) : -1;
        if (first >= 0 && first < from) {
            from = Math.max(0, first - 20);
            to = Math.min(all.length, from + windowSize + step);
        }
        render();
        stuck = true;
        toBottom();
        const line = items.arranged.get('new')?.node;
        if (line) {
            const high = line.getBoundingClientRect().top - scroller.getBoundingClientRect().top;
            if (high < 0) {
                scrollTo(scroller.scrollTop + high - 56);
                stuck = atBottom();
            }
        }
        more();
        state();
    }

    function keys(event) {
        if (event.target.closest('.menu') || event.isComposing) {
            return;
        }
        const message = messageOf(event.target);
        if (event.key === 'ArrowUp' && event.target === scroller && items.lastElementChild) {
            event.preventDefault();
            items.lastElementChild.focus();
            items.lastElementChild.scrollIntoView({ block: 'nearest' });
        } else if (event.key === 'End' || (event.key === 'Escape' && event.target !== scroller)) {
            event.preventDefault();
            event.stopPropagation();
            toNewest();
        } else if (event.key === 'Home') {
            event.preventDefault();
            scroller.scrollTop = 0;
        } else if (message && event.target.matches('article') && (event.key === 'Enter' || event.key === ' ' || event.key === 'ContextMenu')) {
            event.preventDefault();
            openMenu(message, event.target.querySelector('.message-more') ?? event.target);
        } else if (message && event.target.matches('article') && event.key === 'r' && !event.ctrlKey && !event.metaKey && !event.altKey) {
            event.preventDefault();
            on.reply(message);
        } else if (event.key === 'ArrowUp' || event.key === 'ArrowDown') {
            arrows(event, items, 'article,.event');
        }
    }

    function messageOf(target) {
        const id = target.closest('article')?.dataset.key;
        return id === undefined ? undefined : all.find((message) => message.id === id && message.kind === 'text');
    }

    // On a phone a tap shows the button of the message's menu.
    function clicked(event) {
        const article = event.target.closest('article');
        if (article && !event.target.closest('a,button') && getSelection().isCollapsed) {
            article.focus({ preventScroll: true });
        }
    }

    function context(event) {
        const message = messageOf(event.target);
        if (message && !event.target.closest('a') && getSelection().isCollapsed) {
            event.preventDefault();
            const spot = { left: event.clientX, top: event.clientY, bottom: event.clientY };
            openMenu(message, event.target.closest('article'), event.clientX || event.clientY ? spot : undefined);
        }
    }

    function openMenu(message, anchor, at) {
        const head = chat.conversation(key);
        const choices = [];
        if (noText(message)) {
            return;
        }
        if (message.state === 'failed') {
            choices.push([t('message.retry'), 'again', () => attempt(chat.retry(key, message.id))], [t('message.discard'), 'close', () => attempt(chat.discard(key, message.id))]);
        } else if (!head?.gone && message.seq) {
            choices.push([t('message.reply'), 'reply', () => on.reply(message)]);
        }
        choices.push([t('message.copy'), 'copy', () => navigator.clipboard?.writeText(message.text).then(() => toast(t('message.copied')), () => {})]);
        if (chat.canEdit(key, message)) {
            choices.push([t('message.edit'), 'edit', () => on.edit(message)]);
        }
        if (chat.canRecall(key, message)) {
            choices.push([t('message.recall'), 'recall', () => recall(message), 'danger']);
        }
        menu(anchor, t('message.menu'), choices, at);
    }

    async function recall(message) {
        if (await confirm(t('message.recall'), t('message.recallAsk'), t('message.recall'))) {
            await attempt(chat.recall(key, message.id));
        }
    }

    return { node, start, changed, state, toNewest, eventText,
        focus: () => scroller.focus(),
        focusLast: () => items.lastElementChild?.focus(),
        stop: () => sizes.disconnect() };
}

// A message of a few pictures and nothing else is shown large.
function big(text) {
    return /^(?:\p{Extended_Pictographic}[\u200d\ufe0f\u{1f3fb}-\u{1f3ff}]*){1,3}$/u.test(text) ? 'big' : '';
}
