// SPDX-License-Identifier: MIT
// The field in which one writes: drafts, replies, edits, and the keys that send.
import { el, fill, iconButton } from '../dom.js';
import { t } from '../words.js';
import { bdi, attempt, errorText, isTouched, toast } from './common.js';

const longest = 15000; // characters; a frame of 64 KiB holds them in any script

export function composerView(app, key, sent) {
    const { chat } = app;
    let mode = null; // {edit: message} or {reply: message}
    let kept = '';   // the draft while a message is edited
    const bar = el('div', { class: 'composer-bar', hidden: true });
    const area = el('textarea', { class: 'composer-text', rows: 1, dir: 'auto', maxlength: longest, placeholder: t('composer.text'), 'aria-label': t('composer.text'),
        enterkeyhint: 'enter', oninput: typed, onkeydown: keys });
    const sendButton = iconButton('send', t('composer.send'), send, { class: 'icon-button send' });
    const node = el('div', { class: 'composer' }, bar, el('div', { class: 'composer-row' }, area, sendButton));
    area.value = chat.conversation(key)?.draft ?? '';

    function grow() {
        area.style.height = 'auto';
        area.style.height = `${area.scrollHeight + 2}px`;
        sendButton.disabled = !area.value.trim();
    }

    function typed() {
        grow();
        if (!mode?.edit) {
            chat.setDraft(key, area.value);
        }
        if (area.value.trim()) {
            chat.typing(key);
        }
    }

    function keys(event) {
        // Enter that ends the input of Chinese characters belongs to the input method; Safari tells it by 229 only.
        if (event.isComposing || event.keyCode === 229) {
            return;
        }
        if (event.key === 'Enter' && !event.shiftKey && !event.altKey && (event.ctrlKey || event.metaKey || !isTouched())) {
            event.preventDefault();
            send();
        } else if (event.key === 'Escape' && mode) {
            event.preventDefault();
            event.stopPropagation();
            leave();
        } else if (event.key === 'ArrowUp' && !area.value && !mode) {
            const last = chat.messages(key).slice(-200).reverse().find((message) => message.own && chat.canEdit(key, message));
            if (last) {
                event.preventDefault();
                edit(last);
            }
        }
    }

    async function send() {
        const text = area.value.trim();
        const now = mode;
        if (!text) {
            area.focus();
            return;
        }
        leave(now?.edit ? kept : '');
        if (!now?.edit) {
            chat.setDraft(key, '');
        }
        area.focus();
        if (now?.edit) {
            if (text !== now.edit.text && !(await attempt(chat.edit(key, now.edit.id, text)))) {
                edit(now.edit, text);
            }
        } else {
            // A refusal is shown at the message itself, with a button that sends it again.
            chat.send(key, text, now?.reply ? { quote: now.reply } : {}).catch((error) => error.unsent && giveBack(text, error));
            sent();
        }
    }

    function giveBack(text, error) {
        toast(errorText(error));
        if (!area.value && !mode) {
            area.value = text;
            typed();
        }
    }

    function show(title, name, text) {
        fill(bar, el('div', { class: 'composer-what' }, el('strong', {}, title, name ? [' ', bdi(name)] : null), el('span', { dir: 'auto' }, text.slice(0, 200))),
            iconButton('close', t('cancel'), () => { leave(); area.focus(); }));
        bar.hidden = false;
    }

    function reply(message) {
        leave();
        mode = { reply: message };
        show(t('composer.reply'), message.own ? t('you') : message.name, message.text);
        area.focus();
    }

    function edit(message, text = message.text) {
        if (!mode?.edit) {
            kept = area.value;
        }
        mode = { edit: message };
        show(t('composer.edit'), '', message.text);
        area.value = text;
        grow();
        area.focus();
        area.setSelectionRange(text.length, text.length);
    }

    // Ends a reply or an edit; an edit gives back the draft.
    function leave(text = mode?.edit ? kept : area.value) {
        mode = null;
        bar.hidden = true;
        area.value = text;
        grow();
    }

    return { node, reply, edit, focus: () => area.focus(), shown: grow };
}
