// What a person does to what lies in a bucket.

import type { Format } from "@/bindings/Format";
import { many, t } from "@/i18n";
import { call } from "@/ipc";
import { quietly, tellNews } from "@/state/live";
import { go } from "../route";
import { access, destination, hide, isPublic, picked, spot, type Entry } from "./here";
import { answered } from "./jobs";

const at = () => ({ destination: spot.value!.destination, bucket: spot.value!.bucket });

export function enter(prefix: string): void {
  go({ at: "buckets", ...at(), prefix });
}

/** Links to these open for nobody: they carry no signature, and the store wants one. Of an address before the store nothing is known. */
const isClosed = (keys: string[]): boolean => {
  const [to, rules] = [destination.value, access.value];
  const plain = to?.link.policy === "public" && !to.link.base && to.kind !== "this-computer";
  return plain && rules !== null && rules.message === null && keys.some((key) => !isPublic(key));
};

export const copy = (all: Entry[], format: Format | null = null) => {
  const keys = all.filter(({ folder }) => !folder).map(({ key }) => key);
  if (keys.length === 0) return Promise.resolve(false);
  return quietly(async () => {
    await call("browse_copy", { ...at(), keys, format });
    tellNews(many(isClosed(keys) ? "buckets.copied-closed" : "done.copied", keys.length));
  });
};

export const open = (entry: Entry) => (entry.folder ? Promise.resolve(enter(entry.key)) : quietly(() => call("browse_open", { ...at(), key: entry.key })));

export const remove = (all: Entry[]) =>
  quietly(async () => {
    if (all.length === 0) return;
    answered(await call("browse_remove", { ...at(), items: picked(all) }));
    hide(all);
  });

export const move = async (all: Entry[], folder: string) => answered(await call("browse_move", { ...at(), items: picked(all), folder }));
export const rename = async (entry: Entry, name: string) => answered(await call("browse_rename", { ...at(), item: picked([entry])[0]!, name }));

export async function newFolder(name: string): Promise<void> {
  const made = await call("browse_new_folder", { ...at(), prefix: spot.value!.prefix, name });
  enter(made.prefix);
  if (!made.kept) tellNews(t("buckets.not-kept"));
}
