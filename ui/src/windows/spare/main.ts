// Nobody sees this page: it is open while a window may be asked for, so that the window finds its process running, the fonts known and
// the code read. It shows nothing, asks nothing and could not: no capability names it.

import "@/show";
import "@/windows/drop-zone/DropZone.vue";
import "@/windows/library/Library.vue";
import "@/windows/settings/Settings.vue";

// Text is laid out, and fonts looked for, once somebody wants to know where it stands.
document.body.getBoundingClientRect();
