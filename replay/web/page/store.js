/* store: the tasks that the page knows, in the order of the list, and how many rows of it the filter leaves.
 *
 * Rows end where the list has gaps: what is older than the floor is known, but shown only once all before it is.
 *
 * Changes are collected and told together, a few times a second at most, however fast events come. At most `LIMIT` tasks
 * are kept; what began longest ago goes first, and is then asked for by a filter. */
import {isFinal, merge, newestFirst} from "./task.js";

export const LIMIT = 100000;
const TELL_MS = 200;

export class Store {
    tasks = new Map();
    rows = [];
    wasCut = false; /* older tasks were let go: there are more than can be kept */
    #order = [];
    #added = [];
    #changed = new Set();
    #hasMoved = false;
    #isFilterNew = false;
    #floor = null; /* {first_at, task_id}; null: there are no gaps */
    #isFloorNew = false;
    #timer = 0;
    #matches = () => true;
    #listeners = [];

    /* told(changed): the rows as they are now, and the tasks that changed since it was last called. */
    listen(told) {
        this.#listeners.push(told);
    }

    /* A row of the ledger or what an event says; the store keeps it. */
    put(task) {
        const known = this.tasks.get(task.task_id);
        if (known === undefined) {
            task.shown = this.#matches(task);
            this.tasks.set(task.task_id, task);
            this.#added.push(task);
        } else {
            const first = known.first_at;
            if (!merge(known, task))
                return;
            this.#hasMoved ||= first !== known.first_at;
            known.haystack = undefined;
        }
        this.#changed.add(known ?? task);
        this.#timer ||= setTimeout(() => this.tell(), TELL_MS);
    }

    clear() {
        this.tasks.clear();
        this.#order = [];
        this.#added = [];
        this.#changed.clear();
        this.#isFilterNew = true;
        this.wasCut = false;
    }

    filter(matches) {
        this.#matches = matches;
        this.#isFilterNew = true;
        this.tell();
    }

    /* The oldest row down to which the list has no gaps; null: to its end. */
    reach(floor) {
        this.#floor = floor;
        this.#isFloorNew = true;
    }

    /* Tasks that have not ended. */
    unfinished() {
        return [...this.tasks.values()].filter((task) => !isFinal(task));
    }

    tell() {
        clearTimeout(this.#timer);
        this.#timer = 0;
        const mustList = this.#sort() | this.#sift() | this.#isFloorNew;
        this.#isFloorNew = false;
        if (mustList)
            this.rows = this.#order.slice(0, this.#end()).filter((task) => task.shown);
        const changed = this.#changed;
        this.#changed = new Set();
        for (const told of this.#listeners)
            told(changed);
    }

    /* How many tasks there are down to the floor. */
    #end() {
        let [low, high] = [0, this.#order.length];
        while (this.#floor !== null && low < high) {
            const middle = (low + high) >> 1;
            if (newestFirst(this.#order[middle], this.#floor) <= 0)
                low = middle + 1;
            else
                high = middle;
        }
        return high;
    }

    #sort() {
        if (this.#hasMoved)
            this.#order.sort(newestFirst);
        const isNew = this.#added.length > 0 || this.#hasMoved;
        if (this.#added.length > 0)
            this.#order = mergeSorted(this.#added.sort(newestFirst), this.#order);
        this.#added = [];
        this.#hasMoved = false;
        for (const gone of this.#order.splice(LIMIT)) {
            this.tasks.delete(gone.task_id);
            this.#changed.delete(gone);
            this.wasCut = true;
        }
        return isNew;
    }

    /* True if some task came into the list or left it. */
    #sift() {
        const all = this.#isFilterNew;
        let isNew = all;
        for (const task of all ? this.#order : this.#changed) {
            const shown = this.#matches(task);
            isNew ||= shown !== task.shown;
            task.shown = shown;
        }
        this.#isFilterNew = false;
        return isNew;
    }
}

function mergeSorted(some, many) {
    const all = [];
    let at = 0;
    for (const task of some) {
        while (at < many.length && newestFirst(many[at], task) <= 0)
            all.push(many[at++]);
        all.push(task);
    }
    return at === 0 ? all.concat(many) : all.concat(many.slice(at));
}
