// What can be done to what lies in a bucket, as lines of a menu: everything the details offer, for one or for all that are chosen.

import { shallowRef } from "vue";
import type { Failure } from "@/bindings/Failure";
import type { Format } from "@/bindings/Format";
import { formatName, formats } from "@/formats";
import { many, t } from "@/i18n";
import { call } from "@/ipc";
import { ruled, type MenuItem } from "@/parts/menu";
import { failure, quietly, said, settings, snapshot, tellNews } from "@/state/live";
import { look } from "../pane";
import { copy, open, remove } from "./doing";
import { access, isPublic, openedBy, readAccess, spot, title, type Entry } from "./here";
import { bare, last, shown } from "./names";

export type Act = "open" | "copy" | `as:${Format}` | "use" | "public" | "private" | "rename" | "move" | "key" | "details" | "delete" | "head" | `rule-${number}`;

export const write = (text: string) => quietly(async () => {
  if (!navigator.clipboard) throw { code: "internal", message: t("buckets.not-copied"), field: null } satisfies Failure;
  await navigator.clipboard.writeText(text);
  tellNews(t("copied"));
});
export const use = (prefix: string) => quietly(() => call("use_destination", { id: spot.value!.destination, bucket: spot.value!.bucket, folder: bare(prefix) }));
/** New uploads go there. */
export const isPresent = (prefix: string): boolean => {
  const place = snapshot.value?.place;
  return place?.destination === spot.value?.destination && place?.bucket === spot.value?.bucket && place?.folder === bare(prefix);
};

/** What a person is asked before a place is closed to the public. */
export const closing = shallowRef<{ name: string; text: string; answer: (yes: boolean) => void } | null>(null);
const named = (prefix: string) => shown(last(prefix)) || spot.value!.bucket;

async function mayClose(prefix: string): Promise<boolean> {
  const at = spot.value!;
  const { text } = await call("browse_closing", { destination: at.destination, bucket: at.bucket, prefix });
  closing.value?.answer(false);
  return new Promise((resolve) => {
    const answer = (yes: boolean) => {
      closing.value = null;
      resolve(yes);
    };
    closing.value = { name: named(prefix), text, answer };
  });
}

/** Opens a folder to everybody, or closes it, which is asked about; the sentence where that cannot be done. */
export async function setAccess(prefix: string, open: boolean): Promise<string> {
  const at = spot.value;
  if (!at) return "";
  try {
    if (!open && !(await mayClose(prefix))) return "";
    await call("browse_set_access", { destination: at.destination, bucket: at.bucket, prefix, public: open });
    tellNews(t(open ? "buckets.now-public" : "buckets.now-private", { name: named(prefix) }));
    return "";
  } catch (error) {
    return failure(error).message;
  } finally {
    await readAccess();
  }
}

export function actsOn(all: Entry[]): MenuItem<Act>[] {
  const one = all.length === 1 ? all[0]! : undefined;
  const objects = all.filter(({ folder }) => !folder).length;
  const mine = settings.value?.settings.link.format;
  const offered = (wanted: boolean, item: MenuItem<Act>): MenuItem<Act>[] => (wanted ? [item] : []);
  const rules = one?.folder === true && access.value !== null && access.value.message === null && openedBy(one.key) === undefined;
  const open = one?.folder === true && isPublic(one.key);
  return ruled<Act>([
    offered(objects > 0, { id: "copy", label: many("buckets.copy-links", objects), icon: "copy", end: "Ctrl+C" }),
    objects > 0 ? [{ id: "head", kind: "head", label: t("buckets.copy-as") }, ...formats.value.filter((format) => format !== mine).map((format): MenuItem<Act> => ({ id: `as:${format}`, label: formatName(format), gap: true }))] : [],
    [
      ...offered(one !== undefined, { id: "open", label: one?.folder ? t("buckets.open-folder", { name: shown(title(one)) || t("buckets.no-name") }) : t("buckets.open-in-browser"), icon: one?.folder ? "folder" : "external", end: "Enter" }),
      ...offered(one?.folder === true && !isPresent(one.key), { id: "use", label: t("buckets.use"), icon: "upload" }),
      ...offered(rules && !open, { id: "public", label: t("buckets.make-public"), icon: "globe" }),
      ...offered(rules && open, { id: "private", label: t("buckets.make-private"), icon: "lock" }),
    ],
    [
      ...offered(one !== undefined, { id: "rename", label: t("buckets.rename"), icon: "pencil", end: "F2" }),
      { id: "move", label: t("buckets.move-to"), icon: "arrow-right", end: "Ctrl+M" },
      ...offered(one !== undefined, { id: "key", label: t(one?.folder ? "buckets.copy-prefix" : "buckets.copy-key"), gap: true }),
      ...offered(one !== undefined, { id: "details", label: t("buckets.details"), icon: "panel", end: "Alt+Enter" }),
    ],
    [{ id: "delete", label: one?.folder ? t("buckets.delete-folder") : many("buckets.delete-n", all.length), icon: "trash", danger: true, end: "Del" }],
  ]);
}

/** Does it; false for what is asked for first (a name, a place). */
export function act(which: Act, all: Entry[]): boolean {
  const [one] = all;
  if (!one) return true;
  const access = async (open: boolean) => void (said.text = await setAccess(one.key, open));
  const does: { [K in Act]?: () => unknown } = {
    open: () => open(one),
    copy: () => copy(all),
    use: () => use(one.key),
    public: () => access(true),
    private: () => access(false),
    key: () => write(one.key),
    details: look,
    delete: () => remove(all),
  };
  if (which.startsWith("as:")) void copy(all, which.slice(3) as Format);
  else if (does[which]) void does[which]!();
  else return false;
  return true;
}
