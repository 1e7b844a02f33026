/* timeline: a task's life drawn to scale: a lane for each attempt, its phases as bars, its events as ticks.
 *
 *   waiting   from its beginning     active   up to its end     backoff   up to the next attempt
 *
 * How long each lasted is the server's word (replay/history/timeline.h), so this and `taskledger-replay history` can't
 * disagree. Below the active bar stand the steps, as far as their events are loaded. */
import {draw} from "./dom.js";
import {duration, line, ms, plural, time} from "./format.js";
import {STATUSES} from "./task.js";

const LANE = 46;
const LEFT = 84;
const RIGHT = 14;
const TOP = 20;
const NARROWEST = 260;
const RULE_APART = 90; /* at least: a label fits in between */
const STEP_WIDTH_MIN = 34;
const STEPS_MAX = 400;
const TICKS_MAX = 2000;

/* An SVG, `width` pixels wide. Times are Unix milliseconds. */
export function timeline({attempts, events}, width, nowMs) {
    const lanes = attempts.map((attempt, at) => laneOf(attempt, attempts[at + 1], nowMs));
    const from = Math.min(...lanes.map((lane) => lane.from));
    const to = Math.max(...lanes.map((lane) => lane.to), from + 1);
    const inner = Math.max(width, NARROWEST) - LEFT - RIGHT;
    const x = (at) => LEFT + (Math.min(Math.max(at, from), to) - from) / (to - from) * inner;
    const height = TOP + lanes.length * LANE + 8;

    return draw("svg", {
        class: "timeline", viewBox: `0 0 ${LEFT + inner + RIGHT} ${height}`, width: LEFT + inner + RIGHT, height, role: "img",
        "aria-label": inWords(lanes, from, to),
    }, ...axis(from, to, x, height, Math.floor(inner / RULE_APART)), ...lanes.flatMap((lane, at) => drawLane(lane, TOP + at * LANE, x, events)));
}

function laneOf(attempt, next, nowMs) {
    const from = ms(attempt.began_at);
    const to = attempt.ended_at === null ? Math.max(nowMs, from) : ms(attempt.ended_at);
    const phases = [];
    const add = (name, start, us) => us !== null && us !== undefined && phases.push({name, from: start, to: start + us / 1000});

    add("waiting", from, attempt.waiting_us);
    add("active", to - (attempt.active_us ?? 0) / 1000, attempt.active_us);
    if (next !== undefined)
        add("backoff", ms(next.began_at) - (attempt.backoff_us ?? 0) / 1000, attempt.backoff_us);
    return {...attempt, from, to: Math.max(to, ...phases.map((phase) => phase.to)), phases, goesOn: attempt.ended_at === null};
}

function inWords(lanes, from, to) {
    const told = lanes.map((lane) => {
        const parts = lane.phases.map((phase) => `${phase.name} ${duration((phase.to - phase.from) / 1000)}`);
        return `attempt ${lane.attempt}: ${STATUSES[lane.status]?.words ?? lane.status}${lane.goesOn ? " so far" : ""}, ${
            [...parts, plural(lane.events, "event")].join(", ")}`;
    });
    return `${plural(lanes.length, "attempt")} in ${duration((to - from) / 1000)}. ${told.join(". ")}.`;
}

function axis(from, to, x, height, rules) {
    const step = niceStep((to - from) / 1000 / rules);
    const parts = [];
    for (let s = 0; s <= (to - from) / 1000 + step / 100; s += step) {
        const at = x(from + s * 1000);
        parts.push(draw("line", {class: "rule", x1: at, x2: at, y1: TOP - 4, y2: height - 4}),
            draw("text", {class: "axis", x: at, y: 11, "text-anchor": s === 0 ? "start" : at > x(to) - 20 ? "end" : "middle"},
                s === 0 ? time(from, to) : `+${duration(s)}`));
    }
    return parts;
}

/* Seconds between rules: round ones of a clock, not of a ruler. */
function niceStep(atLeast) {
    const steps = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800,
        3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800];
    return steps.find((step) => step >= atLeast) ?? Math.ceil(atLeast / 604800) * 604800;
}

function drawLane(lane, y, x, events) {
    const parts = [
        draw("text", {class: "lane", x: 0, y: y + 18}, `Attempt ${lane.attempt}`),
        draw("text", {class: "lane small", x: 0, y: y + 32}, STATUSES[lane.status]?.words ?? lane.status),
    ];
    for (const phase of lane.phases)
        parts.push(draw("rect", {
            class: "phase", "data-phase": phase.name, "data-tone": phase.name === "active" ? STATUSES[lane.status]?.tone : null,
            "data-goes-on": lane.goesOn && phase.name === "active", x: x(phase.from), y: y + 6, rx: 3, height: 16,
            width: Math.max(x(phase.to) - x(phase.from), 2),
        }, draw("title", {}, `${phase.name}: ${duration((phase.to - phase.from) / 1000)}`)));
    const own = events.filter((event) => event.attempt === lane.attempt);
    return [...parts, ...drawSteps(lane, own.slice(0, STEPS_MAX), y, x), ...own.slice(0, TICKS_MAX).map((event) => tick(event, y, x))];
}

function drawSteps(lane, events, y, x) {
    const steps = [];
    for (const event of events) {
        const at = ms(event.occurred_at);
        if (event.step && event.mark === null && event.step !== steps.at(-1)?.step)
            steps.push({step: event.step, from: at});
    }
    return steps.flatMap((step, at) => {
        const left = x(step.from);
        const room = x(steps[at + 1]?.from ?? lane.to) - left;
        const letters = Math.floor(room / 6.4);
        const label = line(step.step);
        return room < STEP_WIDTH_MIN ? [] : [draw("text", {class: "step", x: left + 2, y: y + 34},
            label.length > letters ? `${label.slice(0, Math.max(letters - 1, 1))}…` : label, draw("title", {}, label))];
    });
}

/* Errors and ends stand out; what did not move the task is faint. */
function tick(event, y, x) {
    const at = x(ms(event.occurred_at));
    const tone = STATUSES[event.status]?.tone;
    const words = `${event.status}${event.step ? ` ${line(event.step)}` : ""}${event.error_type ? `: ${line(event.error_type)}` : ""}`;
    const isBad = event.error_type !== null || tone === "bad";
    return draw("path", {
        class: "tick", "data-tone": isBad ? "bad" : tone, "data-mark": event.mark,
        d: isBad ? `M${at - 4} ${y + 10}l8 8m0 -8l-8 8` : `M${at} ${y + 4}v20`,
    }, draw("title", {}, words));
}
