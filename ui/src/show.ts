// Every window is a page of its own: what it consists of stands in that page, and the web view fetches it all at once.

import { createApp, type Component } from "vue";
import { i18n, t } from "./i18n";
import { begin, failure, said } from "./state/live";

/** Shows the window once what it begins with is known. `ahead` is asked for beside the present, so that the first picture has it. */
export async function show(title: Parameters<typeof t>[0], view: Component, ahead?: () => Promise<unknown>): Promise<void> {
  // A window that cannot reach the engine still opens, and says so.
  await Promise.all([begin(), ahead?.()]).catch((error: unknown) => (said.text = failure(error).message));
  document.title = t(title);
  // "Select all" is for a field's text, and for what a list makes of it: the words of a window are no text to be taken along.
  addEventListener("keydown", (event) => {
    const field = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "a" && !field) event.preventDefault();
  });
  // The web view's own menu offers "reload" and the like, which mean nothing here; fields keep theirs.
  addEventListener("contextmenu", (event) => {
    if (!(event.target instanceof HTMLInputElement)) event.preventDefault();
  });
  // A click beside a dialog, or on its edge, would take the focus from its field.
  addEventListener("mousedown", (event) => {
    if (event.target instanceof HTMLDialogElement) event.preventDefault();
  });
  createApp(view).use(i18n).mount("#app");
}
