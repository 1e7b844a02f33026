/* detail: one task beside the list: what it is, its life drawn, and every event that said so.
 *
 * What is shown is the ledger's history, asked for again soon after the feed tells of the task. */
import {askTask} from "./api.js";
import {Backoff} from "./backoff.js";
import {cover} from "./cover.js";
import {find, make} from "./dom.js";
import {badge} from "./row.js";
import {duration, line, ms, number, plain, plural, time} from "./format.js";
import {timeline} from "./timeline.js";

const AGAIN_MS = 700;
const FAILED_MS = 2000;
const FAILED_MAX_MS = 30000;
const EVENTS = 1000;
const NARROW = matchMedia("(max-width: 60rem)"); /* as page.css has it: one task lies over the list */

export class Detail {
    id = null;
    #element = find("detail");
    #clock;
    #to;
    #abort = new AbortController();
    #timer = 0;
    #isAsking = false;
    #isOld = false; /* something was said since the question that is on its way */
    #wantsMore = false; /* than is shown */
    #waits = new Backoff(FAILED_MS, FAILED_MAX_MS);
    #answer = null;
    #open = new Set(); /* numbers of events that are unfolded */
    #isRaw = false;

    /* listener: closed(), failed(refusal). */
    constructor(clock, listener) {
        this.#clock = clock;
        this.#to = listener;
        this.#element.addEventListener("keydown", (event) => event.key === "Escape" && this.#to.closed());
        new ResizeObserver(() => this.#drawLife()).observe(this.#element);
        NARROW.addEventListener("change", () => this.#cover());
    }

    #cover() {
        cover("detail", this.id !== null && NARROW.matches ? ["skip", "top", "content"] : []);
    }

    show(id) {
        if (id === this.id)
            return;
        this.id = id;
        this.#end();
        this.#element.hidden = id === null;
        this.#cover();
        this.#answer = null;
        this.#wantsMore = false;
        this.#waits.begin();
        this.#open.clear();
        if (id === null)
            return;
        this.#frame(make("p", {class: "quiet"}, "Loading…"));
        find("detail-title").focus();
        this.#load();
    }

    /* Something was said about this task. */
    heard(id) {
        if (id !== this.id)
            return;
        if (this.#isAsking)
            this.#isOld = true;
        else
            this.#timer ||= setTimeout(() => this.#load(), AGAIN_MS);
    }

    /* The connection is back. */
    again() {
        if (this.id === null)
            return;
        clearTimeout(this.#timer);
        this.#timer = 0;
        this.heard(this.id);
    }

    /* One question is on its way at most. The reader's ends what the feed was the reason for, which else is waited for: so
     * no older answer follows a newer one, and a task that never rests is shown all the same. */
    async #load(isMore = false) {
        this.#end();
        this.#abort = new AbortController();
        this.#isAsking = true;
        const {signal} = this.#abort;
        try {
            this.#answer = await this.#ask(isMore, signal);
            this.#wantsMore = false;
            this.#waits.begin();
            this.#fill();
        } catch (refusal) {
            if (signal.aborted)
                return;
            this.#wantsMore ||= isMore;
            if (refusal.mayPass)
                this.#timer = setTimeout(() => this.#load(), this.#waits.next(refusal.retryAfterS));
            if (refusal.kind === "not_found")
                this.#frame(make("p", {class: "quiet"}, "The ledger does not know this task, or not yet."));
            else if (this.#answer === null)
                this.#frame(make("p", {class: "quiet"}, `Could not load its history: ${refusal.message}.`));
            this.#to.failed(refusal);
        } finally {
            if (!signal.aborted)
                this.#asked();
        }
    }

    #end() {
        this.#abort.abort();
        clearTimeout(this.#timer);
        this.#timer = 0;
        this.#isAsking = false;
        this.#isOld = false;
    }

    #asked() {
        const isOld = this.#isOld;
        this.#isAsking = false;
        this.#isOld = false;
        if (isOld)
            this.heard(this.id);
    }

    /* One page more, or as many events as are shown, anew. */
    async #ask(isMore, signal) {
        const {id} = this;
        const page = async (before, cursor) => {
            const answer = await askTask(id, "/history", {limit: EVENTS, cursor, raw: this.#isRaw ? 1 : null}, {signal});
            signal.throwIfAborted();
            return before === null ? answer : {...answer, attempts: before.attempts, events: [...before.events, ...answer.events]};
        };
        if (isMore)
            return page(this.#answer, this.#answer.cursor);
        const wanted = (this.#answer?.events.length ?? 0) + (this.#wantsMore ? 1 : 0);
        let answer = await page(null, null);
        while (answer.cursor !== null && answer.events.length < wanted)
            answer = await page(answer, answer.cursor);
        return answer;
    }

    #frame(...children) {
        if (find("detail-title")?.textContent !== plain(this.id))
            this.#element.replaceChildren(make("header", {},
                make("h2", {id: "detail-title", tabindex: -1, class: "said"}, plain(this.id)),
                make("button", {type: "button", class: "close", click: () => this.#to.closed()}, "Close")));
        while (this.#element.children.length > 1)
            this.#element.lastChild.remove();
        this.#element.append(...children.filter((child) => child !== null));
    }

    #fill() {
        const {task, events, cursor} = this.#answer;
        const top = this.#element.scrollTop;
        const held = this.#element.contains(document.activeElement) ? document.activeElement.dataset.hold : undefined;
        this.#frame(
            this.#facts(task),
            make("div", {class: "life"}),
            errorOf(task),
            task.data === null || task.data === undefined ? null : make("details", {}, make("summary", {}, "Data"),
                make("pre", {class: "said"}, plain(JSON.stringify(task.data, null, 2)))),
            make("h3", {}, plural(task.event_count ?? events.length, "event")),
            make("label", {class: "raw"}, this.#rawSwitch(), " with the bytes, as they were received"),
            make("ol", {class: "events"}, ...events.map((event) => this.#event(event))),
            cursor === null ? null : make("button", {type: "button", "data-hold": "more", click: () => this.#load(true)}, "More events"));
        this.#drawLife();
        this.#element.scrollTop = top;
        if (held !== undefined)
            this.#element.querySelector(`[data-hold="${CSS.escape(held)}"]`)?.focus({preventScroll: true});
    }

    #rawSwitch() {
        const box = make("input", {type: "checkbox", "data-hold": "raw", change: () => {
            this.#isRaw = box.checked;
            this.#load();
        }});
        box.checked = this.#isRaw;
        return box;
    }

    #facts(task) {
        const status = badge();
        status.fill(task);
        const at = (when) => when === null ? null : make("time", {datetime: when, title: when}, time(ms(when), this.#clock.now()));
        const rows = [
            ["Status", status.element], ["Name", line(task.task_name)], ["Step", line(task.step)],
            ["Progress", task.progress === null ? null : `${number(task.progress * 100, 1)} %`], ["Attempt", number(task.attempt)],
            ["Message", plain(task.message)], ["Worker", line(task.worker)], ["Queue", line(task.queue)],
            ["Parent", task.parent_task_id === null ? null :
                make("a", {href: `#/task/${encodeURIComponent(task.parent_task_id)}`}, line(task.parent_task_id))],
            ["First", at(task.first_at)], ["Started", at(task.started_at)], ["Finished", at(task.finished_at)],
            ["Last event", at(task.occurred_at)],
            ["Took", task.finished_at === null ? null : duration((ms(task.finished_at) - ms(task.first_at)) / 1000)],
        ];
        return make("dl", {class: "facts"}, ...rows.filter(([, value]) => value !== null && value !== "")
            .flatMap(([name, value]) => [make("dt", {}, name), make("dd", {class: "said"}, value)]));
    }

    #drawLife() {
        const place = this.#element.querySelector(".life");
        if (place !== null && this.#answer?.attempts.length > 0)
            place.replaceChildren(timeline(this.#answer, place.clientWidth, this.#clock.now()));
    }

    #event(event) {
        const key = `${event.producer_id}#${event.sequence}`;
        const status = badge();
        status.fill(event);
        const marks = [event.mark, event.archived === false && "not yet archived", event.duplicate && "said twice",
            event.contested && "contested", event.redacted && `redacted: ${line(event.redacted)}`].filter(Boolean);
        const fold = make("details", {toggle: () => fold.open ? this.#open.add(key) : this.#open.delete(key)},
            make("summary", {"data-hold": key},
                make("time", {datetime: event.occurred_at}, time(ms(event.occurred_at), this.#clock.now())), status.element,
                make("span", {class: "said"}, [event.step, event.message, event.error_type].filter(Boolean).map(line).join(" · ")),
                marks.length > 0 && make("span", {class: "marks"}, marks.join(", "))),
            ...everything(event));
        fold.open = this.#open.has(key);
        return make("li", {"data-mark": event.mark}, fold);
    }
}

function errorOf(task) {
    return task.error_type || task.error_message ? make("section", {class: "error", "aria-label": "Error"},
        make("strong", {class: "said"}, plain(task.error_type ?? "Error")), make("pre", {class: "said"}, plain(task.error_message ?? ""))) : null;
}

/* An event as it is: each field that says something. */
function everything(event) {
    const rows = Object.entries(event).filter(([, value]) => value !== null && value !== "" && value !== false);
    return [make("dl", {class: "facts raw"}, ...rows.flatMap(([name, value]) => [make("dt", {}, name),
        make("dd", {class: "said"}, make("code", {}, plain(typeof value === "object" ? JSON.stringify(value, null, 2) : String(value))))]))];
}
