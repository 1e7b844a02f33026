/* filter: which tasks the reader wants to see, as it stands in the address, as the server is asked for it, and as a test. */
import {STATUSES} from "./task.js";

export class Filter {
    statuses = new Set();
    name = "";
    text = "";
    sinceS = 0;

    static parse(query) {
        const filter = new Filter();
        for (const status of query.getAll("status"))
            if (Object.hasOwn(STATUSES, status))
                filter.statuses.add(status);
        filter.name = query.get("name") ?? "";
        filter.text = query.get("text") ?? "";
        filter.sinceS = Math.max(0, Number.parseInt(query.get("since") ?? "0", 10) || 0);
        return filter;
    }

    toString() {
        const query = new URLSearchParams();
        for (const status of this.statuses)
            query.append("status", status);
        if (this.name !== "")
            query.set("name", this.name);
        if (this.text !== "")
            query.set("text", this.text);
        if (this.sinceS > 0)
            query.set("since", String(this.sinceS));
        return query.toString();
    }

    copy() {
        return Filter.parse(new URLSearchParams(this.toString()));
    }

    get address() {
        const query = this.toString();
        return query === "" ? "#/tasks" : `#/tasks?${query}`;
    }

    /* The part that the server knows: a text is looked for among what the page has. */
    question(nowMs) {
        return {status: [...this.statuses], name: this.name, since: this.#since(nowMs)};
    }

    matcher(nowMs) {
        const since = this.#since(nowMs);
        const words = this.text.toLowerCase().split(/\s+/).filter(Boolean);
        return (task) =>
            (this.statuses.size === 0 || this.statuses.has(task.status)) &&
            (this.name === "" || task.task_name === this.name) &&
            (since === "" || task.first_at >= since) &&
            words.every((word) => haystack(task).includes(word));
    }

    #since(nowMs) {
        return this.sinceS === 0 ? "" : new Date(nowMs - this.sinceS * 1000).toISOString().replace("Z", "000Z");
    }
}

/* Made when it is first searched, and again after a change. */
function haystack(task) {
    task.haystack ??= [task.task_id, task.task_name, task.worker, task.queue, task.step, task.error_type]
        .filter(Boolean).join("\n").toLowerCase();
    return task.haystack;
}
