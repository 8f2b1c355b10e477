// Escape and Ctrl+W close a window, wherever the focus is, unless something in front of the window takes the key; the library only Ctrl+W.

import { onBeforeUnmount, onMounted } from "vue";
import { call } from "@/ipc";

/** `may` is asked first; it answers whether the window closes now. */
export function useClosing(may: (key: "escape" | "close") => boolean = () => true): void {
  const pressed = (event: KeyboardEvent) => {
    const escape = event.key === "Escape" && !event.isComposing;
    const close = event.ctrlKey && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "w";
    // Menus and lists keep their Escape to themselves; a dialog has its own.
    if (event.defaultPrevented || (!escape && !close) || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    if (may(escape ? "escape" : "close")) void call("close_window");
  };
  // At the window, where keys arrive last: whatever listens at the document goes before, whenever it came.
  onMounted(() => addEventListener("keydown", pressed));
  onBeforeUnmount(() => removeEventListener("keydown", pressed));
}
