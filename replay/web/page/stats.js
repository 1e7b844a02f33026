/* stats: asks for the pipeline's numbers as long as the page is seen. */
import {ask} from "./api.js";

const EVERY_MS = 5000;
const SOON_MS = 300;

export class Stats {
    last = null;
    #to;
    #timer = 0;

    /* told(stats), failed(refusal) of each answer. */
    constructor(listener) {
        this.#to = listener;
        document.addEventListener("visibilitychange", () => this.soon());
    }

    soon() {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.#ask(), SOON_MS);
    }

    async #ask() {
        clearTimeout(this.#timer);
        try {
            if (!document.hidden) {
                this.last = await ask("/api/stats");
                this.#to.told(this.last);
            }
        } catch (refusal) {
            this.#to.failed(refusal);
        }
        this.#timer = setTimeout(() => this.#ask(), EVERY_MS);
    }
}
