// SPDX-License-Identifier: MIT
// Language, look and notifications of this device; the account's devices and password; logging out.
import { el, fill } from '../dom.js';
import { t, date, languages, chosenLanguage } from '../words.js';
import { avatar, bdi, button, dialog, field, form, toggle, choice, attempt, confirm, toast } from './common.js';

export function settingsDialog(app) {
    const { chat } = app;
    const devices = el('ul', { class: 'members', role: 'list' });
    const old = field(t('password.old'), { type: 'password', autocomplete: 'current-password' });
    const fresh = field(t('password.new'), { type: 'password', autocomplete: 'new-password' });
    const node = dialog(t('settings.title'),
        el('div', { class: 'face-line' }, avatar({ name: chat.me.name, account: chat.me.account }), el('div', {}, el('h3', {}, bdi(chat.me.name)),
            el('p', { class: 'dim' }, t('account', { id: String(chat.me.account) })))),
        el('section', { class: 'card' },
            choice(t('settings.language'), Object.entries(languages), chosenLanguage(chat.setting('language')), (value) => chat.setSetting('language', value)),
            choice(t('settings.theme'), ['auto', 'light', 'dark'].map((theme) => [theme, t(`theme.${theme}`)]), chat.setting('theme') ?? 'auto', (value) => chat.setSetting('theme', value)),
            toggle(t('settings.notify'), Boolean(chat.setting('notify')), notify, t('settings.notifyHint')),
            toggle(t('settings.showRead'), chat.setting('showRead') !== false, (on) => chat.setSetting('showRead', on), t('settings.showReadHint'))),
        el('details', { class: 'card fold', ontoggle: (event) => event.target.open && load() }, el('summary', {}, t('devices')), devices),
        el('details', { class: 'card fold' }, el('summary', {}, t('password.title')), form({}, async (what, view) => {
            if (!fresh.input.value) {
                fresh.input.focus();
                throw { key: 'error.empty' };
            }
            await chat.setPassword(old.input.value, fresh.input.value);
            view.reset();
            toast(t('password.done'));
        }, el('input', { type: 'text', autocomplete: 'username', value: chat.me.name, hidden: true }), old, fresh, el('p', { class: 'hint' }, t('password.hint')),
        el('button', { type: 'submit', class: 'button primary' }, t('password.do')))),
        button(t('logout'), async () => {
            if (await confirm(t('logout'), t('logout.ask'), t('logout'))) {
                node.close();
                await attempt(chat.logout());
            }
        }, 'danger wide'));

    async function notify(on, box) {
        if (on && (!('Notification' in window) || (await Notification.requestPermission()) !== 'granted')) {
            box.checked = false;
            toast(t('settings.notifyRefused'));
            return;
        }
        chat.setSetting('notify', on);
    }

    async function load() {
        const all = await attempt(chat.devices());
        if (Array.isArray(all)) {
            fill(devices, all.map((device) => el('li', { class: 'split device' }, el('span', {}, el('strong', {}, device.own ? t('devices.this') : device.device ? t('devices.other', { id: device.device.slice(0, 6) }) : t('devices.plain')),
                el('small', { class: 'hint' }, device.online ? t('online') : device.seen ? t('devices.seen', { date: date('full', device.seen) }) : t('offline'))),
            device.own ? null : button(t('devices.end'), () => attempt(chat.endDevice(device.device)).then(load), 'small'))));
        }
    }
    return node;
}
