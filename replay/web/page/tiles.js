/* tiles: how many tasks have which status, in the whole ledger; each is a switch of the filter. */
import {find, make, mark, say} from "./dom.js";
import {number} from "./format.js";
import {STATUSES} from "./task.js";

export class Tiles {
    #made = new Map();

    /* toggled(status) */
    constructor(toggled) {
        for (const [status, {words, tone}] of Object.entries(STATUSES)) {
            const value = make("span", {class: "value"}, "–");
            const element = make("button", {type: "button", class: "tile", "data-tone": tone, "data-status": status,
                "aria-pressed": "false", click: () => toggled(status)}, value, make("span", {class: "words"}, words));
            this.#made.set(status, {element, value});
            find("tiles").append(element);
        }
    }

    count(tasks) {
        for (const [status, {value}] of this.#made)
            say(value, number(tasks?.[status]));
    }

    press(statuses) {
        for (const [status, {element}] of this.#made)
            mark(element, "aria-pressed", String(statuses.has(status)));
    }
}
