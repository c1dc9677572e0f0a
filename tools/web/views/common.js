// SPDX-License-Identifier: MIT
// What all views share: avatars, names, menus, dialogs, short notices.
import { el, fill, icon, iconButton } from '../dom.js';
import { t, parts, date } from '../words.js';

const hues = 8;

export function hue(id) {
    return `hue-${Number(id) % hues}`;
}

function initials(name) {
    const found = name.split(/[\s_.-]+/).map((word) => word.match(/[\p{L}\p{N}]/u)?.[0]).filter(Boolean);
    const wide = found[0] && /[\u2e80-\u9fff\uac00-\ud7af]/.test(found[0]);
    return (found.length > 1 && !wide ? found[0] + found[found.length - 1] : found[0] ?? '#').toLocaleUpperCase();
}

// `head` has name and groupid or peer; a dot shows who is online.
export function avatar(head, size = '') {
    const id = head.groupid ?? head.peer ?? head.account;
    return el('span', { class: `avatar ${hue(id)} ${head.groupid ? 'group' : ''} ${size}`, 'aria-hidden': 'true' },
        initials(head.name ?? ''), head.online && !head.blocked ? el('i', { class: 'dot' }) : null);
}

// A screen that is touched: its keyboard comes up with the focus of a field, covers half of it, and has Enter for new lines.
export function isTouched() {
    return matchMedia('(pointer: coarse)').matches;
}

export function bdi(text, name) {
    return el('bdi', { class: name }, text);
}

export function errorText(error) {
    if (!error?.key) {
        console.error(error);
    }
    const values = { ...error?.values };
    if (typeof values.until === 'number') {
        values.until = date('full', values.until);
    }
    return t(error?.key ?? 'error.refused', values);
}

// A short notice that goes by itself; screen readers say it.
export function toast(text) {
    const node = el('div', { class: 'toast', role: 'status' }, text);
    const place = document.querySelector('dialog[open] .toasts') ?? document.getElementById('toasts');
    place.append(node);
    setTimeout(() => node.remove(), 3000 + 50 * text.length);
}

// Waits for an action; a refusal becomes a notice. Gives undefined then.
export async function attempt(promise) {
    try {
        return (await promise) ?? true;
    } catch (error) {
        toast(errorText(error));
        return undefined;
    }
}

// Runs `action` when the form is sent, locks it meanwhile and shows a refusal in it.
export function form(props, action, ...children) {
    const problem = el('p', { class: 'problem', role: 'alert' });
    const node = el('form', { novalidate: true, ...props, onsubmit: submit }, children, problem);
    async function submit(event) {
        event.preventDefault();
        const buttons = [...node.querySelectorAll('button')];
        fill(problem);
        buttons.forEach((button) => (button.disabled = true));
        try {
            await action(event.submitter?.value ?? '', node);
        } catch (error) {
            problem.textContent = errorText(error);
        }
        buttons.forEach((button) => (button.disabled = false));
    }
    return node;
}

let fields = 0;

// A labelled field; `field.input` is its input.
export function field(label, props, hint) {
    const id = `field-${++fields}`;
    const input = el(props.rows ? 'textarea' : 'input', { id, class: 'input', dir: 'auto', 'aria-describedby': hint ? `${id}-hint` : null, ...props });
    const node = el('div', { class: 'field' }, el('label', { for: id }, label), input, hint ? el('p', { class: 'hint', id: `${id}-hint` }, hint) : null);
    node.input = input;
    return node;
}

export function choice(label, options, value, onchange) {
    const id = `field-${++fields}`;
    const select = el('select', { id, class: 'input', onchange: () => onchange(select.value) },
        options.map(([key, text]) => el('option', { value: key, selected: key === value }, text)));
    return el('div', { class: 'field line' }, el('label', { for: id }, label), select);
}

export function toggle(label, checked, onchange, hint) {
    const box = el('input', { type: 'checkbox', class: 'switch', role: 'switch', checked, onchange: () => onchange(box.checked, box) });
    return el('label', { class: 'field line toggle' }, el('span', {}, label, hint ? el('small', { class: 'hint' }, hint) : null), box);
}

export function button(text, onclick, look = '', props) {
    return el('button', { type: 'button', class: `button ${look}`, onclick, ...props }, text);
}

// A window over the page. The browser keeps the focus in it and gives it back.
export function dialog(title, ...children) {
    const node = el('dialog', { class: 'dialog', 'aria-label': title, onclose: () => node.remove(), onclick: outside },
        el('header', { class: 'bar' }, el('h2', {}, title), iconButton('close', t('close'), () => node.close())),
        el('div', { class: 'dialog-body' }, children), el('div', { class: 'toasts' }));
    function outside(event) {
        if (event.target === node) {
            node.close();
        }
    }
    document.body.append(node);
    node.showModal();
    return node;
}

// Asks before what cannot be undone; gives true or false.
export function confirm(title, text, yes) {
    return new Promise((resolve) => {
        let answer = false;
        const node = dialog(title, el('p', {}, text), el('div', { class: 'buttons' }, button(t('cancel'), () => node.close()),
            button(yes, () => { answer = true; node.close(); }, 'danger')));
        node.addEventListener('close', () => resolve(answer));
        node.querySelector('.buttons button').focus();
    });
}

// items: [text, icon or null, action, look]. The menu stands at `anchor` and gives the focus back to it.
export function menu(anchor, label, items, at) {
    const node = el('div', { class: 'menu', role: 'menu', 'aria-label': label, onkeydown: keys },
        items.map(([text, sign, action, look]) => el('button', { type: 'button', role: 'menuitem', tabIndex: -1, class: look ?? '',
            onclick: () => { close(); action(); } }, sign ? icon(sign) : null, text)));
    (anchor.closest('dialog,main,aside,nav') ?? document.body).append(node);
    anchor.setAttribute('aria-expanded', 'true');
    const place = at ?? anchor.getBoundingClientRect();
    const size = node.getBoundingClientRect();
    const left = Math.min(place.left, innerWidth - size.width - 8);
    const below = place.bottom + 4 + size.height <= innerHeight - 8;
    node.style.left = `${Math.max(8, left)}px`;
    node.style.top = `${Math.max(8, below ? place.bottom + 4 : place.top - size.height - 4)}px`;
    const buttons = [...node.children];
    buttons[0].focus({ preventScroll: true });
    function close() {
        node.remove();
        anchor.removeAttribute('aria-expanded');
        removeEventListener('pointerdown', outside, true);
        removeEventListener('resize', close);
        if (anchor.isConnected) {
            anchor.focus({ preventScroll: true });
        }
    }
    function outside(event) {
        if (!node.contains(event.target)) {
            close();
        }
    }
    function keys(event) {
        const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
        const now = buttons.indexOf(document.activeElement);
        if (step) {
            buttons[(now + step + buttons.length) % buttons.length].focus();
        } else if (event.key === 'Home' || event.key === 'End') {
            buttons[event.key === 'Home' ? 0 : buttons.length - 1].focus();
        } else if (event.key === 'Escape' || event.key === 'Tab') {
            close();
        } else {
            return;
        }
        event.preventDefault();
        event.stopPropagation();
    }
    addEventListener('pointerdown', outside, true);
    addEventListener('resize', close);
    return close;
}

// Moves the focus among `selector` in `root` by the arrow keys; true if the key was one of them.
export function arrows(event, root, selector) {
    const all = [...root.querySelectorAll(selector)];
    const now = all.indexOf(document.activeElement?.closest(selector));
    const to = { ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined || !all[to]) {
        return false;
    }
    event.preventDefault();
    all[to].focus();
    all[to].scrollIntoView({ block: 'nearest' });
    return true;
}

// What happened in a group, in one sentence whose names are marked as names.
export function eventParts(message) {
    const { what, whoName, whomName, byOperator, values } = message.event;
    return parts(`event.${what}`, { ...values, who: byOperator ? t('event.operator') : bdi(whoName ?? message.name ?? ''), whom: bdi(whomName ?? ''),
        name: bdi(values?.name ?? ''), desc: bdi(values?.desc ?? '') });
}

export function eventText(message) {
    return eventParts(message).map((part) => part.textContent ?? part).join('');
}

// What stands in place of the text of a message that was recalled, or whose account was erased; '' where there is a text.
export function noText(message) {
    return message.recalled ? t('message.recalled') : message.text || message.quote ? '' : t('message.empty');
}
