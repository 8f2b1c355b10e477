// What a person does to uploads, one or many; each tells what came of it.

import { computed, ref, shallowRef } from "vue";
import type { Format } from "@/bindings/Format";
import { many, t } from "@/i18n";
import { call } from "@/ipc";
import { quietly, said, settings, tellNews } from "@/state/live";
import { goOn } from "../keyboard";
import { checked, current, only, place } from "./chosen";
import { find, found, rows, without } from "./shelf";

/** Links that are copied or opened at a time at most. */
export const COPIED_AT_MOST = 1000;
export const OPENED_AT_MOST = 12;

/** The format links are copied in here; the settings' until another one is chosen. */
const chosen = ref<Format | null>(null);
export const format = computed<Format>({ get: () => chosen.value ?? settings.value?.settings.link.format ?? "url", set: (now) => (chosen.value = now) });

/** What was deleted and can still be taken back. */
export interface Gone {
  ids: number[];
  stay: number;
  forgotten: boolean;
  until: number;
}
export const gone = shallowRef<Gone | null>(null);

const done = (ids: number[]): number[] => ids.filter((id) => (rows.get(id)?.stage ?? "done") === "done");

export async function copy(ids: number[], as: Format = format.value): Promise<boolean> {
  const wanted = done(ids);
  if (wanted.length === 0) return false;
  if (wanted.length > COPIED_AT_MOST) {
    said.text = t("library.too-many", { n: COPIED_AT_MOST });
    return false;
  }
  const copied = await quietly(() => call("copy_links", { ids: wanted, format: as }));
  if (copied) tellNews(many("library.copied", wanted.length));
  return copied;
}

/** For what a public link does not open. */
export async function copySigned(ids: number[]): Promise<void> {
  if (await quietly(() => call("copy_opening_links", { ids: done(ids), format: format.value }))) tellNews(t("library.copied-signed"));
}

/** A link lives anew from the moment it is made, so it is made and copied. */
export async function renew(ids: number[]): Promise<void> {
  const wanted = done(ids);
  if (wanted.length === 0 || wanted.length > COPIED_AT_MOST) return void (await copy(ids));
  if (await quietly(() => call("copy_opening_links", { ids: wanted, format: format.value }))) tellNews(many("library.renewed", wanted.length));
}

export async function open(ids: number[]): Promise<void> {
  for (const id of done(ids).slice(0, OPENED_AT_MOST)) if (!(await quietly(() => call("library_open", { id })))) return;
}

/** Which of them can be, the engine knows: most of what is checked may never have been looked at here. */
export const retry = (ids: number[]): Promise<boolean> => quietly(() => call("library_retry", { ids }));
export const cancel = (ids: number[]): Promise<boolean> => quietly(() => call("library_cancel", { ids }));

/** Off the list now; off the store when the seconds are over. */
export async function remove(ids: number[], forgotten = false): Promise<void> {
  if (ids.length === 0) return;
  const leaving = new Set(ids);
  const at = place(current.value);
  // Those that go from above it make it move up.
  const above = found.value.ids.subarray(0, Math.max(0, at)).filter((id) => leaving.has(id)).length;
  const done = await quietly(async () => {
    const left = await call(forgotten ? "library_forget" : "library_delete", { ids });
    gone.value = { ids: left.ids, stay: left.stay, forgotten, until: Date.now() + left.seconds * 1000 };
    checked.clear();
    without(left.ids);
    // The next one in the place of the one that left, so that the keyboard goes on from there.
    if (current.value !== null && place(current.value) < 0) only(found.value.ids[Math.min(Math.max(at - above, 0), found.value.ids.length - 1)] ?? null);
    goOn();
    await find();
  });
  if (!done) await find();
}

export async function takeBack(): Promise<void> {
  const back = gone.value;
  gone.value = null;
  if (!back) return;
  await quietly(async () => {
    const kept = await call("library_keep", { ids: back.ids });
    if (kept < back.ids.length) said.text = many("library.too-late", back.ids.length - kept);
  });
  await find();
  if (back.ids[0] !== undefined) only(back.ids[0]);
  goOn();
}
