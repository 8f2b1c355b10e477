// A page in a test draws nothing: what waits for the next picture comes as soon as what told it has ended.

import { frame } from "@/state/frame";

frame.next = queueMicrotask;
// Nothing has a place in jsdom.
Element.prototype.scrollIntoView ??= () => {};
