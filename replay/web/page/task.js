/* task: what a task's events add up to, by the rules of proto/projection.h.
 *
 * A row of the ledger and an event of the feed are the same kind of thing here: what is known of one task. Merging is
 * a maximum, so it does not matter which of them came first or how often: the page may load while events arrive.
 *
 * Times are compared as text, which RFC 3339 in UTC with six digits allows. */

export const STATUSES = {
    PENDING: {words: "Pending", phase: 0, tone: "waiting"},
    QUEUED: {words: "Queued", phase: 0, tone: "waiting"},
    RUNNING: {words: "Running", phase: 1, tone: "active"},
    RETRY: {words: "Retrying", phase: 1, tone: "odd"},
    SUCCESS: {words: "Succeeded", phase: 2, tone: "good"},
    PARTIAL_FAILURE: {words: "Partly failed", phase: 2, tone: "odd"},
    FAILURE: {words: "Failed", phase: 2, tone: "bad"},
    CANCELLED: {words: "Cancelled", phase: 2, tone: "gone"},
};

const UNKNOWN = {words: "Unknown", phase: 0, tone: "gone"};

export function statusOf(task) {
    return STATUSES[task.status] ?? UNKNOWN;
}

export function isFinal(task) {
    return statusOf(task).phase === 2;
}

const WHOLE = ["status", "attempt", "step", "progress", "message", "worker", "queue", "error_type", "error_message",
    "occurred_at", "finished_at", "producer_id", "sequence"];

/* What one event of the feed says. */
export function ofEvent(event) {
    const {phase} = statusOf(event);
    return {
        ...event,
        step: event.step ?? (event.status === "SUCCESS" ? "completed" : null),
        first_at: event.occurred_at,
        queued_at: phase === 0 ? event.occurred_at : null,
        started_at: event.status === "RUNNING" ? event.occurred_at : null,
        finished_at: phase === 2 ? event.occurred_at : null,
    };
}

function order(a, b) {
    return a < b ? -1 : a > b ? 1 : 0;
}

export function compare(a, b) {
    return a.attempt - b.attempt || statusOf(a).phase - statusOf(b).phase || order(a.occurred_at, b.occurred_at) ||
        order(a.producer_id, b.producer_id) || a.sequence - b.sequence;
}

function least(a, b) {
    return !a ? b : !b || a <= b ? a : b;
}

/* `task` becomes what both together say. True if that changed anything. */
export function merge(task, other) {
    let isOther = false;
    const {attempt, first_at: first, queued_at: queued, started_at: started, task_name: name} = task;

    if (compare(task, other) < 0)
        for (const column of WHOLE)
            if (task[column] !== other[column]) {
                task[column] = other[column];
                isOther = true;
            }
    task.task_name = least(name, other.task_name);
    task.parent_task_id = least(task.parent_task_id, other.parent_task_id);
    task.first_at = least(first, other.first_at);
    if (attempt === other.attempt) {
        task.queued_at = least(queued, other.queued_at);
        task.started_at = least(started, other.started_at);
    } else if (other.attempt > attempt) {
        task.queued_at = other.queued_at;
        task.started_at = other.started_at;
    }
    return isOther || first !== task.first_at || queued !== task.queued_at || started !== task.started_at ||
        name !== task.task_name;
}

/* Newest first, as the server lists them. */
export function newestFirst(a, b) {
    return order(b.first_at, a.first_at) || order(b.task_id, a.task_id);
}
