// Whether anybody has seen this page. The library is drawn in secret while the tray's menu is read, and until it is shown it must ask no
// store and no keychain for anything.

import { ref } from "vue";

const hidden = () => document.visibilityState === "hidden";

/** Somebody saw it: it stays so. */
export const seen = ref(!hidden());

const waiting: (() => void)[] = [];
function look(): void {
  if (hidden()) return;
  document.removeEventListener("visibilitychange", look);
  seen.value = true;
  for (const run of waiting.splice(0)) run();
}
if (!seen.value) document.addEventListener("visibilitychange", look);

/** Runs it now, or as soon as somebody sees the page. */
export function onceSeen(run: () => void): void {
  if (seen.value) run();
  else waiting.push(run);
}
