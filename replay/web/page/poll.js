/* poll: asking every 2 s for what a feed would have told.
 *
 * The newest tasks, all that have not ended, and, one by one, those that were known as unfinished and are among neither:
 * they have ended meanwhile. What changes between two answers is not seen, only what it came to. */
import {ask, askTask} from "./api.js";
import {Backoff, spread} from "./backoff.js";
import {STATUSES} from "./task.js";

const EVERY_MS = 2000;
const AWAY_MAX_MS = 8000;
const NEWEST = 200;
const UNFINISHED = 1000;
const SINGLY = 20;

const unfinishedStatuses = Object.keys(STATUSES).filter((status) => STATUSES[status].phase < 2);

export class Poll {
    #store;
    #to;
    #timer = 0;
    #turn = 0;
    #waits = new Backoff(EVERY_MS, AWAY_MAX_MS);

    /* answered(answer) and failed(refusal) of each round. */
    constructor(store, listener) {
        this.#store = store;
        this.#to = listener;
    }

    get isOn() {
        return this.#turn % 2 === 1;
    }

    start() {
        if (this.isOn)
            return;
        this.#turn++;
        this.#round(this.#turn);
    }

    stop() {
        if (this.isOn)
            this.#turn++;
        clearTimeout(this.#timer);
    }

    async #round(turn) {
        let wait;
        try {
            const answer = document.hidden ? null : await this.#ask();
            wait = spread(EVERY_MS);
            this.#waits.begin();
            if (turn === this.#turn && answer !== null)
                this.#to.answered(answer);
        } catch (refusal) {
            wait = this.#waits.next(refusal.retryAfterS);
            if (turn === this.#turn)
                this.#to.failed(refusal);
        }
        if (turn === this.#turn)
            this.#timer = setTimeout(() => this.#round(turn), wait);
    }

    async #ask() {
        const before = this.#store.unfinished();
        const [newest, unfinished] = await Promise.all([
            ask("/api/tasks", {limit: NEWEST}),
            ask("/api/tasks", {limit: UNFINISHED, status: unfinishedStatuses}),
        ]);
        const told = new Set();
        for (const task of [...newest.tasks, ...unfinished.tasks]) {
            told.add(task.task_id);
            this.#store.put(task);
        }
        const ended = before.filter((task) => !told.has(task.task_id)).slice(0, SINGLY);
        for (const answer of await Promise.all(ended.map(askIfThere)))
            if (answer !== null)
                this.#store.put(answer.task);
        return newest;
    }
}

async function askIfThere({task_id: id}) {
    try {
        return await askTask(id);
    } catch (refusal) {
        if (refusal.kind === "not_found")
            return null;
        throw refusal;
    }
}
