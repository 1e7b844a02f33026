/* loader: pages of the list from the ledger, the newest first, further back as the reader scrolls. */
import {ask} from "./api.js";
import {Backoff} from "./backoff.js";

const PAGE = 1000;
const AGAIN_MS = 2000;
const AGAIN_MAX_MS = 30000;

export class Loader {
    isDone = false;
    isBusy = false;
    failed = null;
    #store;
    #told;
    #floor = null; /* the oldest row that this question has loaded; null: there is none that it has not */
    #question = {};
    #cursor = null;
    #abort = new AbortController();
    #waits = new Backoff(AGAIN_MS, AGAIN_MAX_MS);
    #notBefore = 0; /* of performance.now(): a further page, after one that failed */
    #timer = 0;

    constructor(store, told) {
        this.#store = store;
        this.#told = told;
    }

    /* Begins anew with this question. The first answer: its position and time; or its Refusal is thrown. Who asks for a fresh
     * list asks again when it failed. */
    async begin(question, {fresh = false} = {}) {
        this.#abort.abort();
        this.#abort = new AbortController();
        clearTimeout(this.#timer);
        this.#question = question;
        this.#cursor = null;
        this.#notBefore = 0;
        this.isDone = false;
        this.isBusy = false;
        return this.#page((answer) => {
            this.#floor = {first_at: answer.now, task_id: ""};
            if (fresh)
                this.#store.clear();
        }, !fresh);
    }

    /* The next page, if there is one; a failure is kept in `failed`, and tried again some time later. */
    async more() {
        if (this.isBusy || this.isDone || this.#store.wasCut || performance.now() < this.#notBefore)
            return;
        try {
            await this.#page(() => {}, true);
        } catch { /* told by #page */ }
    }

    /* Rows of another question may be older than what this one has loaded, and between them others that nobody has. */
    #lower({tasks, cursor}) {
        const last = tasks.at(-1);
        if (cursor === null)
            this.#floor = null;
        else if (last !== undefined)
            this.#floor = {first_at: last.first_at, task_id: last.task_id};
        this.#store.reach(this.#floor);
    }

    async #page(before, triesAgain) {
        const {signal} = this.#abort;
        this.isBusy = true;
        this.failed = null;
        try {
            const answer = await ask("/api/tasks", {...this.#question, limit: PAGE, cursor: this.#cursor}, {signal});
            before(answer);
            this.#lower(answer);
            for (const task of answer.tasks)
                this.#store.put(task);
            this.#store.tell();
            this.#cursor = answer.cursor;
            this.isDone = answer.cursor === null;
            this.#waits.begin();
            return answer;
        } catch (refusal) {
            if (!signal.aborted) {
                this.failed = refusal;
                this.#tryAgain(this.#waits.next(refusal.retryAfterS), triesAgain && refusal.mayPass);
            }
            throw refusal;
        } finally {
            if (!signal.aborted) {
                this.isBusy = false;
                this.#told();
            }
        }
    }

    #tryAgain(waitMs, byItself) {
        this.#notBefore = performance.now() + waitMs;
        clearTimeout(this.#timer);
        if (byItself)
            this.#timer = setTimeout(() => {
                this.#notBefore = 0;
                this.more();
            }, waitMs);
    }
}
