/* health: whether the pipeline is well: servers, lag, rates over time, consumers, producers, losses. */
import {chart} from "./chart.js";
import {find, make} from "./dom.js";
import {bytes, duration, line, ms, number, plural} from "./format.js";
import {Table} from "./table.js";

const LOSSES = {
    path: "/api/losses", list: "losses", query: {open: 1}, title: "Open losses", none: "Nothing is missing.",
    columns: [["detected_at", "Detected", "time"], ["kind", "Kind", "word"], ["producer_id", "Producer", "text"], ["first_sequence", "First", "number"],
        ["last_sequence", "Last", "number"], ["detail", "Detail", "text"]],
};

const PRODUCERS = {
    path: "/api/producers", list: "producers", title: "Producers", none: "No producer was heard of yet.",
    columns: [["worker", "Worker", "text"], ["host", "Host", "text"], ["pid", "Process", "id"], ["state", "State", "word"], ["heard_at", "Heard", "time"],
        ["opened_at", "Opened", "time"], ["last_sequence", "Last number", "number"], ["archived_sequence", "Archived up to", "number"],
        ["library_version", "Version", "text"], ["producer_id", "Producer", "text"]],
};

export class Health {
    #facts = make("div", {class: "cards"});
    #charts = make("div", {class: "charts"});
    #consumers = make("div", {class: "listed"});
    #note = make("p", {class: "stale", hidden: true});
    #losses;
    #producers;

    constructor(clock) {
        this.#losses = new Table(LOSSES, clock);
        this.#producers = new Table(PRODUCERS, clock);
        find("health").append(make("h2", {id: "health-title"}, "Health"), this.#note, this.#facts,
            make("h3", {}, "The last hour"), this.#charts,
            make("h3", {}, "Consumers"), this.#consumers,
            make("h3", {}, "Losses"), this.#losses.element,
            make("h3", {}, "Producers"), this.#producers.element);
    }

    /* What /api/stats answered. */
    show(stats) {
        this.#note.hidden = true;
        this.#facts.replaceChildren(...cards(stats));
        this.#charts.replaceChildren(...charts(stats.series));
        this.#consumers.replaceChildren(...consumers(stats.consumers));
    }

    /* The numbers cannot be had; `words` say since when, and why. */
    age(words) {
        this.#note.hidden = false;
        this.#note.textContent = words;
    }

    async refresh() {
        await Promise.allSettled([this.#losses.load(), this.#producers.load()]);
    }
}

/* How many things are not as they should be. */
export function troubles(stats) {
    const {servers, losses, consumers: all} = stats;
    return [servers?.redis?.up === false, servers?.postgresql?.up === false, losses?.open > 0, all?.length === 0].filter(Boolean).length;
}

function card(title, value, words, tone = null) {
    return make("div", {class: "card", "data-tone": tone}, make("h3", {}, title), make("p", {class: "value"}, value), make("p", {class: "quiet"}, words));
}

function server(name, state) {
    return state === null || state === undefined ? card(name, "not known", "") :
        card(name, state.up ? "answers" : "is away", line(state.message), state.up ? "good" : "bad");
}

function cards({servers, lag, rates, producers, losses, rejected, stuck}) {
    return [
        server("Redis", servers?.redis),
        server("PostgreSQL", servers?.postgresql),
        lag ? card("Lag", number(lag.entries), `entries not yet given out, ${number(lag.pending)} given and not settled; ${
            lag.oldest_s > 0 ? `the oldest is ${duration(lag.oldest_s)} old` : "all is settled"}`, lag.oldest_s > 60 ? "odd" : "good") : card("Lag", "not known", "Redis is away"),
        lag ? card("Stream", number(lag.length), `entries, ${bytes(lag.bytes)}`) : null,
        rates ? card("Events", `${number(rates.events, 1)}/s`, `${number(rates.finished, 1)}/s finished, ${number(rates.failed, 1)}/s failed, over ${
            duration(rates.window_s)}`, rates.failed > rates.finished / 2 && rates.failed > 0 ? "odd" : null) : null,
        producers ? card("Producers", number(producers.open), `open, ${number(producers.silent)} of them silent; ${number(producers.closed)} closed`,
            producers.silent > 0 ? "odd" : null) : null,
        losses ? card("Losses", number(losses.open), `open, ${number(losses.total)} ever detected`, losses.open > 0 ? "bad" : "good") : null,
        rejected ? card("Rejected", number(rejected.open), `unresolved, ${number(rejected.total)} in all`, rejected.open > 0 ? "odd" : "good") : null,
        stuck ? card("Stuck", number(stuck.count), `silent for more than ${duration(stuck.older_s)}`, stuck.count > 0 ? "odd" : "good") : null,
    ].filter(Boolean);
}

function charts(series) {
    if (!series)
        return [make("p", {class: "quiet"}, "No rates can be had while Redis is away.")];
    const common = {untilMs: ms(series.until), stepS: series.step_s};
    const one = (title, unit, ...lines) => chart({...common, title, unit,
        lines: lines.map(([name, tone]) => ({name, tone, values: series[name] ?? []}))});
    return [
        one("Events", "/s", ["events", "active"]),
        one("Ended", "/s", ["finished", "good"], ["failed", "bad"]),
        one("Started", "/s", ["started", "waiting"]),
        one("Lag", "entries", ["lag", "odd"]),
    ];
}

function consumers(all) {
    if (!all)
        return [make("p", {class: "quiet"}, "Not known while Redis is away.")];
    if (all.length === 0)
        return [make("p", {class: "quiet"}, "No consumer reads the stream: nothing reaches the ledger.")];
    return [make("ul", {class: "chips"}, ...all.map(({name, pending, idle_s: idle, held}) => make("li", {"data-tone": held === false ? "bad" : null},
        make("strong", {class: "said"}, line(name)), held === false ? " is gone" : "", `, ${plural(pending, "entry", "entries")} pending, read ${
            duration(idle) || "–"} ago`)))];
}
