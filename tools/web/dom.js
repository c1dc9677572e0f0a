// SPDX-License-Identifier: MIT
// Makes elements of the page. Text becomes text nodes only: nothing that a person wrote is ever read as markup.

const svgNamespace = 'http://www.w3.org/2000/svg';

// el('button', {class: 'primary', onclick: fn, 'aria-label': 'Send'}, 'text', child, [children], null)
export function el(tag, props, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(props ?? {})) {
        if (name.startsWith('on')) {
            node.addEventListener(name.slice(2), value);
        } else if (name in domProperties) {
            node[name] = value;
        } else if (value === true) {
            node.setAttribute(name, '');
        } else if (value !== false && value !== null && value !== undefined) {
            node.setAttribute(name, value);
        }
    }
    append(node, children);
    return node;
}

const domProperties = { value: 1, checked: 1, disabled: 1, hidden: 1, tabIndex: 1 };

function append(node, children) {
    for (const child of children) {
        if (Array.isArray(child)) {
            append(node, child);
        } else if (child !== null && child !== undefined && child !== false) {
            node.append(child);
        }
    }
}

export function fill(node, ...children) {
    node.replaceChildren();
    append(node, children);
    return node;
}

const paths = {
    send: 'M4 12 3 4l18 8-18 8 1-8Zm0 0h8',
    back: 'M15 5l-7 7 7 7',
    close: 'M6 6l12 12M18 6 6 18',
    plus: 'M12 5v14M5 12h14',
    more: 'M5 12h.01M12 12h.01M19 12h.01',
    info: 'M12 11v6M12 7.5v.01M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18Z',
    settings: 'M4 7h9M19 7h1M4 17h1M11 17h9M16 4.5a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5ZM8 14.5a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5Z',
    search: 'M11 4a7 7 0 1 1 0 14 7 7 0 0 1 0-14ZM16 16l4.5 4.5',
    down: 'M6 10l6 6 6-6',
    group: 'M9 5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7ZM2.5 19c.6-3.2 3-5 6.5-5s5.9 1.8 6.5 5M16 5.3a3.3 3.3 0 0 1 0 6.4M18 14.4c2 .7 3.2 2.3 3.5 4.6',
    sending: 'M12 7.5V12l3 2M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16Z',
    stored: 'M5 12.5l4.5 4.5L19 7.5',
    read: 'M1.5 12.5 6 17l9-9.5M10 15.5l1.5 1.5 10-9.5',
    failed: 'M12 7v6M12 16.5v.01M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18Z',
    quiet: 'M6.3 6.8C5.5 8 5.5 9 5.5 11c0 3-1 4-2 5.5h13M9 4.3A6 6 0 0 1 18 9.5c0 2 .2 3.5.8 4.7M10 19.5a2.2 2.2 0 0 0 4 0M4 3l17 18',
    blocked: 'M5.6 5.6l12.8 12.8M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18Z',
    reply: 'M9 6 4 11l5 5M4 11h9c4 0 7 2.5 7 7',
    edit: 'M4 20l1-4.5L16 4.5l3.5 3.5L8.5 19 4 20Z',
    again: 'M4 7v5h5M4.5 12A8 8 0 1 1 7 17.5',
    recall: 'M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5',
    copy: 'M9 9h11v11H9zM5 15H4V4h11v1'
};

// A line drawing that screen readers pass over; the control around it has the name.
export function icon(name) {
    const svg = document.createElementNS(svgNamespace, 'svg');
    const path = document.createElementNS(svgNamespace, 'path');
    svg.setAttribute('viewBox', '0 0 24 24');
    svg.setAttribute('class', `icon icon-${name}`);
    svg.setAttribute('aria-hidden', 'true');
    path.setAttribute('d', paths[name]);
    svg.append(path);
    return svg;
}

// A button that shows a drawing only; `label` is its name for screen readers and its tip.
export function iconButton(name, label, onclick, props) {
    return el('button', { type: 'button', class: 'icon-button', 'aria-label': label, title: label, onclick, ...props }, icon(name));
}

const linksMost = 100; // in one text: each is an element, and a stranger may send thousands

// Text of a person with its links. Only http and https become links; what follows a link as a full stop does not belong to it.
export function linked(text) {
    const parts = [];
    let from = 0;
    for (const found of text.matchAll(/https?:\/\/[^\s<>"'`\u0000-\u0020\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gi)) {
        const address = withoutEnd(found[0]);
        if (!isAddress(address)) {
            continue;
        }
        if (parts.length >= 2 * linksMost) {
            break;
        }
        parts.push(text.slice(from, found.index));
        parts.push(el('a', { href: address, target: '_blank', rel: 'noopener noreferrer' }, address));
        from = found.index + address.length;
    }
    parts.push(text.slice(from));
    return parts;
}

// Without what ends the sentence around it. Not by a regular expression: one that looks for an end takes the square of the length.
function withoutEnd(address) {
    const open = address.includes('(') ? '' : ')';
    let end = address.length;
    while (end && `.,;:!?\u3002\uff0c\uff01\uff1f${open}`.includes(address[end - 1])) {
        end--;
    }
    return address.slice(0, end);
}

function isAddress(text) {
    try {
        return /^https?:$/.test(new URL(text).protocol);
    } catch {
        return false;
    }
}

// Brings the children of `parent` to `items`, in order: key(item) names an element, mark(item) changes when it must be made anew.
// With patch(node, item) it is changed instead. Elements that stay are not touched, so focus, selection and scrolling stay.
export function arrange(parent, items, key, mark, make, patch) {
    const known = parent.arranged ?? new Map();
    const now = new Map();
    const focused = parent.contains(document.activeElement) ? document.activeElement.closest('[data-key]')?.dataset.key : undefined;
    let place = parent.firstChild;
    for (const item of items) {
        const name = key(item);
        const sign = mark(item);
        let entry = known.get(name);
        if (entry && entry.sign !== sign && patch) {
            patch(entry.node, item);
            entry.sign = sign;
        } else if (!entry || entry.sign !== sign) {
            const node = make(item);
            node.dataset.key = name;
            if (entry) {
                place = place === entry.node ? node : place;
                entry.node.replaceWith(node);
            }
            entry = { node, sign };
        }
        now.set(name, entry);
        known.delete(name);
        if (place === entry.node) {
            place = place.nextSibling;
        } else {
            parent.insertBefore(entry.node, place);
        }
    }
    for (const { node } of known.values()) {
        node.remove();
    }
    parent.arranged = now;
    if (focused !== undefined && !parent.contains(document.activeElement)) {
        const node = now.get(focused)?.node;
        (node?.matches('[tabindex]') ? node : node?.querySelector('[tabindex],a,button'))?.focus({ preventScroll: true });
    }
}
