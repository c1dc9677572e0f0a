// SPDX-License-Identifier: MIT
// Begins conversations: by a person's name, from the contacts, as a new group, or in a group that exists.
import { el, fill } from '../dom.js';
import { t } from '../words.js';
import { avatar, bdi, button, dialog, field, form, attempt, arrows, menu } from './common.js';

export function newDialog(app) {
    const { chat } = app;
    const name = field(t('new.name'), { maxlength: 50, autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false' }, t('new.nameHint'));
    const contacts = el('ul', { class: 'members', role: 'list', onkeydown: (event) => arrows(event, contacts, 'button.member') });
    const groupName = field(t('group.name'), { maxlength: 50 });
    const groupDesc = field(t('group.desc'), { maxlength: 200 });
    const number = field(t('new.number'), { inputmode: 'numeric', maxlength: 16, autocomplete: 'off' }, t('new.numberHint'));
    const node = dialog(t('new.title'),
        form({ class: 'inline' }, async () => {
            const wanted = name.input.value.trim();
            if (wanted) {
                const found = await chat.find(wanted);
                await talk(found);
            }
        }, name, el('button', { type: 'submit', class: 'button primary' }, t('new.open'))),
        el('details', { class: 'card fold' }, el('summary', {}, t('new.group')), form({}, async () => {
            if (groupName.input.value.trim()) {
                open(await chat.createGroup(groupName.input.value.trim(), groupDesc.input.value.trim()));
            } else {
                groupName.input.focus();
            }
        }, groupName, groupDesc, el('button', { type: 'submit', class: 'button primary' }, t('new.groupDo')))),
        el('details', { class: 'card fold' }, el('summary', {}, t('new.join')), form({ class: 'inline' }, async () => {
            if (/^[0-9]+$/.test(number.input.value.trim())) {
                open(await chat.join(Number(number.input.value.trim())));
            } else {
                throw { key: 'error.number' };
            }
        }, number, el('button', { type: 'submit', class: 'button' }, t('join')))),
        el('section', {}, el('h3', { class: 'label' }, t('contacts')), contacts));
    name.input.focus();

    function open(key) {
        node.close();
        app.go(key);
    }

    async function talk(person) {
        open(await chat.talk(person.account, person.name));
    }

    async function load() {
        const all = await attempt(chat.contacts());
        if (!Array.isArray(all)) {
            return;
        }
        fill(contacts, all.length ? all.map((person) => el('li', { class: 'split' }, el('button', { type: 'button', class: 'member', onclick: () => talk(person) },
            avatar(person, 'small'), bdi(person.name, 'row-name'), person.online ? el('span', { class: 'hidden-text' }, t('online')) : null,
            person.blocked ? el('span', { class: 'role' }, t('blocked')) : !person.friend ? el('span', { class: 'role' }, t('contacts.lists')) : null),
        button('⋯', (event) => act(person, event.currentTarget), 'small', { 'aria-label': t('contacts.menu', { name: person.name }), 'aria-haspopup': 'menu' }))) :
            el('li', { class: 'dim' }, t('contacts.none')));
    }

    function act(person, anchor) {
        const set = (values) => attempt(chat.setContact(person.account, values)).then(load);
        menu(anchor, person.name, [
            [person.friend ? t('contacts.remove') : t('contacts.add'), null, () => set({ friend: !person.friend })],
            [person.blocked ? t('unblock') : t('block'), null, () => set({ blocked: !person.blocked }), person.blocked ? '' : 'danger']]);
    }

    load();
    const off = chat.on('people', load);
    node.addEventListener('close', off);
}
