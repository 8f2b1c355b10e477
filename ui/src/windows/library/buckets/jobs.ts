// What takes long at a store: what is about to go, what is under way, and what came of it.

import { reactive, ref } from "vue";
import type { Job } from "@/bindings/Job";
import type { Event } from "@/contract";
import { many, t } from "@/i18n";
import { call } from "@/ipc";
import { quietly, tellNews } from "@/state/live";
import { bare, last, parent, shown } from "./names";

export const jobs = reactive(new Map<number, Job>());
export const now = ref(Date.now());
const over = (job: Job) => job.phase === "done" || job.phase === "stopped" || job.phase === "failed";

let ticking: ReturnType<typeof setInterval> | undefined;
function tick(): void {
  const waits = [...jobs.values()].some((job) => job.phase === "waiting");
  if (waits && ticking === undefined) ticking = setInterval(() => ((now.value = Date.now()), tick()), 250);
  if (!waits) {
    clearInterval(ticking);
    ticking = undefined;
  }
}

/** What the engine has told of. */
const told = new Set<number>();

function take(job: Job): void {
  const before = jobs.get(job.id);
  if (before && over(before)) return;
  now.value = Date.now();
  if (job.phase === "failed") jobs.set(job.id, job);
  else if (over(job)) {
    jobs.delete(job.id);
    if (job.phase === "done" && job.kind === "move") tellNews(said(job));
  } else jobs.set(job.id, job);
  tick();
}

export const heard = (event: Event): void => {
  if (event.type !== "job") return;
  told.add(event.id);
  take(event);
};
/** An answer may come later than what was told after it was given: then it is older, and what it says may long be over. */
export const answered = (job: Job): void => {
  if (!told.has(job.id)) take(job);
};
export const remembered = () => quietly(async () => (await call("browse_jobs")).filter((job) => !over(job)).forEach(answered));
/** Some of what was told never came: what is not among all there are is over. */
export const lookAnew = () => quietly(async () => {
  told.clear();
  const all = new Map((await call("browse_jobs")).map((job) => [job.id, job]));
  for (const [id, { phase }] of [...jobs]) if (!all.has(id) && !told.has(id) && phase !== "failed") jobs.delete(id);
  for (const job of all.values()) if (!over(job) || jobs.has(job.id)) answered(job);
  tick();
});
export const stop = (job: Job) => quietly(() => call("browse_stop", { id: job.id }));
/** What undo takes back: the one that was asked for last. */
export const lastWaiting = (): Job | undefined => [...jobs.values()].filter(({ phase }) => phase === "waiting").at(-1);
export const seconds = (job: Job): number => Math.max(0, Math.ceil(((job.until ?? 0) - now.value) / 1000));

/** What it is about: one by its name, several by their number. */
function things(job: Job): string {
  if (job.chosen > 1) return many("buckets.things", job.chosen);
  const name = shown(job.first);
  return job.folder ? many(job.whole ? "buckets.folder-with" : "buckets.folder-with-more", job.found, { name }) : name;
}

/** Another name in the same place, and not a move. */
const isRename = (job: Job) => job.kind === "move" && job.chosen === 1 && job.to !== null && parent(job.to) === job.prefix;

export function said(job: Job): string {
  const place = shown(last(job.prefix)) || job.bucket;
  if (job.kind === "remove") {
    if (job.phase === "waiting") return t("buckets.removed", { things: things(job), place });
    if (job.phase === "running") return t("buckets.removing", { things: things(job), done: job.done });
    return t("buckets.remove-stuck", { things: things(job) });
  }
  if (isRename(job) && job.phase !== "running") return t(job.phase === "done" ? "buckets.renamed" : "buckets.rename-stuck", { name: shown(job.first), to: shown(last(job.to!)) });
  const to = shown(bare(job.to ?? "")) || job.bucket;
  if (job.phase === "running") return t("buckets.moving", { things: things(job), to, done: job.done });
  if (job.phase === "done") return t("buckets.moved", { things: things(job), to });
  return t("buckets.move-stuck", { things: things(job), to });
}
