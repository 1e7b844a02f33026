/* stream: the messages of a server, as they come, many at a time.
 *
 * The form is that of server-sent events. An EventSource would read it too, but hands over each message as an event of its
 * own, which at some thousands a second costs more than all that the page does with them; and of an answer that refuses it
 * tells neither the status nor when to come again.
 *
 *   came(messages)   [{name, id, data}]: the id "" if there is none
 *   failed(s)        it is over, for whatever reason; not to be tried again for so many seconds, or null */

const APART_MS = 50; /* what comes in this time is told together */
const LARGE = 1 << 18; /* letters that have come: told at once */
const MESSAGE_MAX = 1 << 20; /* letters */

export class Stream {
    #to;
    #abort = new AbortController();
    #text = ""; /* that has come and is not told */
    #timer = 0;
    #toldAt = -Infinity; /* of performance.now() */

    constructor(path, listener) {
        this.#to = listener;
        this.#read(path).then(() => this.#fail(null), (error) => this.#fail(error.retryAfterS ?? null));
    }

    /* Nothing is told any more. */
    close() {
        this.#abort.abort();
        clearTimeout(this.#timer);
    }

    #fail(retryAfterS) {
        if (!this.#abort.signal.aborted)
            this.#to.failed(retryAfterS);
        this.close();
    }

    async #read(path) {
        const {signal} = this.#abort;
        const response = await fetch(path, {headers: {accept: "text/event-stream"}, cache: "no-store", signal});
        if (!response.ok || !response.headers.get("content-type")?.startsWith("text/event-stream"))
            throw Object.assign(new Error("no stream"), {retryAfterS: Number.parseFloat(response.headers.get("retry-after")) || null});
        const reader = response.body.getReader();
        const decoder = new TextDecoder();
        for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
            this.#text += decoder.decode(piece.value, {stream: true});
            if (this.#text.length > LARGE)
                this.#tell();
            else
                this.#timer ||= setTimeout(() => this.#tell(), Math.max(0, this.#toldAt + APART_MS - performance.now()));
        }
        this.#tell();
    }

    /* The messages that are whole; what has come may end anywhere. */
    #tell() {
        clearTimeout(this.#timer);
        this.#timer = 0;
        this.#toldAt = performance.now();
        if (this.#abort.signal.aborted)
            return;
        const blocks = this.#text.split("\n\n");
        this.#text = blocks.pop();
        const messages = blocks.map(message).filter(({data}) => data !== "");
        if (messages.length > 0)
            this.#to.came(messages);
        if (this.#text.length > MESSAGE_MAX)
            this.#fail(null);
    }
}

function message(block) {
    const told = {name: "message", id: "", data: ""};
    for (const line of block.split("\n")) {
        if (line.startsWith("data: "))
            told.data += line.slice(6);
        else if (line.startsWith("id: "))
            told.id = line.slice(4);
        else if (line.startsWith("event: "))
            told.name = line.slice(7);
    }
    return told;
}
