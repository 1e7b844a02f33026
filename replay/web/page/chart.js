/* chart: a number over time, as a line over its own shade; and the same for who listens. */
import {draw, make} from "./dom.js";
import {number, time} from "./format.js";

const WIDTH = 320;
const HEIGHT = 96;
const BOTTOM = 18;
const TOP = 16;

/* `lines`: [{name, tone, values}], each value a number or null, the last of them at `untilMs`, `stepS` apart. */
export function chart({title, unit, lines, untilMs, stepS}) {
    const known = lines.flatMap((each) => each.values).filter(Number.isFinite);
    const top = niceTop(Math.max(unit === "/s" ? 0 : 1, ...known));
    const count = Math.max(2, ...lines.map((each) => each.values.length));
    const x = (at) => at / (count - 1) * WIDTH;
    const y = (value) => HEIGHT - BOTTOM - value / top * (HEIGHT - BOTTOM - TOP);
    const fromMs = untilMs - (count - 1) * stepS * 1000;

    return make("figure", {class: "chart"},
        make("figcaption", {}, make("span", {}, title), ...lines.map((each) => make("span", {class: "key", "data-tone": each.tone},
            `${lines.length > 1 ? `${each.name} ` : ""}${number(each.values.findLast(Number.isFinite), 1)} ${unit}`))),
        known.length === 0 ? make("p", {class: "quiet"}, "Nothing known yet.") :
            draw("svg", {viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": inWords(title, unit, lines, fromMs, untilMs)},
                draw("line", {class: "rule", x1: 0, x2: WIDTH, y1: y(0), y2: y(0)}),
                draw("line", {class: "rule", x1: 0, x2: WIDTH, y1: y(top), y2: y(top)}),
                draw("text", {class: "axis", x: 0, y: TOP - 4}, `${number(top, 2)} ${unit}`),
                draw("text", {class: "axis", x: 0, y: HEIGHT - 4}, time(fromMs, untilMs)),
                draw("text", {class: "axis", x: WIDTH, y: HEIGHT - 4, "text-anchor": "end"}, time(untilMs, untilMs)),
                ...lines.flatMap((each) => curve(each, count, x, y))));
}

/* Where nothing is known there is no line. */
function curve({tone, values}, count, x, y) {
    const shift = count - values.length;
    const parts = [];
    for (let at = 0, run = []; at <= values.length; at++) {
        if (Number.isFinite(values[at] ?? NaN)) {
            run.push(`${x(at + shift).toFixed(1)} ${y(values[at]).toFixed(1)}`);
            continue;
        }
        if (run.length > 0) {
            const [begin, end] = [run[0].split(" ")[0], run.at(-1).split(" ")[0]];
            parts.push(draw("path", {class: "shade", "data-tone": tone, d: `M${begin} ${y(0)}L${run.join("L")}L${end} ${y(0)}Z`}),
                draw("path", {class: "curve", "data-tone": tone, d: `M${run.join("L")}${run.length === 1 ? "h1" : ""}`}));
        }
        run = [];
    }
    return parts;
}

function niceTop(value) {
    const power = 10 ** Math.floor(Math.log10(Math.max(value, 0.1)));
    return [1, 2, 5, 10].map((each) => each * power).find((each) => each >= value);
}

function inWords(title, unit, lines, fromMs, untilMs) {
    const told = lines.map(({name, values}) => {
        const known = values.filter(Number.isFinite);
        return known.length === 0 ? `${name} not known` :
            `${name} now ${number(known.at(-1), 1)}, between ${number(Math.min(...known), 1)} and ${number(Math.max(...known), 1)} ${unit}`;
    });
    return `${title} from ${time(fromMs, untilMs)} to ${time(untilMs, untilMs)}: ${told.join("; ")}.`;
}
