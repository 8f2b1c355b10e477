// Which uploads are meant: one that is looked at, or several that are checked. As in a file manager.

import { computed, ref, shallowReactive } from "vue";
import { found } from "./shelf";

/** The one that is looked at. */
export const current = ref<number | null>(null);
/** Those that are checked; with the first of them check boxes appear. */
export const checked = shallowReactive(new Set<number>());
/** Where a range begins. */
let anchor: number | null = null;

export const place = (id: number | null): number => (id === null ? -1 : found.value.ids.indexOf(id));
/** What is meant, in the order of the list. */
export const meant = computed<number[]>(() => {
  if (checked.size > 0) return Array.from(found.value.ids).filter((id) => checked.has(id));
  return current.value !== null && place(current.value) >= 0 ? [current.value] : [];
});

export function only(id: number | null): void {
  checked.clear();
  current.value = id;
  anchor = id;
}

export function toggle(id: number): void {
  if (checked.size === 0 && current.value !== null && current.value !== id && place(current.value) >= 0) checked.add(current.value);
  if (!checked.delete(id)) checked.add(id);
  current.value = id;
  anchor = id;
}

/** The check box of one: checks it alone, whatever is looked at. */
export function check(id: number): void {
  if (!checked.delete(id)) checked.add(id);
  current.value = id;
  anchor = id;
}

export function upTo(id: number): void {
  const [from, to] = [place(anchor ?? current.value ?? id), place(id)];
  if (from < 0 || to < 0) return only(id);
  checked.clear();
  for (let at = Math.min(from, to); at <= Math.max(from, to); at += 1) checked.add(found.value.ids[at]!);
  current.value = id;
}

export function all(): void {
  checked.clear();
  for (const id of found.value.ids) checked.add(id);
  current.value ??= found.value.ids[0] ?? null;
}

export function picked(id: number, event: { ctrlKey: boolean; metaKey: boolean; shiftKey: boolean }): void {
  if (event.shiftKey) upTo(id);
  else if (event.ctrlKey || event.metaKey) toggle(id);
  else only(id);
}

/** Drops what is no longer there. */
export function settle(): void {
  if (checked.size > 0) {
    const there = new Set(found.value.ids);
    for (const id of checked) if (!there.has(id)) checked.delete(id);
  }
}

/** The keyboard goes on faster than anybody reads: a key is held. */
export const rushing = ref(false);
const STEP = 120;
let stepped = -STEP;
let resting: ReturnType<typeof setTimeout> | undefined;
/** The keyboard went on by one. */
export function step(): void {
  const now = performance.now();
  rushing.value = now - stepped < STEP;
  stepped = now;
  clearTimeout(resting);
  if (rushing.value) resting = setTimeout(() => (rushing.value = false), STEP);
}
