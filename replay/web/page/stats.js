/* stats: asks for the pipeline's numbers as long as the page is seen. */
import {ask} from "./api.js";
import {spread} from "./backoff.js";

const EVERY_MS = 5000;
const SOON_MS = 300;

export class Stats {
    last = null;
    #to;
    #timer = 0;
    #isAsking = false;
    #isWanted = false; /* once more, when the answer that is on its way is there */

    /* told(stats), failed(refusal) of each answer. */
    constructor(listener) {
        this.#to = listener;
        document.addEventListener("visibilitychange", () => this.soon());
    }

    soon() {
        this.#isWanted = this.#isAsking;
        if (!this.#isAsking)
            this.#in(SOON_MS);
    }

    #in(waitMs) {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.#ask(), spread(waitMs));
    }

    async #ask() {
        this.#isAsking = true;
        try {
            if (!document.hidden) {
                this.last = await ask("/api/stats");
                this.#to.told(this.last);
            }
        } catch (refusal) {
            this.#to.failed(refusal);
        }
        this.#isAsking = false;
        this.#in(this.#isWanted ? SOON_MS : EVERY_MS);
        this.#isWanted = false;
    }
}
