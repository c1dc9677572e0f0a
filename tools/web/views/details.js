// SPDX-License-Identifier: MIT
// What one can know and do about a person or a group: contact, block, members, roles, invitations, leaving.
import { el, fill, iconButton, arrange } from '../dom.js';
import { t, date } from '../words.js';
import { avatar, bdi, button, toggle, field, form, menu, attempt, confirm, toast, arrows } from './common.js';

const forever = Date.UTC(2100, 0, 1);

export function detailsView(app, key) {
    const { chat } = app;
    const body = el('div', { class: 'details-body' });
    const node = el('aside', { class: 'details', 'aria-label': t('details') },
        el('header', { class: 'bar' }, el('h2', { tabIndex: -1 }, t('details')), iconButton('close', t('close'), () => app.toggleDetails())), body);
    const members = memberList(app, key);
    let was = '';

    function update() {
        const head = chat.conversation(key);
        if (!head) {
            return;
        }
        const sign = JSON.stringify([head.name, head.desc, head.role, head.members, head.online, head.friend, head.blocked, head.quiet, head.gone, head.invited, head.mutedAll]);
        // A form that is being filled in is left alone.
        if (sign !== was && !body.querySelector('form :focus')) {
            was = sign;
            fill(body, head.groupid ? group(head) : person(head));
        }
    }

    function face(head, line) {
        return el('div', { class: 'face-large' }, avatar(head, 'large'), el('h3', {}, bdi(head.name)), el('p', { class: 'dim' }, line));
    }

    function quiet(head) {
        return toggle(t('details.quiet'), head.quiet, (on) => chat.setQuiet(key, on), t('details.quietHint'));
    }

    function person(head) {
        const set = async (values) => {
            await attempt(chat.setContact(head.peer, values));
            was = '';
            update();
        };
        return [face(head, [head.blocked ? t('blocked') : head.online ? t('online') : head.friend ? t('offline') : '', head.friend || head.online || head.blocked ? ' · ' : '', t('account', { id: String(head.peer) })]),
            el('section', { class: 'card' }, quiet(head),
                toggle(t('details.friend'), head.friend, (on) => set({ friend: on }), t('details.friendHint')),
                toggle(t('details.block'), head.blocked, (on) => set({ blocked: on }), t('details.blockHint')))];
    }

    function group(head) {
        const leads = head.role === 'creator' || head.role === 'admin';
        return [face(head, [t('members.count', { n: head.members }), ' · ', t('group.number', { id: String(head.groupid) })]),
            head.desc ? el('p', { class: 'desc', dir: 'auto' }, head.desc) : null,
            el('section', { class: 'card' }, quiet(head)),
            head.gone || head.invited ? null : [
                leads ? settings(head) : null,
                invite(),
                members.node,
                button(t('group.leave'), () => leave(head), 'danger wide')]];
    }

    function settings(head) {
        const name = field(t('group.name'), { value: head.name, maxlength: 50 });
        const desc = field(t('group.desc'), { value: head.desc ?? '', maxlength: 200, rows: 2 });
        const set = async (values) => (await attempt(chat.setGroup(key, values))) && toast(t('saved'));
        return el('details', { class: 'card fold' }, el('summary', {}, t('group.edit')),
            form({}, async () => {
                await chat.setGroup(key, { name: name.input.value.trim(), desc: desc.input.value.trim() });
                toast(t('saved'));
            }, name, desc, el('button', { type: 'submit', class: 'button primary' }, t('save'))),
            // Nothing tells how the group is set now, so these are things to do, and the log says that it was done.
            acts([['group.joinOpen', { join: 'open' }], ['group.joinInvite', { join: 'invite' }],
                ['group.historyAll', { history: 'all' }], ['group.historyJoined', { history: 'joined' }]], set),
            toggle(t('group.muteAll'), head.mutedAll > Date.now(), (on) => attempt(chat.mute(key, 0, on ? forever : 0))));
    }

    function acts(all, set) {
        return el('div', { class: 'acts' }, all.map(([word, values]) => el('button', { type: 'button', class: 'act', onclick: () => set(values) }, t(word))));
    }

    function invite() {
        const name = field(t('group.invite'), { maxlength: 50, autocomplete: 'off', autocapitalize: 'none', placeholder: t('login.name') });
        return form({ class: 'card inline' }, async () => {
            if (name.input.value.trim()) {
                const found = await chat.find(name.input.value.trim());
                await chat.invite(key, found.account);
                name.input.value = '';
                toast(t('group.invited', { name: found.name }));
            }
        }, name, el('button', { type: 'submit', class: 'button' }, t('group.inviteDo')));
    }

    async function leave(head) {
        if (await confirm(t('group.leave'), t(head.role === 'creator' && head.members > 1 ? 'group.leaveCreator' : 'group.leaveAsk', { name: head.name }), t('group.leave'))) {
            await attempt(chat.leave(key));
        }
    }

    update();
    return { node, key, update, messages: members.changed, focus: () => node.querySelector('h2').focus() };
}

function memberList(app, key) {
    const { chat } = app;
    const list = el('ul', { class: 'members', role: 'list', onkeydown: (event) => arrows(event, list, 'button.member') });
    const more = button(t('members.more'), () => load(), 'wide', { hidden: true });
    const node = el('section', {}, el('h3', { class: 'label' }, t('members')), list, more);
    let all = [];
    let next = null;
    let begun = false;

    async function load(again) {
        const page = await attempt(chat.members(key, again ? undefined : next ?? undefined));
        if (page) {
            all = again ? page.members : all.concat(page.members);
            next = page.next;
            more.hidden = !next;
            draw();
        }
    }

    function draw() {
        arrange(list, all, (member) => String(member.account), (member) => JSON.stringify(member), (member) => el('li', {}, el('button', { type: 'button', class: 'member',
            'aria-haspopup': 'menu', onclick: (event) => act(member, event.currentTarget) }, avatar(member, 'small'), bdi(member.name, 'row-name'),
            member.account === chat.me?.account ? el('span', { class: 'dim' }, `(${t('you')})`) : null,
            member.online ? el('span', { class: 'hidden-text' }, t('online')) : null,
            member.role !== 'normal' ? el('span', { class: 'role' }, t(`role.${member.role}`)) : null)));
    }

    function act(member, anchor) {
        const head = chat.conversation(key);
        const own = member.account === chat.me?.account;
        const ranks = { normal: 0, admin: 1, creator: 2 };
        const above = ranks[head.role] > ranks[member.role] && head.role !== 'normal';
        const items = [];
        const done = (promise) => attempt(promise).then((ok) => ok && load(true));
        if (!own) {
            items.push([t('members.write'), null, async () => app.go(await chat.talk(member.account, member.name))]);
        }
        if (head.role === 'creator' && !own) {
            items.push(member.role === 'admin' ? [t('members.normal'), null, () => done(chat.setRole(key, member.account, 'normal'))] :
                [t('members.admin'), null, () => done(chat.setRole(key, member.account, 'admin'))]);
            items.push([t('members.creator'), null, async () => (await confirm(t('members.creator'), t('members.creatorAsk', { name: member.name }), t('members.creator'))) &&
                done(chat.setRole(key, member.account, 'creator'))]);
        }
        if (above && !own) {
            items.push([t('members.mute'), null, () => done(chat.mute(key, member.account, Date.now() + 3600e3))],
                [t('members.unmute'), null, () => done(chat.mute(key, member.account, 0))],
                [t('members.remove'), null, async () => (await confirm(t('members.remove'), t('members.removeAsk', { name: member.name }), t('members.remove'))) &&
                    done(chat.remove(key, member.account, false)), 'danger'],
                [t('members.ban'), null, async () => (await confirm(t('members.ban'), t('members.banAsk', { name: member.name }), t('members.ban'))) &&
                    done(chat.remove(key, member.account, true)), 'danger']);
        }
        if (items.length) {
            menu(anchor, member.name, items);
        } else {
            toast(t('members.since', { name: member.name, date: date('far', member.joined) }));
        }
    }

    // Members change by entries of the group's log.
    function changed(change) {
        if ((change.added ?? []).some((message) => message.kind === 'event')) {
            load(true);
        }
    }

    const seen = new IntersectionObserver(() => {
        if (!begun && node.isConnected) {
            begun = true;
            seen.disconnect();
            load(true);
        }
    });
    seen.observe(node);
    return { node, changed };
}
