/* grid: a list of any length of which only the rows in sight are in the document.
 *
 * A row's element stays with its task while it is in sight, so focus and selection stay where they are when others come
 * in above. Who has scrolled down keeps his place; who is at the top sees the newest arrive. The row with the focus is
 * kept in the document wherever the reader scrolls to.
 *
 * Whatever changes is drawn with the next frame, once: where the list is scrolled to is read before anything is written, so
 * that the browser lays it out once a frame, and nothing is done for rows out of sight, of which there may be 100,000. */
import {make, mark} from "./dom.js";

const SPARE = 8; /* rows made above and below what is in sight */
const NEAR_END = 60;

export class Grid {
    #root;
    #space;
    #order;
    #make;
    #to;
    #rows = [];
    #next = null; /* the rows from the next frame on */
    #made = new Map(); /* key → {element, fill, row, at, top} */
    #focused = null; /* key of the one row that Tab leads to */
    #height = 40;
    #frame = 0;

    /* columns: [{name, label}]; order(row, row): as they are shown. makeRow(key) → {element, fill(row)}; listener: open(row),
     * nearEnd(). */
    constructor(root, columns, order, makeRow, listener) {
        this.#root = root;
        this.#order = order;
        this.#make = makeRow;
        this.#to = listener;
        this.#space = make("div", {role: "rowgroup", class: "rows"});
        root.append(make("div", {role: "rowgroup", class: "head"}, make("div", {role: "row", class: "row", "aria-rowindex": 1},
            ...columns.map(({name, label}) => make("span", {role: "columnheader", class: name}, label)))), this.#space);
        mark(root, "aria-colcount", columns.length);
        root.addEventListener("scroll", () => this.look(), {passive: true});
        root.addEventListener("keydown", (event) => this.#key(event));
        this.#space.addEventListener("click", (event) => this.#click(event));
        this.#space.addEventListener("focusin", (event) => this.#focus(event));
        new ResizeObserver(() => this.#measure()).observe(root);
    }

    /* Other rows, each with a `task_id`, in their order. */
    show(rows) {
        this.#next = rows;
        this.look();
    }

    /* Looks again at what is in sight, and asks for more rows if that is near the last one. */
    look() {
        this.#frame ||= requestAnimationFrame(() => this.#paint());
    }

    /* The rows in sight are filled in again: all, or those with one of these tasks. */
    refresh(changed = null) {
        for (const {row, fill} of this.#made.values())
            if (changed === null || changed.has(row))
                fill(row);
    }

    /* Back to where the reader was. */
    focus() {
        this.#made.get(this.#focused)?.element.focus();
    }

    /* Where this row stands; undefined if it is gone. It is looked for where its order puts it, and then everywhere, since it
     * may have got another one that its place does not show yet. */
    #place(row) {
        const key = row.task_id;
        let [low, high] = [0, this.#rows.length];
        while (low < high) {
            const middle = (low + high) >> 1;
            if (this.#order(this.#rows[middle], row) < 0)
                low = middle + 1;
            else
                high = middle;
        }
        const at = this.#rows[low]?.task_id === key ? low : this.#rows.findIndex((each) => each.task_id === key);
        return at < 0 ? undefined : at;
    }

    /* What is first in sight, and how far it is scrolled; null at the top, where nobody wants to be held. */
    #anchor(top) {
        if (top < this.#height / 2 || this.#rows.length === 0)
            return null;
        const first = Math.min(Math.floor(top / this.#height), this.#rows.length - 1);
        return {row: this.#rows[first], offset: top - first * this.#height};
    }

    /* Puts the anchor where it was, and tells where the list is scrolled to then. */
    #hold(anchor, top) {
        const at = anchor === null ? undefined : this.#place(anchor.row);
        this.#space.style.height = `${this.#rows.length * this.#height}px`;
        if (at === undefined)
            return top;
        const to = at * this.#height + anchor.offset;
        if (to !== top)
            this.#root.scrollTop = to;
        return to;
    }

    #measure() {
        const height = Number.parseFloat(getComputedStyle(this.#root).getPropertyValue("--row")) || this.#height;
        if (height !== this.#height) {
            const top = this.#root.scrollTop;
            const anchor = this.#anchor(top);
            this.#height = height;
            this.#hold(anchor && {...anchor, offset: 0}, top);
        }
        this.look();
    }

    #paint() {
        cancelAnimationFrame(this.#frame);
        this.#frame = 0;
        let top = this.#root.scrollTop;
        const height = this.#root.clientHeight;
        if (this.#next !== null) {
            const anchor = this.#anchor(top);
            this.#rows = this.#next;
            this.#next = null;
            mark(this.#root, "aria-rowcount", this.#rows.length + 1);
            top = this.#hold(anchor, top);
        }
        const first = Math.max(0, Math.floor(top / this.#height) - SPARE);
        const last = Math.min(this.#rows.length, Math.ceil((top + height) / this.#height) + SPARE);
        this.#fill(first, last);
        this.#arrange();
        this.#lead(first);
        if (last > this.#rows.length - NEAR_END)
            this.#to.nearEnd();
    }

    /* These rows, and the one with the focus, are in the document, and no others. */
    #fill(first, last) {
        const wanted = new Map();
        for (let at = first; at < last; at++)
            wanted.set(this.#rows[at].task_id, at);
        const focused = this.#made.get(this.#focused);
        const focusedAt = focused === undefined || wanted.has(this.#focused) ? undefined : this.#place(focused.row);
        if (focusedAt !== undefined)
            wanted.set(this.#focused, focusedAt);

        for (const [key, {element}] of this.#made)
            if (!wanted.has(key)) {
                element.remove();
                this.#made.delete(key);
            }
        for (const [key, at] of wanted)
            this.#put(key, at);
    }

    #put(key, at) {
        let made = this.#made.get(key);
        if (made === undefined) {
            made = {...this.#make(key), row: null, at: -1, top: -1};
            made.element.dataset.key = key;
            this.#made.set(key, made);
            this.#space.append(made.element);
        }
        if (made.row !== this.#rows[at]) {
            made.row = this.#rows[at];
            made.fill(made.row);
        }
        if (made.at !== at || made.top !== at * this.#height) {
            made.at = at;
            made.top = at * this.#height;
            mark(made.element, "aria-rowindex", at + 2);
            made.element.style.transform = `translateY(${made.top}px)`;
        }
    }

    /* In the document they stand in their order, for who listens to it. Those that stand right are not touched. */
    #arrange() {
        let next = this.#space.firstChild;
        const inOrder = [...this.#made.values()].sort((a, b) => a.at - b.at);
        for (const {element} of inOrder)
            if (element === next)
                next = next.nextSibling;
            else
                this.#space.insertBefore(element, next);
    }

    /* Exactly one row can be reached with Tab. */
    #lead(first) {
        if (!this.#made.has(this.#focused))
            this.#focused = this.#rows[Math.min(first, this.#rows.length - 1)]?.task_id ?? null;
        for (const [key, {element}] of this.#made)
            mark(element, "tabindex", key === this.#focused ? 0 : -1);
    }

    #rowOf(event) {
        return this.#made.get(event.target.closest("[data-key]")?.dataset.key)?.row;
    }

    #click(event) {
        const row = this.#rowOf(event);
        if (row !== undefined && getSelection().isCollapsed)
            this.#to.open(row);
    }

    #focus(event) {
        const row = this.#rowOf(event);
        if (row === undefined || row.task_id === this.#focused)
            return;
        mark(this.#made.get(this.#focused)?.element ?? event.target, "tabindex", -1);
        this.#focused = row.task_id;
        mark(this.#made.get(this.#focused).element, "tabindex", 0);
    }

    #key(event) {
        const row = this.#rowOf(event);
        if (row === undefined || event.altKey || event.ctrlKey || event.metaKey)
            return;
        if (this.#next !== null)
            this.#paint();
        const at = this.#place(row);
        const inSight = Math.max(1, Math.floor(this.#root.clientHeight / this.#height) - 1);
        const to = {
            ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + inSight, PageUp: at - inSight, Home: 0,
            End: this.#rows.length - 1}[event.key];

        if (event.key === "Enter" || event.key === " ")
            this.#to.open(row);
        else if (at !== undefined && to !== undefined)
            this.#go(Math.min(Math.max(to, 0), this.#rows.length - 1));
        else
            return;
        event.preventDefault();
    }

    #go(at) {
        const top = at * this.#height;
        const head = this.#space.offsetTop;
        const below = top + this.#height + head - this.#root.clientHeight;

        if (this.#root.scrollTop > top)
            this.#root.scrollTop = top;
        else if (this.#root.scrollTop < below)
            this.#root.scrollTop = below;
        this.#paint();
        const key = this.#rows[at].task_id;
        this.#put(key, at);
        this.#made.get(key).element.focus({preventScroll: true});
    }
}
