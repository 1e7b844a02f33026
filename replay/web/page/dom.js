/* dom: elements in one expression.
 *
 * Text is only ever text here: a string becomes the content of a text node, and no attribute that a browser would run
 * or follow can be set from data. So nothing that a task says can become markup. */

const SVG = "http://www.w3.org/2000/svg";

function dress(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
        if (typeof value === "function")
            element.addEventListener(name, value);
        else if (value !== null && value !== undefined && value !== false)
            attach(element, name, value === true ? "" : String(value));
    }
    element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
    return element;
}

function attach(element, name, value) {
    if (/^(on|style$|src)/i.test(name) || (/href$/i.test(name) && !value.startsWith("#")))
        throw new Error(`no attribute for this page: ${name}`);
    element.setAttribute(name, value);
}

/* make("p", {class: "note", click: f}, "text", element…). Functions are listeners; null and false leave an attribute or a child out. */
export function make(name, attributes = {}, ...children) {
    return dress(document.createElement(name), attributes, children);
}

export function draw(name, attributes = {}, ...children) {
    return dress(document.createElementNS(SVG, name), attributes, children);
}

/* Touches the document only when something changes: a text that is set again loses the reader's selection. */
export function say(element, text) {
    if (element.textContent !== text)
        element.textContent = text;
}

export function mark(element, name, value) {
    if (value === null || value === false)
        element.removeAttribute(name);
    else if (element.getAttribute(name) !== String(value))
        attach(element, name, String(value));
}

export function find(id) {
    return document.getElementById(id);
}
