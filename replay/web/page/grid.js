/* grid: a list of any length of which only the rows in sight are in the document.
 *
 * A row's element stays with its task while it is in sight, so focus and selection stay where they are when others come
 * in above. Who has scrolled down keeps his place; who is at the top sees the newest arrive. The row with the focus is
 * kept in the document wherever the reader scrolls to. */
import {make, mark} from "./dom.js";

const SPARE = 8; /* rows made above and below what is in sight */
const NEAR_END = 60;

export class Grid {
    #root;
    #space;
    #make;
    #to;
    #rows = [];
    #places = new Map(); /* key → index in #rows */
    #made = new Map(); /* key → {element, fill} */
    #focused = null; /* key of the one row that Tab leads to */
    #height = 40;
    #frame = 0;

    /* columns: [{name, label}]. makeRow(key) → {element, fill(row)}; listener: open(row), nearEnd(). */
    constructor(root, columns, makeRow, listener) {
        this.#root = root;
        this.#make = makeRow;
        this.#to = listener;
        this.#space = make("div", {role: "rowgroup", class: "rows"});
        root.append(make("div", {role: "rowgroup", class: "head"}, make("div", {role: "row", class: "row", "aria-rowindex": 1},
            ...columns.map(({name, label}) => make("span", {role: "columnheader", class: name}, label)))), this.#space);
        mark(root, "aria-colcount", columns.length);
        root.addEventListener("scroll", () => this.#soon(), {passive: true});
        root.addEventListener("keydown", (event) => this.#key(event));
        this.#space.addEventListener("click", (event) => this.#click(event));
        this.#space.addEventListener("focusin", (event) => this.#focus(event));
        new ResizeObserver(() => this.#measure()).observe(root);
    }

    /* Other rows, each with a `task_id`; in the same order as last time as far as they are the same. */
    show(rows) {
        const anchor = this.#anchor();
        this.#rows = rows;
        this.#places = new Map(rows.map((row, at) => [row.task_id, at]));
        this.#space.style.height = `${rows.length * this.#height}px`;
        mark(this.#root, "aria-rowcount", rows.length + 1);
        const at = anchor && this.#places.get(anchor.key);
        if (at !== undefined && at !== null)
            this.#root.scrollTop = at * this.#height + anchor.offset;
        this.#paint();
    }

    /* The rows in sight are filled in again: all, or those with one of these tasks. */
    refresh(changed = null) {
        for (const [key, made] of this.#made) {
            const row = this.#rows[this.#places.get(key)];
            if (row !== undefined && (changed === null || changed.has(row)))
                made.fill(row);
        }
    }

    /* Back to where the reader was. */
    focus() {
        this.#made.get(this.#focused)?.element.focus();
    }

    /* What is first in sight, and how far it is scrolled; null at the top, where nobody wants to be held. */
    #anchor() {
        const top = this.#root.scrollTop;
        if (top < this.#height / 2 || this.#rows.length === 0)
            return null;
        const first = Math.min(Math.floor(top / this.#height), this.#rows.length - 1);
        return {key: this.#rows[first].task_id, offset: top - first * this.#height};
    }

    #measure() {
        const height = Number.parseFloat(getComputedStyle(this.#root).getPropertyValue("--row")) || this.#height;
        const anchor = this.#anchor();
        this.#height = height;
        this.#space.style.height = `${this.#rows.length * height}px`;
        if (anchor)
            this.#root.scrollTop = this.#places.get(anchor.key) * height;
        this.#paint();
    }

    #soon() {
        this.#frame ||= requestAnimationFrame(() => this.#paint());
    }

    #range() {
        const first = Math.floor(this.#root.scrollTop / this.#height);
        const last = Math.ceil((this.#root.scrollTop + this.#root.clientHeight) / this.#height);
        return [Math.max(0, first - SPARE), Math.min(this.#rows.length, last + SPARE)];
    }

    #paint() {
        cancelAnimationFrame(this.#frame);
        this.#frame = 0;
        const [first, last] = this.#range();
        const wanted = new Map();
        for (let at = first; at < last; at++)
            wanted.set(this.#rows[at].task_id, at);
        const focusedAt = this.#places.get(this.#focused);
        if (focusedAt !== undefined)
            wanted.set(this.#focused, focusedAt);

        for (const [key, {element}] of this.#made)
            if (!wanted.has(key)) {
                element.remove();
                this.#made.delete(key);
            }
        for (const [key, at] of wanted)
            this.#place(key, at);
        this.#arrange();
        this.#lead(first);
        this.look();
    }

    /* Asks for more rows if what is in sight is near the last one. */
    look() {
        if (this.#range()[1] > this.#rows.length - NEAR_END)
            this.#to.nearEnd();
    }

    #place(key, at) {
        let made = this.#made.get(key);
        if (made === undefined) {
            made = this.#make(key);
            made.element.dataset.key = key;
            this.#made.set(key, made);
            this.#space.append(made.element);
            made.fill(this.#rows[at]);
        }
        mark(made.element, "aria-rowindex", at + 2);
        made.element.style.transform = `translateY(${at * this.#height}px)`;
    }

    /* In the document they stand in their order, for who listens to it. Those that stand right are not touched. */
    #arrange() {
        let next = this.#space.firstChild;
        const inOrder = [...this.#made].sort(([a], [b]) => this.#places.get(a) - this.#places.get(b));
        for (const [, {element}] of inOrder)
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
        const element = event.target.closest("[data-key]");
        return element === null ? undefined : this.#rows[this.#places.get(element.dataset.key)];
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
        const at = this.#places.get(row.task_id);
        const inSight = Math.max(1, Math.floor(this.#root.clientHeight / this.#height) - 1);
        const to = {
            ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + inSight, PageUp: at - inSight, Home: 0,
            End: this.#rows.length - 1}[event.key];

        if (event.key === "Enter" || event.key === " ")
            this.#to.open(row);
        else if (to !== undefined)
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
        this.#place(key, at);
        this.#made.get(key).element.focus({preventScroll: true});
    }
}
