// What was just changed, for a while: every setting applies at once, so every change can be taken back.

import { ref } from "vue";

export interface Changed {
  text: string;
  /** Takes it back; nothing where there is nothing to take back. */
  undo: (() => Promise<unknown>) | null;
}

export const changed = ref<Changed | null>(null);

/** How long it can be taken back, in milliseconds. */
export const PATIENCE = 8000;
let fading: ReturnType<typeof setTimeout> | undefined;

export function tellChange(text: string, undo: Changed["undo"] = null): void {
  changed.value = { text, undo };
  stay(false);
}

/** While somebody is at it, it stays. */
export function stay(here: boolean): void {
  clearTimeout(fading);
  if (!here) fading = setTimeout(() => (changed.value = null), PATIENCE);
}

export async function takeBack(): Promise<void> {
  const undo = changed.value?.undo;
  changed.value = null;
  await undo?.();
}
