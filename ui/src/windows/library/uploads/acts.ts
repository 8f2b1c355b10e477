// What can be done to uploads, as lines of a menu: everything the details offer, for one or for all that are checked.

import type { Format } from "@/bindings/Format";
import { formatName } from "@/formats";
import { many, t } from "@/i18n";
import { call } from "@/ipc";
import { ruled, type MenuItem } from "@/parts/menu";
import { unnamed } from "@/state/board";
import { quietly, snapshot, tellNews } from "@/state/live";
import { look } from "../pane";
import { go } from "../route";
import { cancel, copy, format, open, OPENED_AT_MOST, remove, renew, retry } from "./doing";
import { check } from "./presence";
import { counts, rows } from "./shelf";

export type Act = "copy" | `as:${Format}` | "open" | "bucket" | "file" | "renew" | "retry" | "cancel" | "rename" | "check" | "key" | "sha256" | "details" | "forget" | "delete" | "head" | `rule-${number}`;

export async function copyPart(id: number, part: "key" | "sha256"): Promise<void> {
  if (await quietly(() => call("library_copy", { id, part }))) tellNews(t(`library.copied-part.${part}`));
}

export function showInBucket(id: number): void {
  const upload = rows.get(id);
  if (!upload) return;
  const { place, key } = upload;
  go({ at: "buckets", destination: place.destination, bucket: place.bucket, prefix: key.slice(0, key.lastIndexOf("/") + 1), key });
}

/** `file`: the file it came from is still known. */
export function actsOn(ids: number[], file: boolean): MenuItem<Act>[] {
  const stages = new Set(ids.map((id) => rows.get(id)?.stage));
  const [first] = ids;
  const one = ids.length === 1 && first !== undefined ? rows.get(first) : undefined;
  const linked = stages.has("done") || stages.has(undefined);
  const others = (snapshot.value?.formats ?? []).filter((other) => other !== format.value);
  const as: MenuItem<Act> = one ? { id: "copy", label: t("library.copy-as", { format: formatName(format.value) }), icon: "copy", end: "Enter" } : { id: "copy", label: t("library.copy-links"), icon: "copy", end: "Enter" };
  const signed = ids.some((id) => typeof rows.get(id)?.expires_at === "number");
  // How one that was never in sight stands is not known here: it may be any of those there are.
  const unseen = stages.has(undefined);
  const again = stages.has("failed") || stages.has("cancelled") || stages.has("waiting") || (unseen && counts.failed + counts.waiting > 0);
  const moving = stages.has("queued") || stages.has("sending") || stages.has("waiting") || (unseen && counts.waiting > 0);
  const offered = (wanted: boolean, item: MenuItem<Act>): MenuItem<Act>[] => (wanted ? [item] : []);
  return ruled<Act>([
    linked ? [as] : [],
    linked && others.length > 0 ? [{ id: "head", kind: "head", label: t("library.as") }, ...others.map((other): MenuItem<Act> => ({ id: `as:${other}`, label: formatName(other), gap: true }))] : [],
    [
      ...offered(linked && ids.length <= OPENED_AT_MOST, { id: "open", label: t(one ? "library.open" : "library.open-all"), icon: "external" }),
      ...offered(one?.stage === "done", { id: "bucket", label: t("library.show-in-bucket"), icon: "folder" }),
      ...offered(file, { id: "file", label: t("library.show-file"), gap: true }),
      ...offered(linked && signed, { id: "renew", label: t("library.renew-link"), icon: "refresh" }),
      ...offered(again, one && unnamed(one) ? { id: "retry", label: t("upload"), icon: "arrow-up" } : { id: "retry", label: t(one?.stage === "waiting" ? "wait.now" : "retry"), icon: "refresh" }),
      ...offered(moving, { id: "cancel", label: t("cancel"), icon: "ban" }),
    ],
    [
      ...offered(one?.stage === "done", { id: "rename", label: t("library.rename"), icon: "pencil", end: "F2" }),
      ...offered(one?.stage === "done", { id: "check", label: t("library.check-now"), icon: "shield" }),
      ...offered(one !== undefined, { id: "key", label: t("library.copy-key"), gap: true }),
      ...offered(one !== undefined, { id: "sha256", label: t("library.copy-sha"), gap: true }),
      { id: "details", label: t("library.details"), icon: "panel", end: "Alt+Enter" },
    ],
    [
      { id: "forget", label: t("library.forget"), icon: "x" },
      { id: "delete", label: many("library.delete-n", ids.length), icon: "trash", danger: true, end: "Del" },
    ],
  ]);
}

/** Does it; false for what only the list can do (rename). */
export function act(which: Act, ids: number[]): boolean {
  const [id] = ids;
  if (id === undefined) return true;
  const does: { [K in Act]?: () => unknown } = {
    copy: () => copy(ids),
    open: () => open(ids),
    bucket: () => showInBucket(id),
    file: () => quietly(() => call("library_show_file", { id })),
    renew: () => renew(ids),
    retry: () => retry(ids),
    cancel: () => cancel(ids),
    // Its answer stands in the details.
    check: () => {
      look();
      return check(id);
    },
    key: () => copyPart(id, "key"),
    sha256: () => copyPart(id, "sha256"),
    details: look,
    forget: () => remove(ids, true),
    delete: () => remove(ids),
  };
  if (which.startsWith("as:")) void copy(ids, which.slice(3) as Format);
  else if (does[which]) void does[which]!();
  else return false;
  return true;
}
