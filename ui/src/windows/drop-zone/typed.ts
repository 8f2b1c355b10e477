// What was typed for uploads that wait for their names, and what the engine has against it. Kept beside the fields: those go and come
// with whatever else the zone shows, a drag above all.

import { reactive } from "vue";
import type { Upload } from "@/bindings/Upload";

export const typed = reactive(new Map<number, string>());
export const wrong = reactive(new Map<number, string>());

/** What it will be called unless somebody types another name. */
export const proposed = ({ key }: Upload): string => key.slice(key.lastIndexOf("/") + 1);

/** How much of a name is its stem: what stands before the last dot, unless that is all of it. */
export function stem(name: string): number {
  const dot = name.lastIndexOf(".");
  return dot > 0 ? dot : name.length;
}

/** Lets go of what belongs to uploads that are no longer asked about. */
export function keepOnly(uploads: Upload[]): void {
  const asked = new Set(uploads.map(({ id }) => id));
  for (const held of [typed, wrong]) for (const id of held.keys()) if (!asked.has(id)) held.delete(id);
}
