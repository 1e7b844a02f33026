/* theme: the system's colours, or the reader's own choice, which this browser remembers. */
import {find, mark} from "./dom.js";

const KEY = "taskledger.theme";

function remembered() {
    try {
        return localStorage.getItem(KEY) ?? "";
    } catch {
        return "";
    }
}

function remember(theme) {
    try {
        localStorage.setItem(KEY, theme);
    } catch { /* a browser that keeps nothing: until the page is left */ }
}

function dress(theme) {
    mark(document.documentElement, "data-theme", theme === "light" || theme === "dark" ? theme : null);
}

export function followTheme() {
    const choice = find("theme");
    choice.value = remembered();
    dress(choice.value);
    choice.addEventListener("change", () => {
        dress(choice.value);
        remember(choice.value);
    });
}
