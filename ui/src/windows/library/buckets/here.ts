// The place that is shown, what lies there as far as it was asked for, and what of it is chosen.
//
// The store gives a place page by page, in the order of names. So a place of a million objects is as quick as a small one; other orders
// are those of what has come, and it says so.

import { computed, reactive, ref, shallowRef } from "vue";
import type { AccessView } from "@/bindings/AccessView";
import type { Aim } from "@/bindings/Aim";
import type { ListedObject } from "@/bindings/ListedObject";
import type { Picked } from "@/bindings/Picked";
import type { Event, Failure } from "@/contract";
import { call } from "@/ipc";
import { failure, settings } from "@/state/live";
import { goOn } from "../keyboard";
import { route } from "../route";
import { bare, last, parent, shown } from "./names";

/** Entries of one request. */
const PAGE = 500;
/** With another order than the store's, so much is asked for before anything is said of an order. */
const SORTED = 10_000;

export type Sort = "name" | "date" | "size";
export interface Entry {
  id: string;
  key: string;
  folder: boolean;
  object?: ListedObject;
}

export const spot = computed(() => (route.value.at === "buckets" ? { destination: route.value.destination, bucket: route.value.bucket, prefix: route.value.prefix } : null));
export const destination = computed(() => settings.value?.settings.destinations.find(({ id }) => id === spot.value?.destination));
/** The same for the engine, where a bucket is shown. */
export const aim = computed<Aim | null>(() => (spot.value?.bucket ? { destination: spot.value.destination, bucket: spot.value.bucket, folder: bare(spot.value.prefix), new_folder: false, access: false } : null));

/** The same in words: where drops on this window go. */
export const aimedAt = computed(() => (aim.value ? [destination.value?.name ?? aim.value.destination, aim.value.bucket, aim.value.folder].filter(Boolean).map(shown).join(" / ") : null));

export const state = reactive({ begins: "", sort: "name" as Sort, down: false, list: false, loading: false, ready: false });
export const trouble = shallowRef<Failure | null>(null);
export const buckets = shallowRef<string[]>([]);
const folders = shallowRef<string[]>([]);
const objects = shallowRef<ListedObject[]>([]);
export const next = ref<string | null>(null);
export const access = shallowRef<AccessView | null>(null);

export const chosen = reactive(new Set<string>());
export const current = ref<string | null>(null);

const folderEntry = (key: string): Entry => ({ id: `f:${key}`, key, folder: true });
const objectEntry = (object: ListedObject): Entry => ({ id: `o:${object.key}`, key: object.key, folder: false, object });
/** Made when it is first wanted: that takes 13 ms. */
let collator: Intl.Collator | undefined;

export const folderEntries = computed(() => {
  const all = folders.value.map(folderEntry);
  if (state.sort !== "name") return all;
  const { compare } = (collator ??= new Intl.Collator(undefined, { numeric: true }));
  all.sort((one, other) => compare(one.key, other.key));
  return state.down ? all.reverse() : all;
});
export const objectEntries = computed(() => {
  const all = objects.value.map(objectEntry);
  const by = { name: () => 0, date: (entry: Entry) => entry.object!.modified ?? 0, size: (entry: Entry) => entry.object!.size }[state.sort];
  // As the store gives them: to sort what has come by name differently would tear pages apart.
  if (state.sort === "name") return state.down && next.value === null ? all.reverse() : all;
  return all.sort((one, other) => (state.down ? by(other) - by(one) : by(one) - by(other)));
});
export const entries = computed(() => [...folderEntries.value, ...objectEntries.value]);
export const loadedBytes = computed(() => objects.value.reduce((sum, object) => sum + object.size, 0));

export const isPublic = (prefix: string): boolean => access.value?.public.some((open) => prefix.startsWith(open)) ?? false;
/** The rule that opens it, where it is not its own. */
export const openedBy = (prefix: string): string | undefined => access.value?.public.find((open) => open !== prefix && prefix.startsWith(open));

let asked = 0;

/** Asks for the place from its beginning; what is shown stays until the answer is there, unless it is another place. */
export async function load(anew: boolean): Promise<void> {
  const mine = ++asked;
  const at = spot.value;
  if (!at) return;
  if (anew) {
    [folders.value, objects.value, next.value, trouble.value] = [[], [], null, null];
    chosen.clear();
    current.value = null;
    state.ready = false;
  }
  state.loading = true;
  try {
    if (!at.bucket) {
      const all = await call("browse_buckets", { destination: at.destination });
      if (mine !== asked) return;
      buckets.value = all;
    } else {
      const page = await call("browse_page", { destination: at.destination, bucket: at.bucket, prefix: at.prefix + state.begins, cursor: null, limit: PAGE });
      if (mine !== asked) return;
      [folders.value, objects.value, next.value] = [page.folders, page.objects, page.next];
      const there = new Set(entries.value.map(({ id }) => id));
      for (const id of chosen) if (!there.has(id)) chosen.delete(id);
      if (current.value && !there.has(current.value)) current.value = null;
    }
    trouble.value = null;
    state.ready = true;
  } catch (error) {
    if (mine === asked) trouble.value = failure(error);
  } finally {
    if (mine === asked) state.loading = false;
  }
  if (state.sort !== "name") await enough();
}

let coming: Promise<void> | null = null;

/** The next page, where there is one. Whoever asks while it is on its way waits for the same one. */
export function more(): Promise<void> {
  coming ??= page().finally(() => (coming = null));
  return coming;
}

async function page(): Promise<void> {
  const [at, cursor, mine] = [spot.value, next.value, asked];
  if (!at?.bucket || cursor === null) return;
  try {
    const found = await call("browse_page", { destination: at.destination, bucket: at.bucket, prefix: at.prefix + state.begins, cursor, limit: PAGE });
    if (mine !== asked) return;
    folders.value = [...folders.value, ...found.folders];
    objects.value = [...objects.value, ...found.objects];
    next.value = found.next === cursor ? null : found.next;
  } catch (error) {
    if (mine === asked) trouble.value = failure(error);
  }
}

/** For an order that is not the store's. */
async function enough(): Promise<void> {
  const mine = asked;
  while (mine === asked && next.value !== null && objects.value.length < SORTED && !trouble.value) await more();
}

export async function sortBy(sort: Sort): Promise<void> {
  state.down = state.sort === sort ? !state.down : sort !== "name";
  state.sort = sort;
  if (sort !== "name") await enough();
}

/** Who may read; a store that cannot say so says that. */
export async function readAccess(): Promise<void> {
  const at = spot.value;
  access.value = null;
  if (!at?.bucket) return;
  try {
    const found = await call("browse_access", { destination: at.destination, bucket: at.bucket });
    if (spot.value?.destination === at.destination && spot.value.bucket === at.bucket) access.value = found;
  } catch {
    // The listing tells what is wrong.
  }
}

/** What is meant: what is chosen, or the one the keyboard stands on. */
export const meant = computed(() => entries.value.filter(({ id }) => (chosen.size > 0 ? chosen.has(id) : id === current.value)));
export const picked = (all: Entry[]): Picked[] => all.map(({ key, folder }) => ({ key, folder }));

export function only(id: string): void {
  chosen.clear();
  current.value = id;
}
export function check(id: string): void {
  if (chosen.has(id)) chosen.delete(id);
  else chosen.add(id);
  current.value = id;
}
export function upTo(id: string): void {
  const all = entries.value.map((entry) => entry.id);
  const [from, to] = [all.indexOf(current.value ?? id), all.indexOf(id)].sort((one, other) => one - other) as [number, number];
  for (const one of all.slice(Math.max(0, from), to + 1)) chosen.add(one);
  current.value = id;
}

let again: ReturnType<typeof setTimeout> | undefined;
/** What the engine says of places and of what takes long there. */
export function hears(event: Event): void {
  const at = spot.value;
  if (event.type !== "listing" || !at || event.destination !== at.destination || event.bucket !== at.bucket || !at.bucket) return;
  if (event.prefix !== at.prefix && parent(event.prefix) !== at.prefix && !at.prefix.startsWith(event.prefix)) return;
  loadSoon();
}

/** What lies here may be other than what is shown. */
export function loadSoon(): void {
  if (!spot.value) return;
  // What a person has scrolled to stays where it is; several reasons are one.
  clearTimeout(again);
  again = setTimeout(() => void (objects.value.length <= PAGE ? load(false) : undefined), 150);
}

/** Takes them out of sight: the engine is about to. */
export function hide(all: Entry[]): void {
  const gone = new Set(all.map(({ id }) => id));
  const at = entries.value.findIndex(({ id }) => id === current.value);
  const above = entries.value.slice(0, Math.max(0, at)).filter(({ id }) => gone.has(id)).length;
  folders.value = folders.value.filter((key) => !gone.has(`f:${key}`));
  objects.value = objects.value.filter(({ key }) => !gone.has(`o:${key}`));
  chosen.clear();
  // The next one in its place, so that the keyboard goes on from there.
  if (current.value && gone.has(current.value)) current.value = entries.value[Math.min(at - above, entries.value.length - 1)]?.id ?? null;
  goOn();
}

export const title = (entry: Entry): string => last(entry.key);
