// Names of all uploads, in one piece of memory: a list that is scrolled faster than its rows can be asked for shows at least what each is
// called. They are learned once, when the first picture is long drawn, and only where there are more uploads than are kept as they stand.

import { shallowRef } from "vue";
import { call } from "@/ipc";

/** What is known of an upload before it has come as it stands. */
export interface Brief {
  name: string;
  /** Milliseconds since 1970. */
  taken_at: number;
}

interface Names {
  /** Ascending. */
  ids: Float64Array;
  /** Where each name ends in `text`. */
  ends: Uint32Array;
  text: Uint8Array;
}

const known = shallowRef<Names | null>(null);
/** What was called otherwise since. */
const renamed = new Map<number, string>();
const reader = new TextDecoder();
let learning = false;

export async function learn(): Promise<void> {
  if (known.value || learning) return;
  learning = true;
  try {
    const answer = await call("library_names");
    const count = new Float64Array(answer, 0, 1)[0] ?? 0;
    const texts = 8 + 12 * count;
    known.value = { ids: new Float64Array(answer, 8, count), ends: new Uint32Array(answer, 8 + 8 * count, count), text: new Uint8Array(answer, texts) };
  } catch {
    // Rows bring their names themselves, only later.
  } finally {
    learning = false;
  }
}

/** What an upload is called now, as the engine told. */
export function hearName(id: number, name: string): void {
  if (known.value) renamed.set(id, name);
}

/** Its name, where it has been learned. */
export function nameOf(id: number): string | undefined {
  const names = known.value;
  if (!names) return undefined;
  const heard = renamed.get(id);
  if (heard !== undefined) return heard;
  let [low, high] = [0, names.ids.length - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    const at = names.ids[middle]!;
    if (at === id) return reader.decode(names.text.subarray(middle === 0 ? 0 : names.ends[middle - 1], names.ends[middle]));
    if (at < id) low = middle + 1;
    else high = middle - 1;
  }
  return undefined;
}

/** Gives up what is known: it may have been called otherwise and nobody told. */
export function forgetNames(): void {
  known.value = null;
  renamed.clear();
}
