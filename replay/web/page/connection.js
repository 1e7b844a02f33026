/* connection: where the page's tasks come from at the moment, and what the reader has to know of that.
 *
 *   loading      nothing is known yet
 *   live         the feed tells each event
 *   polling      the server answers, and is asked every 2 s
 *   lost         nobody answers, or nothing that helps: what is shown is as old as `since`
 *   refused      a token is wanted
 *
 * Every beginning is the same: load the newest tasks, and let the feed go on from the place in the stream that this
 * answer tells. An event that comes before its row, or after, or twice, makes no difference (task.js). */
import {Backoff} from "./backoff.js";
import {Feed} from "./feed.js";
import {Poll} from "./poll.js";
import {ofEvent} from "./task.js";

const RESTART_MS = 2000;
const RESTART_MAX_MS = 30000;
const RESET_MS = 1000;
const RESET_MAX_MS = 15000;
const CALM_MS = 60000; /* a reset after so long is a first one again */

export class Connection {
    state = "loading";
    why = "";
    since = NaN; /* of lost: Unix milliseconds */
    #store;
    #loader;
    #clock;
    #to;
    #question = () => ({});
    #turn = 0;
    #tries = new Backoff(RESTART_MS, RESTART_MAX_MS);
    #resets = new Backoff(RESET_MS, RESET_MAX_MS);
    #resetAt = -Infinity; /* of performance.now() */
    #waitsToStart = false;
    #feed;
    #poll;

    /* told(state before) at each change of state; event(e) for each event that came. */
    constructor({store, loader, clock, question}, listener) {
        this.#store = store;
        this.#loader = loader;
        this.#clock = clock;
        this.#question = question;
        this.#to = listener;
        this.#feed = new Feed({
            open: () => this.#opened(),
            event: (event) => this.#event(event),
            heard: (now) => clock.heard(now),
            reset: () => this.#reset(),
            closed: () => this.#poll.start(),
        });
        this.#poll = new Poll(store, {
            answered: (answer) => this.#answered(answer),
            failed: (refusal) => this.#failed(refusal),
        });
        window.addEventListener("online", () => this.#waitsToStart ? this.start() : this.#feed.again());
    }

    async start() {
        const turn = ++this.#turn;
        this.#waitsToStart = false;
        this.#feed.end();
        try {
            const answer = await this.#loader.begin(this.#question(), {fresh: true});
            if (turn !== this.#turn)
                return;
            this.#tries.begin();
            this.#clock.heard(answer.now);
            if (answer.position === null)
                this.#poll.start();
            else
                this.#feed.begin(answer.position);
        } catch (refusal) {
            if (turn !== this.#turn)
                return;
            if (refusal.kind === "aborted") /* by another question of the reader: his answer tells a place as well */
                return void this.start();
            this.#failed(refusal);
            if (this.state !== "refused")
                this.#startIn(this.#tries.next(refusal.retryAfterS));
        }
    }

    #startIn(waitMs) {
        const turn = ++this.#turn;
        this.#waitsToStart = true;
        setTimeout(() => turn === this.#turn && this.start(), waitMs);
    }

    /* All pages are told at once, and each loads anew. Where that happens again and again, what is shown is not live. */
    #reset() {
        if (performance.now() - this.#resetAt > CALM_MS)
            this.#resets.begin();
        this.#resetAt = performance.now();
        this.#startIn(this.#resets.next());
        if (this.#resets.count > 1)
            this.#poll.start();
    }

    #opened() {
        this.#poll.stop();
        this.#become("live");
    }

    #event(event) {
        this.#store.put(ofEvent(event));
        this.#to.event(event);
    }

    /* A poll got through: so the feed may, too. */
    #answered({now, position}) {
        const wasLost = this.state === "lost";
        this.#clock.heard(now);
        this.#become("polling");
        if (!this.#feed.isBegun && position !== null && !this.#waitsToStart) {
            this.#poll.stop();
            this.start();
        } else if (wasLost)
            this.#feed.again();
    }

    #failed(refusal) {
        if (refusal.kind === "unauthorized") {
            this.#feed.end();
            this.#poll.stop();
            this.#become("refused");
            return;
        }
        this.#become("lost", refusal.message);
    }

    #become(state, why = "") {
        const before = this.state;
        if (state === before && why === this.why)
            return;
        if (state === "lost" && before !== "lost") {
            this.#clock.stop();
            this.since = before === "loading" ? NaN : this.#clock.now();
        }
        this.state = state;
        this.why = why;
        this.#to.told(before);
    }
}
