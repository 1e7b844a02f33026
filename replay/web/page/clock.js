/* clock: the ledger's time, as far as the page knows it.
 *
 * Ages are told by it, since the reader's own clock may be wrong by hours. It stands still from when the server was last
 * heard of until it is heard again, so no age goes on counting for a task of which nobody knows. */
import {ms} from "./format.js";

export class Clock {
    #at = Date.now();
    #heard = performance.now();
    #stands = true;

    /* What an answer says is now. */
    heard(now) {
        const at = ms(now);
        if (!Number.isFinite(at))
            return;
        this.#at = at;
        this.#heard = performance.now();
        this.#stands = false;
    }

    stop() {
        this.#at = this.now();
        this.#stands = true;
    }

    now() {
        return this.#stands ? this.#at : this.#at + performance.now() - this.#heard;
    }

    secondsSince(time) {
        return (this.now() - ms(time)) / 1000;
    }
}
