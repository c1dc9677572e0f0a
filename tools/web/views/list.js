// SPDX-License-Identifier: MIT
// The list of conversations, with the field that finds one or begins one.
import { el, fill, icon, iconButton, arrange } from '../dom.js';
import { t, shortDate, number } from '../words.js';
import { avatar, bdi, arrows, attempt, eventText, noText } from './common.js';

export function listView(app) {
    const { chat } = app;
    const search = el('input', { type: 'search', class: 'input', dir: 'auto', maxlength: 50, placeholder: t('list.search'), 'aria-label': t('list.search'),
        'aria-keyshortcuts': 'Control+K', autocomplete: 'off', spellcheck: 'false', oninput: update, onkeydown: searchKeys });
    const list = el('ul', { class: 'rows', role: 'list' });
    const more = el('div', { class: 'rows-more' });
    const me = el('div', { class: 'me' });
    const node = el('nav', { class: 'side', 'aria-label': t('list.title'), onkeydown: keys },
        el('header', { class: 'bar' }, me, iconButton('plus', t('new.title'), () => app.openNew()), iconButton('settings', t('settings.title'), () => app.openSettings())),
        el('div', { class: 'search' }, icon('search'), search), el('div', { class: 'rows-place' }, list, more));

    function update() {
        const wanted = search.value.trim().toLocaleLowerCase();
        const all = chat.conversations();
        const shown = wanted ? all.filter((head) => head.name.toLocaleLowerCase().includes(wanted)) : all;
        const now = shortDate(Date.now() - 864e5);
        arrange(list, shown, (head) => head.key, (head) => sign(head, now), row, patch);
        fill(more, wanted ? begin(shown) : !all.length ? empty() : null);
        fill(me, avatar({ name: chat.me?.name ?? '', account: chat.me?.account ?? 0 }, 'small'), el('h1', {}, bdi(chat.me?.name ?? '')));
    }

    function sign(head, now) {
        const { last } = head;
        return JSON.stringify([head.name, head.online, head.unread, head.muted, head.quiet, head.blocked, head.invited, head.gone, head.draft, head.typing, now,
            head.key === app.route.key, last && [last.id, last.seq, last.state, last.edited, last.recalled, last.text.slice(0, 200), last.name]]);
    }

    function row(head) {
        return el('li', {}, patchLink(el('a', { class: 'row', href: `#/${head.key}` }), head));
    }

    // The link stays: it may have the focus, or be pressed just now.
    function patch(node, head) {
        patchLink(node.firstChild, head);
    }

    function patchLink(link, head) {
        const current = head.key === app.route.key;
        const { last } = head;
        if (current) {
            link.setAttribute('aria-current', 'page');
        } else {
            link.removeAttribute('aria-current');
        }
        return fill(link, avatar(head),
            el('span', { class: 'row-main' },
                el('span', { class: 'row-line' }, bdi(head.name, 'row-name'), head.quiet ? icon('quiet') : null, head.blocked ? icon('blocked') : null,
                    head.online && !head.blocked ? el('span', { class: 'hidden-text' }, ` (${t('online')})`) : null,
                    last ? el('time', { datetime: new Date(last.ts).toISOString() }, shortDate(last.ts)) : null),
                el('span', { class: 'row-line' }, preview(head),
                    head.unread && !current ? el('span', { class: `badge ${head.quiet ? 'quiet' : ''}` }, el('span', { 'aria-hidden': 'true' }, head.unread > 999 ? '999+' : number(head.unread)),
                        el('span', { class: 'hidden-text' }, t('list.unread', { n: head.unread }))) : null)));
    }

    // Below the list: begins a conversation with who is not in it yet.
    function begin(shown) {
        const name = search.value.trim();
        const exact = shown.some((head) => head.peer && head.name === name);
        return [exact ? null : el('button', { type: 'button', class: 'row begin', onclick: () => start(name) }, el('span', { class: 'avatar plain' }, icon('plus')),
            el('span', { class: 'row-main' }, el('span', { class: 'row-name' }, t('list.begin')), bdi(name, 'row-text')))];
    }

    async function start(name) {
        const found = await attempt(chat.find(name));
        if (found) {
            clear();
            app.go(await chat.talk(found.account, found.name));
        }
    }

    function empty() {
        return el('div', { class: 'nothing' }, el('p', {}, t('list.empty')), el('button', { type: 'button', class: 'button primary', onclick: () => app.openNew() }, t('new.title')));
    }

    function clear() {
        search.value = '';
        update();
    }

    function searchKeys(event) {
        if (event.key === 'Enter' && !event.isComposing && search.value.trim()) {
            event.preventDefault();
            // A name that is contained in others is not one of them.
            const wanted = search.value.trim();
            const exact = chat.conversations().find((head) => head.name === wanted);
            if (exact) {
                app.go(exact.key);
                clear();
            } else {
                node.querySelector('button.begin').click();
            }
        } else if (event.key === 'Escape' && search.value) {
            event.preventDefault();
            event.stopPropagation();
            clear();
        }
    }

    function keys(event) {
        if (event.isComposing) {
            return;
        }
        if (event.target === search && event.key === 'ArrowDown') {
            event.preventDefault();
            node.querySelector('.row')?.focus();
        } else if (event.target !== search) {
            const first = node.querySelector('.row') === document.activeElement;
            if (first && event.key === 'ArrowUp') {
                event.preventDefault();
                search.focus();
            } else if (document.activeElement?.closest('.row')) {
                arrows(event, node, '.row');
            }
        }
    }

    update();
    return { node, update, focus: () => { search.focus(); search.select(); } };
}

// The second line of a row: who types, the draft, or the last message.
function preview(head) {
    const { last } = head;
    if (head.typing.length) {
        return el('span', { class: 'row-text typing', dir: 'auto' }, head.groupid ? t('typing.name', { name: head.typing[0] }) : t('typing'));
    }
    if (head.invited) {
        return el('span', { class: 'row-text strong' }, t('list.invited'));
    }
    if (head.draft) {
        return el('span', { class: 'row-text' }, el('span', { class: 'draft' }, t('list.draft'), ' '), bdi(head.draft.slice(0, 200)));
    }
    if (!last) {
        return el('span', { class: 'row-text' }, head.blocked ? t('blocked') : '');
    }
    if (last.kind === 'event') {
        return el('span', { class: 'row-text' }, eventText(last));
    }
    const text = noText(last) ? el('i', {}, noText(last)) : bdi(last.text.slice(0, 200));
    const who = last.own ? t('list.you') : head.groupid ? [bdi(last.name), ':'] : null;
    return el('span', { class: `row-text ${head.unread ? 'strong' : ''}` }, last.state === 'failed' ? icon('failed') : null, who ? [who, ' '] : null, text);
}
