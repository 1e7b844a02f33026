/* feed: the live events of the server, over one stream that is watched.
 *
 * It begins at a place in the stream and knows how far it came, so that whatever breaks, the next connection goes on from
 * there and nothing is missed. A hidden page lets its line go, since browsers allow six of them to one host, and comes back
 * to where it was.
 *
 *   open()     the line stands            event(e)   what a task said
 *   heard(now) any sign of life           reset(why) the place is gone: load anew and begin() again
 *   closed()   it stays broken, and is tried again by itself */
import {Backoff} from "./backoff.js";
import {Stream} from "./stream.js";

const SILENCE_MS = 40000; /* the server says something every 15 s */
const HELLO_MS = 10000;
const RETRY_MS = 300;
const RETRY_MAX_MS = 30000;

export class Feed {
    #to;
    #position = null;
    #source = null;
    #watch = 0;
    #deadline = 0; /* of performance.now() */
    #retry = 0;
    #waits = new Backoff(RETRY_MS, RETRY_MAX_MS);

    constructor(listener) {
        this.#to = listener;
        document.addEventListener("visibilitychange", () => this.#seen());
    }

    begin(position) {
        this.end();
        this.#position = position;
        this.#waits.begin();
        this.#seen();
    }

    end() {
        this.#position = null;
        this.#drop();
    }

    /* Tries at once, if it waits to. */
    again() {
        if (this.#position !== null && this.#source === null)
            this.#connect();
    }

    get isBegun() {
        return this.#position !== null;
    }

    #seen() {
        if (this.#position === null)
            return;
        if (document.hidden)
            this.#drop();
        else if (this.#source === null)
            this.#connect();
    }

    #connect() {
        this.#drop();
        this.#expect(HELLO_MS);
        const source = new Stream(`/api/events?last_event_id=${encodeURIComponent(this.#position)}`, {
            came: (messages) => this.#take(source, messages),
            failed: (retryAfterS) => this.#fail(retryAfterS),
        });
        this.#source = source;
    }

    #take(source, messages) {
        let now = null;
        for (const {name, id, data} of messages) {
            let said;
            try {
                said = JSON.parse(data);
            } catch {
                return this.#fail();
            }
            if (id !== "")
                this.#position = id;
            now = said.now ?? now;
            this.#tell(name, said);
            if (source !== this.#source)
                return;
        }
        this.#expect(SILENCE_MS);
        if (now !== null)
            this.#to.heard(now);
    }

    #tell(name, said) {
        if (name === "task")
            this.#to.event(said);
        else if (name === "hello") {
            this.#waits.begin();
            this.#to.open();
        } else if (name === "reset") {
            this.end();
            this.#to.reset(said.reason);
        }
    }

    /* Nothing for so long, and the line is taken for dead. Of the timers one is enough, however fast events come. */
    #expect(withinMs) {
        this.#deadline = performance.now() + withinMs;
        if (this.#watch === 0)
            this.#wait();
    }

    #wait() {
        const left = this.#deadline - performance.now();
        if (left <= 0)
            return this.#fail();
        this.#watch = setTimeout(() => this.#wait(), left);
    }

    /* A line that broke is tried again almost at once, and only if that fails is it worth a word. */
    #fail(retryAfterS = null) {
        this.#drop();
        this.#retry = setTimeout(() => document.hidden || this.#connect(), this.#waits.next(retryAfterS));
        if (this.#waits.count > 1 || retryAfterS !== null)
            this.#to.closed();
    }

    #drop() {
        clearTimeout(this.#watch);
        this.#watch = 0;
        clearTimeout(this.#retry);
        this.#source?.close();
        this.#source = null;
    }
}
