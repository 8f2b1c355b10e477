// What the welcome knows while somebody goes through it: the way that was chosen, what was filled in, and how far it came. Secrets are
// held here until the engine has them, and never kept.

import { computed, reactive, ref, shallowRef, watch } from "vue";
import type { Destination } from "@/bindings/Destination";
import type { Progress } from "@/bindings/Progress";
import type { TeamServer } from "@/bindings/TeamServer";
import type { WelcomeView } from "@/bindings/WelcomeView";
import type { Failure, TestReport } from "@/contract";
import { call } from "@/ipc";
import { failure, quietly, settings } from "@/state/live";
import { fresh, freshTeam, NEW } from "../settings/drafts";
import { byId, endpointOf, recognise } from "../settings/providers";

export type Way = "team" | "s3" | "here";
type Team = Extract<Destination, { kind: "team" }>;
type S3 = Extract<Destination, { kind: "s3" }>;

export const STEPS = 7;
export const view = shallowRef<WelcomeView>();
export const step = ref(1);
export const way = ref<Way>("here");
/** What was filled in for each way, so that changing one's mind costs nothing. */
export const forms = reactive({ team: freshTeam(fresh("other")) as Team, s3: fresh("minio") as S3, provider: "minio", secret: "" });
export const here = ref<Destination>();
/** The team server that was found at the address. */
export const found = shallowRef<TeamServer | null>(null);
export const bad = shallowRef<Failure | null>(null);
export const busy = ref(false);
/** What the probe of bucket and folder came to. */
export const report = shallowRef<TestReport | null>(null);

export const chosen = computed<Destination | undefined>(() => (way.value === "team" ? forms.team : way.value === "s3" ? forms.s3 : here.value));
/** What the engine is asked with. */
export const draft = () => ({ destination: JSON.parse(JSON.stringify(chosen.value)) as Destination, secret: way.value === "s3" && forms.secret !== "" ? forms.secret : null });
export const address = () => ({ server: forms.team.server, phone: forms.team.phone, allow_plain_http: forms.team.allow_plain_http ?? false, ca_file: forms.team.ca_file ?? null });
export const wrong = (field: string) => (bad.value?.field === field ? bad.value.message : null);

/** A host as people call it, for a name nobody was asked for. */
function host(text: string): string {
  try {
    return new URL(text).hostname;
  } catch {
    return text.trim();
  }
}

/** A name no other destination has. */
function named(wanted: string, id: string): string {
  const taken = new Set((settings.value?.settings.destinations ?? []).filter((one) => one.id !== id).map((one) => one.name.toLowerCase()));
  let name = wanted.slice(0, 50) || "S3";
  for (let number = 2; taken.has(name.toLowerCase()); number++) name = `${wanted.slice(0, 50)} ${number}`;
  return name;
}

export async function open(): Promise<void> {
  const now = (view.value = await call("welcome"));
  const saved = settings.value?.settings.destinations ?? [];
  here.value = JSON.parse(JSON.stringify(saved.find((one) => one.kind === "this-computer"))) as Destination;
  if (now.server) {
    way.value = "team";
    forms.team.server = now.server;
  }
  const before = now.progress;
  if (!before || before.done) return;
  if (before.way === "team" || before.way === "s3" || before.way === "here") way.value = before.way;
  // What was saved meanwhile counts, and not what was written down of it.
  const kept = before.draft && (saved.find((one) => one.id === before.draft?.id) ?? (before.draft.id === NEW ? before.draft : null));
  if (kept?.kind === "team") Object.assign(forms.team, kept);
  if (kept?.kind === "s3") {
    Object.assign(forms.s3, kept);
    forms.provider = recognise(kept.endpoint).id;
  }
  step.value = Math.min(Math.max(before.step, 1), STEPS);
  // A step that stands on what is not there (a server that was not asked yet, a key that was only typed) begins one earlier.
  if (way.value === "team" && step.value === 2) step.value = 1;
  if (way.value === "s3" && step.value > 2 && forms.s3.id === NEW) step.value = 2;
}

/** Written down at each step and while somebody types, so that a closed window loses nothing. */
const PAUSE = 400;
let writing: ReturnType<typeof setTimeout> | undefined;
/** One after the other: what is written last is where somebody came to. */
let written: Promise<unknown> = Promise.resolve();
const progress = (): Progress => ({ done: false, step: step.value, way: way.value, draft: way.value === "here" ? null : draft().destination });
export function write(): void {
  clearTimeout(writing);
  if (!view.value) return;
  const now = progress();
  written = written.then(() => call("keep_welcome", { progress: now })).catch(() => {});
}
watch([step, way], write);
watch(forms, () => {
  clearTimeout(writing);
  writing = setTimeout(write, PAUSE);
});

/** Steps that ask nothing on this way are left out. */
const leaves: Record<Way, number[]> = { team: [], s3: [], here: [2, 4] };
/** How many there are on this way, and how many of them somebody has come to: a count that jumps looks like something missed. */
const asks = computed(() => Array.from({ length: STEPS }, (_, at) => at + 1).filter((one) => !leaves[way.value].includes(one)));
export const count = computed(() => ({ at: asks.value.filter((one) => one <= step.value).length, all: asks.value.length }));
export function go(by: 1 | -1): void {
  let next = step.value + by;
  while (leaves[way.value].includes(next)) next += by;
  bad.value = null;
  step.value = Math.min(Math.max(next, 1), STEPS);
}

/** Left without an answer: a way that leads nowhere yet is this computer's, which needs none. */
export function skip(): void {
  if (step.value <= 3 && way.value !== "here" && chosen.value?.id === NEW) {
    way.value = "here";
    step.value = 4;
  }
  go(1);
}

/** Does it; what is wrong stands at its field. Whether it went well. */
export async function attempt(what: () => Promise<unknown>): Promise<boolean> {
  if (busy.value) return false;
  bad.value = null;
  busy.value = true;
  try {
    await what();
    return true;
  } catch (error) {
    bad.value = failure(error);
    return false;
  } finally {
    busy.value = false;
  }
}

/** Who is at the team server's address. */
export async function probe(): Promise<boolean> {
  return attempt(async () => {
    found.value = null;
    const there = await call("probe_team", { address: address() });
    found.value = there;
    forms.team.server = there.server;
    if (forms.team.name === "") forms.team.name = named(view.value?.server === there.server && view.value?.server_name ? view.value.server_name : host(there.server), forms.team.id);
  });
}

export function useProvider(id: string): void {
  const preset = byId(id);
  forms.provider = id;
  Object.assign(forms.s3, { region: preset.region, path_style: preset.pathStyle, endpoint: endpointOf(preset, preset.region) });
}

/** Saves what is chosen; the secret goes to the keychain with it, and from here. */
export async function save(): Promise<void> {
  if (way.value === "s3" && forms.s3.name === "") forms.s3.name = named(host(forms.s3.endpoint), forms.s3.id);
  const saved = await call("save_destination", { draft: draft() });
  if (saved.kind === "team") Object.assign(forms.team, saved);
  else if (saved.kind === "s3") Object.assign(forms.s3, saved);
  else here.value = saved;
  forms.secret = "";
  write();
}

export const finish = () => quietly(async () => {
  clearTimeout(writing);
  await written;
  await call("finish_welcome");
  await call("close_window");
});
