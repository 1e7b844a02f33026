/* backoff: how long to wait before asking again.
 *
 * Pages that lose a server lose it at one moment. So that they do not come back at one, and find it busy with each other,
 * no wait is the same twice, nor on two pages. */

/* A server that says more is asked all the same. */
const RETRY_AFTER_MAX_S = 300;

/* Something between half of it and half as much again. */
export function spread(ms) {
    return ms * (0.5 + Math.random());
}

export class Backoff {
    count = 0; /* how often it was asked since it began */
    #first;
    #most;

    constructor(firstMs, mostMs) {
        this.#first = firstMs;
        this.#most = mostMs;
    }

    /* Milliseconds: twice as long each time, up to the most, and not before the server said. */
    next(retryAfterS = null) {
        const wait = spread(Math.min(this.#first * 2 ** this.count++, this.#most));
        return Math.max(wait, Math.min(retryAfterS ?? 0, RETRY_AFTER_MAX_S) * 1000 * (1 + Math.random()));
    }

    begin() {
        this.count = 0;
    }
}
