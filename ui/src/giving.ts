// The ways to give something to imagepic that every window shares: pasting, and dragging over it.

import { computed, onBeforeUnmount, onMounted, shallowRef } from "vue";
import type { AskDrop, Drag } from "./contract";
import { call, hear } from "@/ipc";
import { quietly } from "./state/live";

// What takes text takes what is pasted, too.
const TEXT = ":is(input:not([type=checkbox]):not([type=radio]):not([type=range]):not([type=button]), textarea):not([readonly]), [contenteditable]:not([contenteditable=false])";
const takesText = (target: EventTarget | null): boolean => target instanceof Element && target.closest(TEXT) !== null;

/** Ctrl+V anywhere but in a field uploads what the clipboard holds. */
export function usePaste(): void {
  const pasted = (event: ClipboardEvent) => {
    if (takesText(event.target)) return;
    event.preventDefault();
    void quietly(() => call("upload_clipboard"));
  };
  onMounted(() => document.addEventListener("paste", pasted));
  onBeforeUnmount(() => document.removeEventListener("paste", pasted));
}

/** What is dragged over this window, and the drop it has to ask about. */
export function useDrag() {
  const drag = shallowRef<Drag | null>(null);
  /** One after the other: each is answered for itself, and none is forgotten because another drop followed. */
  const questions = shallowRef<AskDrop[]>([]);
  const asking = computed(() => questions.value[0] ?? null);
  onMounted(async () => {
    await hear("drag", (now) => (drag.value = now.phase === "enter" ? now : null));
    await hear("ask-drop", (now) => (questions.value = [...questions.value, now]));
  });
  async function answer(upload: boolean) {
    const drop = asking.value;
    questions.value = questions.value.slice(1);
    if (drop) await quietly(() => call("answer_drop", { id: drop.id, upload }));
  }
  return { drag, asking, answer };
}
