/* api: questions to the server. Each has a deadline, and one kind of failure. */

const DEADLINE_MS = 15000;

export class Refusal extends Error {
    constructor(kind, message, retryAfterS = null) {
        super(message);
        this.kind = kind;
        this.retryAfterS = retryAfterS;
    }

    /* The same question may be answered later, without anybody doing something about it. */
    get mayPass() {
        return ["away", "too_many", "unavailable"].includes(this.kind);
    }
}

async function refusalOf(response) {
    const said = await response.json().then((body) => body?.error, () => null);
    const wait = Number.parseFloat(said?.retry_after_s ?? response.headers.get("retry-after") ?? "");
    const kinds = {400: "bad_request", 401: "unauthorized", 404: "not_found", 429: "too_many"};
    return new Refusal(kinds[response.status] ?? "unavailable", said?.message ?? `the server answered ${response.status}`,
        Number.isFinite(wait) ? wait : null);
}

/* The answer, or a Refusal: "away" when nobody answered. */
export async function ask(path, query = {}, {signal} = {}) {
    const url = new URL(path, location.origin);
    for (const [name, value] of Object.entries(query))
        for (const each of [value].flat())
            if (each !== null && each !== undefined && each !== "")
                url.searchParams.append(name, each);

    let response;
    try {
        response = await fetch(url, {
            headers: {accept: "application/json"},
            signal: AbortSignal.any([AbortSignal.timeout(DEADLINE_MS), ...(signal ? [signal] : [])]),
        });
        if (response.ok)
            return await response.json();
    } catch (error) {
        if (signal?.aborted)
            throw new Refusal("aborted", "no longer wanted");
        throw new Refusal("away", error.name === "TimeoutError" ? "no answer within 15 s" : "the server cannot be reached");
    }
    throw await refusalOf(response);
}

/* A browser takes "." and ".." in a path for steps, however they are written. */
export function askTask(id, what = "", query = {}, options = {}) {
    return id === "." || id === ".."
        ? ask(`/api/tasks/-${what}`, {...query, id}, options)
        : ask(`/api/tasks/${encodeURIComponent(id)}${what}`, query, options);
}
