/* row: one task in the list. Fills in only what changed. */
import {make, mark, say} from "./dom.js";
import {age, duration, line, ms} from "./format.js";
import {isFinal, statusOf} from "./task.js";

export const COLUMNS = [
    {name: "status", label: "Status"},
    {name: "task", label: "Task"},
    {name: "step", label: "Step"},
    {name: "progress", label: "Progress"},
    {name: "attempt", label: "Attempt"},
    {name: "worker", label: "Worker"},
    {name: "age", label: "Age"},
    {name: "last", label: "Last event"},
];

function cell(name, ...children) {
    return make("span", {role: "gridcell", class: name}, ...children);
}

/* How a status looks everywhere: a shape, a word and a colour, the last of which nobody needs. */
export function badge() {
    const element = make("span", {class: "badge"});
    return {
        element,
        fill(task) {
            const {words, tone} = statusOf(task);
            mark(element, "data-tone", tone);
            mark(element, "data-status", task.status);
            say(element, words);
        },
    };
}

function bar() {
    const inner = make("i", {});
    const words = make("span", {class: "percent"});
    return {
        element: cell("progress", make("span", {class: "bar", "aria-hidden": "true"}, inner), words),
        fill(task) {
            const known = Number.isFinite(task.progress ?? NaN);
            const part = known ? Math.min(Math.max(task.progress, 0), 1) : 0;
            inner.style.width = `${part * 100}%`;
            inner.parentElement.hidden = !known;
            say(words, known ? `${Math.floor(part * 100)} %` : "");
        },
    };
}

export function makeRow(clock) {
    const status = badge();
    const progress = bar();
    const id = make("span", {class: "id said"});
    const name = make("span", {class: "name said"});
    const step = cell("step said");
    const attempt = cell("attempt");
    const worker = cell("worker said");
    const lived = cell("age");
    const last = cell("last");
    const element = make("div", {role: "row", class: "row", tabindex: -1},
        cell("status", status.element), cell("task", id, name), step, progress.element, attempt, worker, lived, last);

    function fill(task) {
        status.fill(task);
        progress.fill(task);
        say(id, line(task.task_id));
        say(name, line(task.task_name));
        say(step, line(task.error_type ? `${task.step ?? ""} ${task.error_type}` : task.step));
        say(attempt, String(task.attempt));
        mark(attempt, "data-again", task.attempt > 1 ? "" : null);
        say(worker, line(task.worker));
        say(lived, isFinal(task) ? duration((ms(task.finished_at) - ms(task.first_at)) / 1000) : age(clock.secondsSince(task.first_at)));
        say(last, `${age(clock.secondsSince(task.occurred_at))} ago`);
        mark(element, "data-tone", statusOf(task).tone);
    }
    return {element, fill};
}
