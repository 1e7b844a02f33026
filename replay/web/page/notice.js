/* notice: what the reader has to know of the connection, for the eye and for the ear.
 *
 * The ear is told changes of the connection and of what a filter left, a moment after the last one; never what tasks do. */
import {cover} from "./cover.js";
import {find, mark, say} from "./dom.js";
import {time} from "./format.js";

const SETTLE_MS = 1200;

const WORDS = {loading: "Loading", live: "Live", polling: "Every 2 s", lost: "Lost", refused: "Signed out"};

let timer = 0;

export function announce(text) {
    clearTimeout(timer);
    timer = setTimeout(() => say(find("voice"), text), SETTLE_MS);
}

export function showConnection({state, why, since}, before) {
    const banner = find("banner");
    const text = words(state, why, since);

    document.body.dataset.state = state;
    mark(find("link"), "data-state", state);
    say(find("link"), WORDS[state]);
    say(banner, text);
    banner.hidden = text === "";
    signIn(state === "refused");
    find("sign-in-refused").hidden = !new URLSearchParams(location.search).has("refused");
    if (state === "lost" || state === "polling")
        announce(text);
    else if (state === "live" && (before === "lost" || before === "polling"))
        announce("Connected again. What is shown is live.");
}

function signIn(isWanted) {
    const form = find("sign-in");
    const isNew = isWanted && form.hidden;
    form.hidden = !isWanted;
    cover("sign-in", isWanted ? ["skip", "top", "content", "detail"] : []);
    if (isNew)
        form.elements.token.focus();
}

function words(state, why, since) {
    if (state === "polling")
        return "The live feed can't be had at the moment. The list is asked for every 2 seconds instead.";
    if (state !== "lost")
        return "";
    return Number.isFinite(since)
        ? `Connection lost since ${time(since, Date.now())}: ${why}. What you see is as it was then. Trying again.`
        : `Nothing could be loaded yet: ${why}. Trying again.`;
}
