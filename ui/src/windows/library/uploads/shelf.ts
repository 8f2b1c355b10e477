// What the window knows of the uploads: the numbers of all that was found, and the few of them that are in sight as they stand.
// The engine stays the only truth; what it tells is taken in here.

import { computed, reactive, ref, shallowReactive, shallowRef, watch } from "vue";
import type { Event } from "@/bindings/Event";
import type { LibraryQuery } from "@/bindings/LibraryQuery";
import type { Stage } from "@/bindings/Stage";
import type { Upload } from "@/bindings/Upload";
import { call, hear } from "@/ipc";
import { failure, said } from "@/state/live";
import { route, type Shelf } from "../route";
import { flying } from "./flying";
import { forgetNames, hearName, learn } from "./names";

/** Uploads that are kept as they stand; more than any screen shows, and no more: scrolled far, they and what draws them fill the memory. */
const KEPT = 800;
/** Asked for at a time. */
const AT_ONCE = 120;
/** Shown before everything has been found. */
const FIRST = 60;

export type Span = "any" | "today" | "week" | "month" | "year";
export type Standing = "any" | Exclude<Stage, "queued"> | "ended";
export const filters = reactive({ text: "", destination: "", standing: "any" as Standing, span: "any" as Span });
export const clearFilters = (): void => void Object.assign(filters, { text: "", destination: "", standing: "any", span: "any" });

/** Numbers and times of what was found, newest first. */
export const found = shallowRef<{ ids: Float64Array; taken: Float64Array }>({ ids: new Float64Array(), taken: new Float64Array() });
export const counts = reactive({ all: -1, waiting: 0, failed: 0, ending: 0 });
/** Something has been found, or is known not to be there. */
export const ready = ref(false);
/** Uploads as they stand, by number. */
export const rows = shallowReactive(new Map<number, Upload>());
/** Now, to the half minute: lives of links are shown by it. */
export const now = ref(Date.now());
export const total = computed(() => found.value.ids.length);

const midnight = () => new Date().setHours(0, 0, 0, 0);
const DAY = 86_400_000;

export function query(shelf: Shelf): LibraryQuery {
  const spans: Record<Span, () => number | null> = {
    any: () => null,
    today: midnight,
    week: () => midnight() - 6 * DAY,
    month: () => midnight() - 29 * DAY,
    year: () => new Date(new Date().getFullYear(), 0, 1).getTime(),
  };
  const standing = filters.standing;
  return {
    text: filters.text,
    destination: filters.destination || null,
    stage: shelf === "waiting" || shelf === "failed" ? shelf : standing === "any" || standing === "ended" ? null : standing,
    life: shelf === "ending" ? "ending" : standing === "ended" ? "ended" : null,
    from: spans[filters.span](),
    until: null,
  };
}

export const EVERYTHING: LibraryQuery = { text: "", destination: null, stage: null, life: null, from: null, until: null };

/** How many fit, whatever is shown at present. */
export async function count(wanted: LibraryQuery): Promise<number> {
  return (new Float64Array(await call("library_find", { query: wanted })).length - 4) / 2;
}

let asked = 0;
let shown: Shelf = "all";

/** Finds anew. An answer that was overtaken is dropped. */
export async function find(shelf: Shelf = shown): Promise<void> {
  shown = shelf;
  const mine = ++asked;
  try {
    const answer = new Float64Array(await call("library_find", { query: query(shelf) }));
    if (mine !== asked) return;
    const n = (answer.length - 4) / 2;
    [counts.all, counts.waiting, counts.failed, counts.ending] = answer as unknown as [number, number, number, number];
    found.value = { ids: answer.subarray(4, 4 + n), taken: answer.subarray(4 + n) };
    ready.value = true;
    if (n > KEPT) learnSoon();
  } catch (error) {
    said.text = failure(error).message;
  }
}

/** Hears first and asks then, so that nothing falls in between. The newest are the first picture; everything is found once that is drawn. */
export async function begin(): Promise<void> {
  await Promise.all([hear("engine", hears), hear("missed", anew)]);
  if (route.value.at !== "uploads" || route.value.shelf !== "all") return;
  const uploads = await call("library_newest", { limit: FIRST });
  // What was told meanwhile is newer.
  for (const upload of uploads) if (!rows.has(upload.id)) rows.set(upload.id, upload);
  found.value = { ids: Float64Array.from(uploads, ({ id }) => id), taken: Float64Array.from(uploads, ({ taken_at }) => taken_at) };
}

let waitsToLearn: ReturnType<typeof setTimeout> | undefined;
/** After so many milliseconds nothing that somebody waits for is on its way any more. A window that is drawn unseen is given up or shown. */
const STAYED = 1500;
function learnSoon(): void {
  clearTimeout(waitsToLearn);
  waitsToLearn = setTimeout(() => void learn(), STAYED);
}

let waitsToFind: ReturnType<typeof setTimeout> | undefined;
/** Finds anew in a moment: many uploads change at once. */
export function findSoon(): void {
  clearTimeout(waitsToFind);
  waitsToFind = setTimeout(() => void find(), 120);
}

let span: [number, number] = [0, 0];
let asking = false;
/** What was told while rows are asked for: of these the answer may be older. */
const overtaken = new Set<number>();
/** How often all that was known has been given up. */
let given = 0;

/** These are in sight, by their place in what was found; the ones around them come next. */
export function inSight(from: number, to: number): void {
  span = [from, to];
  // The list is on its way.
  if (from > 0 && total.value > KEPT) void learn();
  void fetch();
}

// What lies around is asked for once somebody stays.
watch(flying, (flies) => flies || void fetch());

async function fetch(): Promise<void> {
  if (asking) return;
  asking = true;
  try {
    for (;;) {
      const wanted = lacking();
      if (wanted.length === 0) return;
      const then = given;
      overtaken.clear();
      const uploads = await call("library_rows", { ids: wanted });
      if (then !== given) continue;
      const there = new Set(uploads.map(({ id }) => id));
      for (const upload of uploads) if (!overtaken.has(upload.id)) rows.set(upload.id, upload);
      // Gone meanwhile: without it, it would be asked for again and again.
      const gone = wanted.filter((id) => !there.has(id) && !overtaken.has(id));
      if (gone.length > 0) without(gone);
      trim();
    }
  } catch (error) {
    said.text = failure(error).message;
  } finally {
    asking = false;
  }
}

/** What is in sight first, then a screen or two around it, unless it is flown past. */
function lacking(): number[] {
  const { ids } = found.value;
  const [from, to] = span;
  const around = Math.max(40, to - from);
  const wanted: number[] = [];
  const look = (start: number, end: number) => {
    for (let at = Math.max(0, start); at < Math.min(ids.length, end) && wanted.length < AT_ONCE; at += 1) if (!rows.has(ids[at]!)) wanted.push(ids[at]!);
  };
  look(from, to);
  if (flying.value) return wanted;
  look(to, to + around * 2);
  look(from - around * 2, from);
  return wanted;
}

function trim(): void {
  if (rows.size <= KEPT) return;
  const { ids } = found.value;
  const kept = new Set(ids.subarray(Math.max(0, span[0] - KEPT / 4), span[1] + KEPT / 4));
  for (const id of rows.keys()) if (!kept.has(id)) rows.delete(id);
}

/** Takes these off the list at once; the engine finds the same later. */
export function without(gone: number[]): void {
  const leaving = new Set(gone);
  const { ids, taken } = found.value;
  const stays: number[] = [];
  ids.forEach((id, at) => leaving.has(id) || stays.push(at));
  found.value = { ids: Float64Array.from(stays, (at) => ids[at]!), taken: Float64Array.from(stays, (at) => taken[at]!) };
  for (const id of gone) rows.delete(id);
}

/** Gives up what is known, and asks for it again. */
export function anew(): void {
  forgetNames();
  given += 1;
  rows.clear();
  findSoon();
  void fetch();
}

/** What the engine told. */
export function hears(event: Event): void {
  switch (event.type) {
    case "upload": {
      const { type: _, ...upload } = event;
      if (asking) overtaken.add(upload.id);
      hearName(upload.id, upload.name);
      const before = rows.get(upload.id);
      if (before || found.value.ids[0] === undefined || upload.taken_at >= (found.value.taken[0] ?? 0)) rows.set(upload.id, upload);
      // A link that was made this moment must not seem to live longer than it does.
      if (before?.expires_at !== upload.expires_at) now.value = Date.now();
      if (before?.stage !== upload.stage || before.expires_at !== upload.expires_at || before.name !== upload.name) findSoon();
      break;
    }
    case "progress": {
      const before = rows.get(event.id);
      if (before) rows.set(event.id, { ...before, sent: event.sent, size: event.total });
      break;
    }
    case "gone":
      if (asking) overtaken.add(event.id);
      if (rows.delete(event.id)) findSoon();
      break;
    case "status":
      findSoon();
      break;
    case "settings":
      // Names of destinations and sentences are the engine's own words.
      anew();
      break;
  }
}
