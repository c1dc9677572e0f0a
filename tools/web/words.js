// SPDX-License-Identifier: MIT
// Gives the texts of the page in the chosen language, and dates and numbers as that language writes them.
import en from './words/en.js';

// One file per language: words/LANGUAGE.js. Its texts stand in for the English ones.
export const languages = { en: 'English', de: 'Deutsch', zh: '中文' };

let words = en;
let code = 'en';
let locale = 'en';
let plurals = new Intl.PluralRules('en');
let formats = {};

// The language that is shown for a setting: that one, or the first of the browser's that the page knows.
export function chosenLanguage(setting) {
    if (Object.hasOwn(languages, setting ?? '')) {
        return setting;
    }
    for (const wanted of navigator.languages ?? []) {
        const short = wanted.slice(0, 2).toLowerCase();
        if (Object.hasOwn(languages, short)) {
            return short;
        }
    }
    return 'en';
}

export async function useLanguage(setting) {
    const wanted = chosenLanguage(setting);
    try {
        words = wanted === 'en' ? en : { ...en, ...(await import(`./words/${wanted}.js`)).default };
        code = wanted;
    } catch {
        words = en;
        code = 'en';
    }
    plurals = new Intl.PluralRules(code);
    formats = {};
    // The browser's own kind of the language writes dates: 14:30 in British English.
    locale = navigator.languages?.find((wanted) => wanted.toLowerCase().startsWith(code)) ?? code;
    document.documentElement.lang = code;
}

// The text of `key` as an array of strings and what stands for {name} in it: strings or elements.
export function parts(key, values = {}) {
    let text = Object.hasOwn(words, key) ? words[key] : key;
    if (typeof text === 'object') {
        text = text[plurals.select(values.n)] ?? text.other;
    }
    return text.split(/\{(\w+)\}/).map((part, i) => (i % 2 ? values[part] ?? '' : part));
}

export function t(key, values) {
    return parts(key, values).map((part) => (typeof part === 'number' ? number(part) : isolated(part))).join('');
}

// A name that turns the direction of writing must not turn the words around it.
function isolated(text) {
    return /[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufeff]/.test(text) ? `\u2068${text}\u2069` : text;
}

export function number(value) {
    return format('number', Intl.NumberFormat, {}).format(value);
}

function format(name, Maker, options) {
    formats[name] ??= new Maker(locale, options);
    return formats[name];
}

const dates = {
    time: { timeStyle: 'short' },
    weekday: { weekday: 'short' },
    near: { weekday: 'long', day: 'numeric', month: 'long' },
    far: { day: 'numeric', month: 'long', year: 'numeric' },
    short: { day: 'numeric', month: 'short' },
    shortFar: { day: '2-digit', month: '2-digit', year: '2-digit' },
    full: { dateStyle: 'full', timeStyle: 'short' }
};

// `name` is one of the keys of `dates`.
export function date(name, ts) {
    return format(name, Intl.DateTimeFormat, dates[name]).format(ts);
}

function daysAgo(ts) {
    const start = (time) => new Date(time).setHours(0, 0, 0, 0);
    return Math.round((start(Date.now()) - start(ts)) / 86400000);
}

export function dayKey(ts) {
    return new Date(ts).setHours(0, 0, 0, 0);
}

// A line between two days: "Today", "Monday, 3 March".
export function day(ts) {
    const ago = daysAgo(ts);
    if (ago === 0 || ago === 1) {
        const text = format('relative', Intl.RelativeTimeFormat, { numeric: 'auto' }).format(-ago, 'day');
        return text.charAt(0).toLocaleUpperCase(code) + text.slice(1);
    }
    return date(ago < 300 ? 'near' : 'far', ts);
}

// The time in the list of conversations, as short as can be.
export function shortDate(ts) {
    const ago = daysAgo(ts);
    return date(ago < 1 ? 'time' : ago < 7 ? 'weekday' : ago < 300 ? 'short' : 'shortFar', ts);
}
