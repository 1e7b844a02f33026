/* main: the page. What is seen stands in the address: #/tasks?status=…, #/task/ID, #/stuck, #/rejected, #/health. */
import {Clock} from "./clock.js";
import {Connection} from "./connection.js";
import {Detail} from "./detail.js";
import {find, make, mark, say} from "./dom.js";
import {Filter} from "./filter.js";
import {ms, number, plain, plural, time} from "./format.js";
import {Grid} from "./grid.js";
import {Health, troubles} from "./health.js";
import {Loader} from "./loader.js";
import {announce, showConnection} from "./notice.js";
import {count, makePages} from "./pages.js";
import {COLUMNS, makeRow} from "./row.js";
import {Stats} from "./stats.js";
import {Store} from "./store.js";
import {newestFirst} from "./task.js";
import {followTheme} from "./theme.js";
import {Tiles} from "./tiles.js";

const TYPING_MS = 250;
const TICK_MS = 1000;
const NAMES_MAX = 200;

const clock = new Clock();
const store = new Store();
const loader = new Loader(store, () => {
    summarise();
    if (loader.failed === null)
        grid.look();
});
const health = new Health(clock);
const pages = makePages(clock);
const detail = new Detail(clock, {
    closed: () => go(page === "tasks" ? filter.address : `#/${page}`),
    failed: (refusal) => refusal.kind === "unauthorized" && connection.start(),
});
const grid = new Grid(find("grid"), COLUMNS, newestFirst, () => makeRow(clock), {
    open: (task) => go(`#/task/${encodeURIComponent(task.task_id)}`),
    nearEnd: () => filter.text === "" && loader.more(),
});
const tiles = new Tiles((status) => {
    const wanted = filter.copy();
    if (!wanted.statuses.delete(status))
        wanted.statuses.add(status);
    go(wanted.address);
});
const stats = new Stats({
    told: (answer) => {
        delete document.body.dataset.numbers;
        find("tiles-note").hidden = answer.tasks !== null;
        say(find("tiles-note"), answer.servers?.postgresql?.up === false ? "How many tasks there are is not known while PostgreSQL is away." :
            "How many tasks there are is not known yet.");
        tiles.count(answer.tasks);
        count("stuck-count", answer.stuck?.count, "task", "tasks");
        count("rejected-count", answer.rejected?.open, "unresolved");
        count("health-count", troubles(answer), "not well");
        health.show(answer);
        refreshPage();
    },
    failed: (refusal) => {
        const words = stats.last === null ? `The counts can't be had: ${refusal.message}.`
            : `The counts are as of ${time(ms(stats.last.now), clock.now())}, newer ones can't be had: ${refusal.message}.`;
        document.body.dataset.numbers = "old";
        find("tiles-note").hidden = false;
        say(find("tiles-note"), words);
        health.age(words);
        refreshPage();
    },
});
const connection = new Connection({store, loader, clock, question: () => filter.question(clock.now())}, {
    told: (before) => {
        showConnection(connection, before);
        grid.refresh();
        stats.soon();
        if (before === "lost")
            detail.again();
    },
    event: (event) => detail.heard(event.task_id),
});

let filter = new Filter();
let page = "";
let isPaused = false;

/* ---- what is seen ------------------------------------------------------------------------------------------------ */

function go(address) {
    if (location.hash === address)
        route();
    else
        location.hash = address;
}

function route() {
    const [path, query = ""] = location.hash.replace(/^#\/?/, "").split(/\?(.*)/s);
    const [name, ...rest] = path.split("/");
    const id = name === "task" ? decode(rest.join("/")) : null;

    if (name === "tasks" || name === "")
        take(Filter.parse(new URLSearchParams(query)));
    if (id === null || page === "")
        turnTo(id !== null || find(name)?.dataset.view === undefined ? "tasks" : name);
    const wasOpen = detail.id !== null;
    detail.show(id);
    if (wasOpen && id === null && page === "tasks")
        grid.focus();
}

function decode(text) {
    try {
        return decodeURIComponent(text);
    } catch {
        return text;
    }
}

function turnTo(name) {
    const turned = page !== "" && page !== name;
    page = name;
    for (const section of document.querySelectorAll("[data-view]"))
        section.hidden = section.dataset.view !== name;
    for (const link of document.querySelectorAll("[data-page]"))
        mark(link, "aria-current", link.dataset.page === name ? "page" : null);
    document.title = `${name[0].toUpperCase()}${name.slice(1)} · taskledger`;
    if (turned)
        find("content").focus();
    refreshPage();
}

/* The lists are asked for while they are looked at, as often as the numbers. */
async function refreshPage() {
    try {
        await (page === "health" ? health : pages[page])?.refresh();
    } catch { /* the banner tells */ }
}

/* ---- which tasks ------------------------------------------------------------------------------------------------- */

function take(wanted) {
    const isOther = wanted.toString() !== filter.toString();
    const asksOther = JSON.stringify(wanted.question(0)) !== JSON.stringify(filter.question(0));
    filter = wanted;
    const form = find("filters");
    for (const [name, value] of [["text", filter.text], ["name", filter.name], ["since", filter.sinceS || ""]])
        if (form.elements[name] !== document.activeElement)
            form.elements[name].value = String(value);
    tiles.press(filter.statuses);
    if (!isOther)
        return;
    store.filter(filter.matcher(clock.now()));
    if (asksOther)
        loader.begin(filter.question(clock.now())).catch(() => {});
    find("grid").scrollTop = 0;
    announce(`${plural(store.rows.length, "task")} found.`);
}

function typed() {
    const {elements} = find("filters");
    const wanted = filter.copy();
    wanted.text = elements.text.value.trim();
    wanted.name = elements.name.value.trim();
    wanted.sinceS = Number(elements.since.value) || 0;
    history.replaceState(null, "", wanted.address);
    take(wanted);
    if (wanted.name !== "" || find("names").children.length === 0)
        offerNames();
}

function offerNames() {
    const names = new Set();
    for (const task of store.tasks.values())
        if (task.task_name && names.size < NAMES_MAX)
            names.add(task.task_name);
    find("names").replaceChildren(...[...names].sort().map((name) => make("option", {value: name})));
}

function summarise() {
    const shown = number(store.rows.length);
    const known = number(store.tasks.size);
    const more = loader.failed !== null ? "older ones could not be loaded"
        : loader.isBusy ? "loading older ones"
        : store.wasCut ? "older ones are found by a filter"
        : loader.isDone ? "that is all" : filter.text === "" ? "older ones as you scroll" : `searched in the newest ${known}`;
    say(find("summary"), filter.text === "" ? `${plural(store.rows.length, "task")}, ${more}` : `${shown} of ${known} tasks, ${more}`);
}

function showTasks(changed) {
    if (isPaused)
        return;
    grid.show(store.rows);
    grid.refresh(changed);
    summarise();
}

/* ---- the reader -------------------------------------------------------------------------------------------------- */

function pause() {
    isPaused = !isPaused;
    mark(find("pause"), "aria-pressed", String(isPaused));
    document.body.classList.toggle("paused", isPaused);
    if (!isPaused) {
        showTasks(null);
        grid.refresh();
    }
    announce(isPaused ? "Paused: the list stands still." : "The list follows again.");
}

function listenToReader() {
    let typing = 0;
    const form = find("filters");
    form.addEventListener("input", () => {
        clearTimeout(typing);
        typing = setTimeout(typed, TYPING_MS);
    });
    form.addEventListener("submit", (event) => {
        event.preventDefault();
        const exact = store.tasks.get(form.elements.text.value.trim());
        typed();
        if (exact !== undefined || (form.elements.text.value.trim() !== "" && store.rows.length === 0))
            go(`#/task/${encodeURIComponent(form.elements.text.value.trim())}`);
    });
    form.addEventListener("reset", () => setTimeout(() => go("#/tasks")));
    form.elements.name.addEventListener("focus", offerNames);
    find("pause").addEventListener("click", pause);
    find("skip").addEventListener("click", (event) => { /* what follows # in an address is a place of the page's own */
        event.preventDefault();
        find("content").focus();
    });
    window.addEventListener("hashchange", route);
    window.addEventListener("error", (event) => console.error(plain(event.message)));
    setInterval(() => isPaused || document.hidden || grid.refresh(), TICK_MS);
}

followTheme();
listenToReader();
store.listen(showTasks);
route();
connection.start();
stats.soon();
