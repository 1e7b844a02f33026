/* cover: what lies under something else, and so can be reached neither by the keyboard nor by a screen reader meanwhile. */
import {find} from "./dom.js";

const PARTS = ["skip", "top", "content", "detail"];
const over = new Map(); /* what lies on top → the parts under it */

export function cover(by, parts) {
    over.set(by, parts);
    for (const part of PARTS)
        find(part).inert = [...over.values()].some((under) => under.includes(part));
}
