// SPDX-License-Identifier: MIT
// The open conversation: its head, its messages and the field to write in.
import { el, fill, iconButton } from '../dom.js';
import { t, date } from '../words.js';
import { avatar, bdi, button, attempt, eventText, isTouched } from './common.js';
import { logView } from './log.js';
import { composerView } from './composer.js';

export function conversationView(app, key) {
    const { chat } = app;
    const header = el('header', { class: 'bar' });
    const foot = el('div', { class: 'foot' });
    const composer = composerView(app, key, () => log.toNewest());
    const log = logView(app, key, { reply: composer.reply, edit: composer.edit, done: () => isTouched() || composer.focus() });
    const title = el('h2', { tabIndex: -1 });
    const subtitle = el('p', { class: 'subtitle' });
    const face = el('span', { class: 'face' });
    const about = el('button', { type: 'button', class: 'about', onclick: () => app.toggleDetails() }, face, el('span', { class: 'about-text' }, title, subtitle));
    const node = el('main', { class: 'pane', 'aria-label': t('conversation') }, header, log.node, foot);
    let footIs = '';
    fill(header, iconButton('back', t('back'), () => app.back(), { class: 'icon-button only-phone' }), about, iconButton('info', t('details'), () => app.toggleDetails()));

    function update() {
        const head = chat.conversation(key) ?? { name: '', typing: [] };
        fill(face, avatar(head));
        fill(title, bdi(head.name));
        fill(subtitle, status(head));
        const kind = footKind(head);
        const sign = JSON.stringify([kind, head.muted, head.mutedAll]);
        if (sign !== footIs) {
            const had = foot.contains(document.activeElement);
            footIs = sign;
            fill(foot, kind === 'write' ? composer.node : stop(kind, head));
            if (kind === 'write') {
                composer.shown();
                if (had) {
                    composer.focus();
                }
            }
        }
        log.state();
    }

    function footKind(head) {
        const muted = Math.max(head.muted ?? 0, head.role === 'normal' ? head.mutedAll ?? 0 : 0);
        return head.invited ? 'invited' : head.gone ? 'gone' : head.blocked ? 'blocked' : muted > Date.now() ? 'muted' : 'write';
    }

    function stop(kind, head) {
        const until = Math.max(head.muted ?? 0, head.mutedAll ?? 0);
        const text = { invited: () => t('foot.invited'), gone: () => t('foot.gone'), blocked: () => t('foot.blocked'),
            muted: () => (until > Date.now() + 5 * 365 * 864e5 ? t('foot.mutedAlways') : t('foot.muted', { until: date('full', until) })) }[kind]();
        return el('div', { class: 'stop' }, el('p', {}, text),
            kind === 'invited' ? [button(t('decline'), () => leave()), button(t('join'), () => attempt(chat.join(head.groupid)), 'primary')] : null,
            kind === 'gone' ? button(t('foot.remove'), () => leave()) : null,
            kind === 'blocked' ? button(t('unblock'), () => attempt(chat.setContact(head.peer, { blocked: false }))) : null);
    }

    // Of an invitation: declines it; of a group that one is no longer in: forgets it.
    async function leave() {
        await attempt(chat.leave(key));
    }

    function messages(change) {
        log.changed(change);
        // What comes live is said once, by a region of its own: the log itself is never read again.
        if (change.changed.some((message) => message.recalled)) {
            app.say('');
        }
        for (const message of change.live.slice(-3)) {
            if (!message.own && !message.recalled && !document.hidden) {
                app.say(message.kind === 'event' ? eventText(message) : `${message.name}: ${message.text.slice(0, 300)}`);
            }
        }
    }

    async function start() {
        const opened = chat.open(key);
        update();
        log.start(false);
        if (!isTouched() && composer.node.isConnected) {
            composer.focus();
        } else {
            title.focus({ preventScroll: true });
        }
        await attempt(opened);
        if (node.isConnected) {
            update();
            log.start(true);
        }
    }

    return { node, key, update, messages, start, log, composer, stop: () => { log.stop(); chat.close?.(key); } };
}

function status(head) {
    if (head.typing.length) {
        return el('span', { class: 'typing' }, head.groupid ? t('typing.name', { name: head.typing[0] }) : t('typing'));
    }
    if (head.groupid) {
        return head.invited || head.gone ? '' : t('members.count', { n: head.members });
    }
    // Of who is no contact, nobody tells when they go and come.
    return head.blocked ? t('blocked') : head.online ? t('online') : head.friend ? t('offline') : t('account', { id: String(head.peer) });
}

export function noConversationView() {
    return { node: el('main', { class: 'pane none' }, el('p', {}, t('conversation.none')), el('p', { class: 'hint' }, t('conversation.keys'))) };
}
