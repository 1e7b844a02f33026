/* pages: stuck and rejected: what waits for somebody to do something about it. */
import {find, make, say} from "./dom.js";
import {number} from "./format.js";
import {Table} from "./table.js";

const STUCK = {
    path: "/api/stuck", list: "tasks", title: "Stuck tasks", none: "No task is stuck.",
    columns: [["task_id", "Task", "task"], ["task_name", "Name", "text"], ["status", "Status", "word"], ["attempt", "Attempt", "number"],
        ["step", "Step", "text"], ["worker", "Worker", "text"], ["silent_us", "Silent for", "duration"],
        ["producer_state", "Its producer", "word"], ["producer_host", "Host", "text"], ["producer_pid", "Process", "id"],
        ["close_command", "Close it by", "command"]],
};

const REJECTED = {
    path: "/api/rejected", list: "rejected", query: {open: 1}, title: "Rejected events", none: "Nothing waits here.",
    columns: [["rejected_at", "When", "time"], ["reason", "Reason", "word"], ["detail", "Detail", "text"], ["stream_id", "ID in the stream", "word"],
        ["producer_id", "Producer", "text"], ["sequence", "Number", "number"], ["deliveries", "Deliveries", "number"],
        ["payload_bytes", "Bytes", "number"], ["id", "Row", "id"]],
};

class ListPage {
    #table;
    #title;
    #section;

    constructor(id, title, words, table) {
        this.#section = find(id);
        this.#title = make("h2", {id: `${id}-title`}, title);
        this.#table = table;
        this.#section.append(this.#title, make("p", {class: "quiet"}, words), table.element);
    }

    /* Asks for the list, unless somebody is reading far down in it or has something selected. */
    async refresh() {
        if (!getSelection().isCollapsed || this.#section.scrollTop > 400)
            return;
        await this.#table.load();
    }
}

export function makePages(clock) {
    return {
        stuck: new ListPage("stuck", "Stuck tasks", "Running or retrying, and nothing was heard of them for five minutes or more. Their" +
            " worker may have died without a word. The command closes one, with a reason; a worker that is alive after all can't undo that.",
        new Table(STUCK, clock)),
        rejected: new ListPage("rejected", "Rejected events", "Set aside, since they can never be events of the ledger. Each holds its" +
            " number, so it is not missing. taskledger-replay rejected shows the bytes, tries one again, or resolves it.", new Table(REJECTED, clock)),
    };
}

/* "Stuck 3" in the navigation, "Stuck 3 tasks" for who listens; nothing for none. */
export function count(id, value, one, many = one) {
    const isAny = value > 0;
    say(find(id), isAny ? number(value) : "");
    say(find(`${id}-words`), !isAny ? "" : value === 1 ? one : many);
}
