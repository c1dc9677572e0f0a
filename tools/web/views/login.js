// SPDX-License-Identifier: MIT
// The first screen: logging in and making an account, in one form.
import { el, icon } from '../dom.js';
import { t } from '../words.js';
import { form, field, button } from './common.js';

export function loginView(app) {
    const { chat } = app;
    const name = field(t('login.name'), { name: 'username', autocomplete: 'username', autocapitalize: 'none', spellcheck: 'false', maxlength: 50, required: true });
    const password = field(t('login.password'), { name: 'password', type: 'password', autocomplete: 'current-password', required: true });
    // Shown when the server asks for it.
    const invite = field(t('login.invite'), { name: 'invite', autocomplete: 'off', autocapitalize: 'characters', spellcheck: 'false', maxlength: 50 });
    invite.hidden = true;
    const remember = el('input', { type: 'checkbox', checked: true });
    const node = form({ class: 'login' }, send,
        el('img', { src: 'icon.svg', alt: '', width: 56, height: 56 }),
        el('h1', {}, t('login.title')),
        el('p', { class: 'dim' }, t('login.text')),
        name, password, invite,
        el('label', { class: 'check' }, remember, t('login.remember')),
        el('button', { type: 'submit', class: 'button primary', value: 'login' }, t('login.in')),
        el('button', { type: 'submit', class: 'button', value: 'register' }, t('login.register')));
    // What is wrong stands between the fields and the buttons.
    const problem = node.querySelector('.problem');
    problem.id = 'login-problem';
    invite.after(problem);
    [name, password, invite].forEach(({ input }) => input.addEventListener('input', () => mark(input, false)));

    function mark(input, wrong) {
        if (wrong) {
            input.setAttribute('aria-invalid', 'true');
            input.setAttribute('aria-describedby', problem.id);
            input.focus();
        } else if (input.hasAttribute('aria-invalid')) {
            input.removeAttribute('aria-invalid');
            input.removeAttribute('aria-describedby');
            problem.textContent = '';
        }
    }

    async function send(what) {
        const empty = !name.input.value.trim() ? name : !password.input.value ? password : null;
        mark(name.input, empty === name);
        mark(password.input, empty === password);
        if (empty) {
            throw { key: 'error.empty' };
        }
        if (what === 'register') {
            await register();
        } else {
            await chat.login(name.input.value, password.input.value, { remember: remember.checked });
        }
    }

    async function register() {
        try {
            await chat.register(name.input.value, password.input.value, { remember: remember.checked, invite: invite.input.value.trim() });
        } catch (error) {
            if (['error.invite', 'error.inviteBad'].includes(error.key)) {
                invite.hidden = false;
                mark(invite.input, true);
            }
            throw error;
        }
    }
    if (chat.error) {
        problem.textContent = t(chat.error);
    }
    const place = el('main', { class: 'login-page' }, node);
    return { node: place, shown: () => name.input.focus() };
}

// Another tab of this browser has the session.
export function elsewhereView(app) {
    return { node: el('main', { class: 'login-page' }, el('div', { class: 'login' }, icon('info'), el('h1', {}, t('elsewhere.title')),
        el('p', { class: 'dim' }, t('elsewhere.text')), button(t('elsewhere.here'), () => app.chat.useHere(), 'primary'))) };
}
