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
    #pages = 1; /* that are shown */
    #none;
    #asOf = null; /* when the rows were told, by the ledger's clock */
    #asking = null; /* {abort, isMore} of the question that is on its way: one at most */
    #isWanted = false; /* all of it once more, after that */

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

    /* What is shown, anew. No other question is asked meanwhile, so no older answer can follow a newer one. */
    async load() {
        this.#isWanted = true;
        while (this.#asking === null && this.#isWanted) {
            this.#isWanted = false;
            await this.#fill(false);
        }
    }

    /* The reader does not wait for what the page asks by itself. */
    async #further() {
        if (this.#asking?.isMore)
            return;
        this.#asking?.abort.abort();
        try {
            await this.#fill(true);
        } catch { /* told by #ask */ }
    }

    async #fill(isMore) {
        const asking = {abort: new AbortController(), isMore};
        this.#asking = asking;
        try {
            const answer = await this.#found(isMore, asking.abort.signal);
            this.#show(isMore, answer);
        } finally {
            if (this.#asking === asking)
                this.#asking = null;
        }
    }

    /* What is rare may be on none of the first pages: then it is gone on to where some are, or to the end. */
    async #found(isMore, signal) {
        const found = {rows: [], pages: 0, cursor: isMore ? this.#cursor : null};
        do {
            const answer = await this.#ask(found.cursor, isMore, signal);
            found.rows.push(...answer[this.#list]);
            found.pages += answer[this.#list].length > 0 ? 1 : 0;
            found.cursor = answer.cursor;
        } while (found.cursor !== null && found.pages < (isMore ? 1 : this.#pages));
        return found;
    }

    #show(isMore, {rows, pages, cursor}) {
        const elements = rows.map((row) => this.#row(row));
        const held = this.#body.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
        if (isMore)
            this.#body.append(...elements);
        else
            this.#body.replaceChildren(...elements);
        if (held !== null)
            this.#body.querySelector(`a[href="${CSS.escape(held)}"]`)?.focus({preventScroll: true});
        this.#pages = Math.max(1, isMore ? this.#pages + pages : pages);
        this.#cursor = cursor;
        this.#more.hidden = cursor === null;
        this.#note.textContent = this.#body.children.length === 0 ? this.#none : "";
        this.element.firstChild.hidden = this.#body.children.length === 0;
    }

    /* What is shown when it cannot be asked for is old, and says so. */
    async #ask(cursor, isMore, signal) {
        try {
            const answer = await ask(this.#path, {...this.#query, cursor}, {signal});
            this.#asOf = answer.now;
            mark(this.element, "data-old", null);
            return answer;
        } catch (refusal) {
            if (refusal.kind !== "aborted")
                this.#tell(refusal, isMore);
            throw refusal;
        }
    }

    #tell({message}, isMore) {
        mark(this.element, "data-old", "");
        this.#note.textContent = isMore ? `Could not load more: ${message}.`
            : this.#asOf === null ? `Could not be loaded: ${message}.`
            : `Could not be loaded again: ${message}. This is as of ${time(ms(this.#asOf), this.#clock.now())}.`;
    }

    #row(row) {
        return make("tr", {}, ...this.#columns.map(([name, label, kind]) => make("td", {"data-kind": kind, "data-label": label},
            row[name] === null || row[name] === undefined ? "" : SHOW[kind](row[name], this.#clock.now()))));
    }
}
