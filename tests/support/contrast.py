"""What in a page has too little contrast to be read or found, by WCAG 2.2 (1.4.3 and 1.4.11), level AA.

`faint(browser)` is a list of "2.31, wanted 4.5: what it is", of every word that can be seen, every placeholder, and the edge of
every control. A colour is what is left of it when all that is transparent between it and the canvas has been laid over it."""

FAINT = r"""
(() => {
    const canvas = getComputedStyle(document.documentElement).colorScheme.includes("dark") &&
        (document.documentElement.dataset.theme === "dark" || matchMedia("(prefers-color-scheme: dark)").matches) ? [18, 18, 18] : [255, 255, 255];
    const NONE = [0, 0, 0, 0];

    function parse(text) {
        const numbers = text.match(/[\d.]+(e-?\d+)?/g)?.map(Number) ?? [];
        if (text.startsWith("color(srgb"))
            return [...numbers.slice(0, 3).map((part) => part * 255), numbers[3] ?? 1];
        if (!text.startsWith("rgb"))
            throw new Error(`a colour of another kind: ${text}`);
        return [...numbers.slice(0, 3), numbers[3] ?? 1];
    }

    function over(top, under) {
        const alpha = top[3] + under[3] * (1 - top[3]);
        return alpha === 0 ? NONE : [0, 1, 2].map((at) => (top[at] * top[3] + under[at] * under[3] * (1 - top[3])) / alpha).concat(alpha);
    }

    function gray([r, g, b, alpha]) {
        const level = .2126 * r + .7152 * g + .0722 * b;
        return [level, level, level, alpha];
    }

    /* A colour that stands in this element, as it is seen. */
    function seen(colour, element) {
        for (let at = element; at !== null; at = at.parentElement) {
            const style = getComputedStyle(at);
            colour = over(colour, parse(style.backgroundColor));
            if (style.filter.includes("grayscale(1)"))
                colour = gray(colour);
            colour = [...colour.slice(0, 3), colour[3] * Number(style.opacity)];
        }
        return over(colour, [...canvas, 1]);
    }

    function light(colour) {
        const [r, g, b] = colour.slice(0, 3).map((part) => part / 255).map((part) => part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4);
        return .2126 * r + .7152 * g + .0722 * b;
    }

    function contrast(one, other) {
        const [high, low] = [light(one), light(other)].sort((a, b) => b - a);
        return (high + .05) / (low + .05);
    }

    function isSeen(element) {
        const box = element.getBoundingClientRect();
        return box.width > 1 && box.height > 1 && element.checkVisibility({visibilityProperty: true, opacityProperty: true}) &&
            element.closest(".unseen, .skip:not(:focus)") === null;
    }

    const found = new Map();
    function look(colour, element, wanted, what, behind = element) {
        const is = contrast(seen(colour, element), seen(NONE, behind));
        if (is < wanted)
            found.set(`${is.toFixed(2)}, wanted ${wanted}: ${what} in ${element.localName}.${[...element.classList].join(".")}`, true);
        looked += 1;
    }

    let looked = 0;
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const text = texts.currentNode.data.trim();
        const element = texts.currentNode.parentElement;
        if (text === "" || !isSeen(element) || ["title", "option", "noscript", "datalist"].includes(element.localName))
            continue;
        const style = getComputedStyle(element);
        const size = Number.parseFloat(style.fontSize);
        const isLarge = size >= 24 || size >= 18.66 && Number(style.fontWeight) >= 700;
        look(parse(element instanceof SVGElement ? style.fill : style.color), element, isLarge ? 3 : 4.5, `"${text.slice(0, 30)}"`);
    }
    for (const control of document.querySelectorAll("button, input, select")) {
        if (!isSeen(control))
            continue;
        const style = getComputedStyle(control);
        if (control.type !== "checkbox")
            look(parse(style.borderTopColor), control.parentElement, 3, `the edge of ${control.name || control.id || control.textContent}`);
        if (control.placeholder && control.value === "")
            look(parse(getComputedStyle(control, "::placeholder").color), control, 4.5, `"${control.placeholder}"`);
        if (control.localName !== "button" && control.type !== "checkbox")
            look(parse(style.color), control, 4.5, `what is put into ${control.name || control.id}`);
    }
    if (looked < 3)
        throw new Error("there was nothing to look at");
    return [...found.keys()];
})()
"""


def faint(browser):
    return browser.run(FAINT)
