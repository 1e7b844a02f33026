/* feed: the live events of the server, over one EventSource that is watched.
 *
 * It begins at a place in the stream and knows how far it came, so that whatever breaks, the next connection goes on from
 * there and nothing is missed. The browser's own reconnecting is not used: it does not tell when a line is dead without
 * being closed, and gives up for good on some answers. A hidden page lets its line go, since browsers allow six of them to
 * one host, and comes back to where it was.
 *
 *   open()     the line stands            event(e)   what a task said
 *   heard(now) any sign of life           reset(why) the place is gone: load anew and begin() again
 *   closed()   it stays broken, and is tried again by itself */

const SILENCE_MS = 40000; /* the server says something every 15 s */
const HELLO_MS = 10000;
const RETRY_MS = 250;
const RETRY_MAX_MS = 30000;

export class Feed {
    #to;
    #position = null;
    #source = null;
    #watch = 0;
    #deadline = 0; /* of performance.now() */
    #retry = 0;
    #failures = 0;

    constructor(listener) {
        this.#to = listener;
        document.addEventListener("visibilitychange", () => this.#seen());
    }

    begin(position) {
        this.end();
        this.#position = position;
        this.#failures = 0;
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
        const source = new EventSource(`/api/events?last_event_id=${encodeURIComponent(this.#position)}`);
        const on = (name, act) => source.addEventListener(name, (message) => this.#take(source, message, act));

        this.#source = source;
        this.#expect(HELLO_MS);
        on("hello", () => {
            this.#failures = 0;
            this.#to.open();
        });
        on("task", (event) => this.#to.event(event));
        on("beat", () => {});
        on("at", () => {});
        source.addEventListener("reset", (message) => this.#reset(message));
        source.onerror = () => this.#fail();
    }

    #take(source, message, act) {
        let said;
        try {
            said = JSON.parse(message.data);
        } catch {
            return this.#fail();
        }
        if (source !== this.#source)
            return;
        if (message.lastEventId !== "")
            this.#position = message.lastEventId;
        this.#expect(SILENCE_MS);
        act(said);
        this.#to.heard(said.now);
    }

    #reset(message) {
        this.end();
        let why = "";
        try {
            why = JSON.parse(message.data).reason;
        } catch { /* the reason is for people only */ }
        this.#to.reset(why);
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
    #fail() {
        this.#drop();
        const wait = Math.min(RETRY_MS * 2 ** this.#failures++, RETRY_MAX_MS);
        this.#retry = setTimeout(() => document.hidden || this.#connect(), wait * (0.75 + Math.random() / 2));
        if (this.#failures > 1)
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
