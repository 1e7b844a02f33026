/* format: times, durations and numbers as people read them; and what others wrote, made harmless to look at. */

const DAY_S = 86400;
const HOUR_S = 3600;
const MINUTE_S = 60;
const HOSTILE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff]/g;
const HOSTILE_IN_LINE = /[\t\n]+/g;

/* Characters that can't be seen, or turn others around, as \uXXXX: a name can't pretend to be another. */
export function plain(text) {
    return text === null || text === undefined
        ? ""
        : text.replace(HOSTILE, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

export function line(text) {
    return plain(text).replace(HOSTILE_IN_LINE, " ");
}

/* Unix milliseconds of "2026-11-22T18:05:00.123456Z"; NaN of null. */
export function ms(time) {
    return time === null || time === undefined ? NaN : Date.parse(time);
}

/* "0.4 s", "12 s", "3 min 5 s", "2 h 10 min", "4 d 1 h". "" of NaN. */
export function duration(seconds) {
    if (!Number.isFinite(seconds))
        return "";
    if (seconds < 0)
        seconds = 0;
    if (seconds < 0.0995)
        return `${Math.round(seconds * 1000)} ms`;
    if (seconds < 9.95)
        return `${seconds.toFixed(1)} s`;
    const whole = Math.round(seconds);
    if (whole < MINUTE_S)
        return `${whole} s`;
    if (whole < HOUR_S)
        return pair(whole, MINUTE_S, "min", 1, "s");
    if (whole < DAY_S)
        return pair(whole, HOUR_S, "h", MINUTE_S, "min");
    return pair(whole, DAY_S, "d", HOUR_S, "h");
}

function pair(whole, large, largeName, small, smallName) {
    const rest = Math.floor((whole % large) / small);
    return `${Math.floor(whole / large)} ${largeName}${rest > 0 ? ` ${rest} ${smallName}` : ""}`;
}

/* For columns that tick: whole seconds. */
export function age(seconds) {
    return seconds < 10 ? `${Math.floor(Math.max(seconds, 0))} s` : duration(seconds);
}

const clock = new Intl.DateTimeFormat("en-GB", {hour: "2-digit", minute: "2-digit", second: "2-digit"});
const dated = new Intl.DateTimeFormat("en-GB", {
    day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit"});

/* In the reader's zone: the hour alone if it is within a day of now. */
export function time(at, nowMs) {
    if (!Number.isFinite(at))
        return "";
    return Math.abs(nowMs - at) < DAY_S * 1000 / 2 ? clock.format(at) : dated.format(at);
}

export function number(value, digits = 0) {
    return value === null || value === undefined || !Number.isFinite(value)
        ? "–"
        : value.toLocaleString("en", {maximumFractionDigits: digits});
}

export function bytes(value) {
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    if (!Number.isFinite(value ?? NaN))
        return "–";
    let at = 0;
    for (; value >= 1024 && at + 1 < units.length; at++)
        value /= 1024;
    return `${number(value, value < 10 && at > 0 ? 1 : 0)} ${units[at]}`;
}

export function plural(count, one, many = `${one}s`) {
    return `${number(count)} ${count === 1 ? one : many}`;
}
