/* table: the shorter lists (stuck, rejected, losses, producers), each a table that is filled page by page. */
import {ask} from "./api.js";
import {make, mark} from "./dom.js";
import {duration, line, ms, number, plain, time} from "./format.js";

/* How a cell looks, by kind. */
const SHOW = {
    text: (value) => make("span", {class: "said"}, line(value)),
    word: (value) => line(value),
    number: (value) => number(value),
    id: (value) => String(value),
    time: (value, now) => make("time", {datetime: value, title: value}, time(ms(value), now)),
    duration: (value) => duration(value / 1e6),
    task: (value) => make("a", {class: "said", href: `#/task/${encodeURIComponent(value)}`}, line(value)),
    command: (value) => make("code", {class: "said"}, plain(value)),
};

export class Table {
    element;
    #path;
    #list;
    #query;
    #columns;
    #clock;
    #body = make("tbody");
    #note = make("p", {class: "quiet"});
    #more = make("button", {type: "button", hidden: true, click: () => this.#further()}, "More");
    #cursor = null;
    #none;
    #asOf = null; /* when the rows were told, by the ledger's clock */

    /* {path, list (the name of the list in the answer), query, title, none, columns: [[name, label, kind]]} */
    constructor({path, list, query = {}, title, none, columns}, clock) {
        this.#path = path;
        this.#list = list;
        this.#query = query;
        this.#columns = columns;
        this.#clock = clock;
        this.#none = none;
        this.element = make("div", {class: "listed"}, make("div", {class: "wide", tabindex: 0, role: "region", "aria-label": title},
            make("table", {}, make("caption", {class: "unseen"}, title),
                make("thead", {}, make("tr", {}, ...columns.map(([, label, kind]) => make("th", {scope: "col", "data-kind": kind}, label)))),
                this.#body)), this.#note, this.#more);
    }

    /* What is rare may be on none of the first pages: then it is gone on to where some are, or to the end. */
    async load(cursor = null) {
        let answer = await this.#ask(cursor);
        while (answer[this.#list].length === 0 && answer.cursor !== null)
            answer = await this.#ask(answer.cursor);
        const rows = answer[this.#list].map((row) => this.#row(row));
        if (cursor === null)
            this.#body.replaceChildren(...rows);
        else
            this.#body.append(...rows);
        this.#cursor = answer.cursor;
        this.#more.hidden = answer.cursor === null;
        this.#note.textContent = this.#body.children.length === 0 ? this.#none : "";
        this.element.firstChild.hidden = this.#body.children.length === 0;
        return answer;
    }

    async #further() {
        try {
            await this.load(this.#cursor);
        } catch { /* told by #ask */ }
    }

    /* What is shown when it cannot be asked for is old, and says so. */
    async #ask(cursor) {
        try {
            const answer = await ask(this.#path, {...this.#query, cursor});
            this.#asOf = answer.now;
            mark(this.element, "data-old", null);
            return answer;
        } catch (refusal) {
            mark(this.element, "data-old", "");
            this.#note.textContent = cursor !== null ? `Could not load more: ${refusal.message}.`
                : this.#asOf === null ? `Could not be loaded: ${refusal.message}.`
                : `Could not be loaded again: ${refusal.message}. This is as of ${time(ms(this.#asOf), this.#clock.now())}.`;
            throw refusal;
        }
    }

    #row(row) {
        return make("tr", {}, ...this.#columns.map(([name, label, kind]) => make("td", {"data-kind": kind, "data-label": label},
            row[name] === null || row[name] === undefined ? "" : SHOW[kind](row[name], this.#clock.now()))));
    }
}
