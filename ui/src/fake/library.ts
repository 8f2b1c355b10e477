// Uploads for the library's pictures and tests: found, deleted and renamed as an engine would. Names and figures are made up.

import type { Format } from "@/bindings/Format";
import type { Upload } from "@/bindings/Upload";
import type { Commands } from "@/contract";
import { place, upload } from "./scenes";

type Answers = { [K in keyof Commands]?: (...args: Parameters<Commands[K]>) => ReturnType<Commands[K]> | Promise<ReturnType<Commands[K]>> };

const DAY = 86_400_000;
const at = (days: number, hour: number, minute: number): number => new Date().setHours(hour, minute, 7, 0) - days * DAY;
const NAMES = [
  ["checkout-empty-state.png", 83_412, 0, 14, 32], ["登录页-深色-9f3a1c7e.png", 3_300_000, 0, 14, 31], ["latency-p95-week-47.png", 900_000, 0, 14, 30], ["20261121-113000-41be20d9.png", 212_000, 0, 11, 30],
  ["订单列表-2026-11.png", 1_200_000, 0, 10, 41], ["gateway-sso-flow.svg", 14_000, 0, 10, 2], ["landing-hero-v3.webp", 301_000, 1, 18, 47], ["迭代看板-第47周.png", 640_000, 1, 17, 20],
  ["20261120-160900-7c02fe1b.png", 58_000, 1, 16, 9], ["today-ios-430×932@3x.png", 1_100_000, 1, 15, 41], ["palette-色板.png", 46_000, 1, 11, 3], ["build-times-dark.png", 72_000, 1, 9, 58],
  ["review-41be20-diff.png", 96_000, 3, 17, 55], ["删除分支-确认框.png", 120_000, 3, 15, 12], ["icon-set-24px.svg", 9_000, 3, 10, 40],
] as const;

export const HOSTILE = "\"><img src=x onerror=alert(1)><script>alert(2)</script>\u202egnp.exe.png";

export function uploads(state: string, zh: boolean): Upload[] {
  if (state === "empty") return [];
  const now = Date.now();
  const week = 7 * DAY;
  const made = NAMES.map(([name, size, days, hour, minute], index) => {
    const taken = at(days, hour, minute);
    return upload(100 - index, name, size, { place: { ...place(zh) }, stage: "done", sent: size, taken_at: taken, done_at: taken, width: 1440, height: 900, source: index % 2 ? "drop" : "clipboard", expires_at: now + week - days * DAY });
  });
  const change = (index: number, more: Partial<Upload>) => Object.assign(made[index]!, more);
  change(2, { stage: "sending", sent: 370_000, done_at: null, expires_at: null });
  change(4, { stage: "failed", done_at: null, expires_at: null, code: "store_busy", message: zh ? "没有应答（504），已试 5 次" : "No answer (504), 5 tries" });
  for (const index of [5, 6, 14]) change(index, { expires_at: null, content_type: index === 6 ? "image/webp" : "image/svg+xml" });
  if (state === "closed") change(5, { closed: true });
  change(7, { expires_at: now + 5 * 3_600_000 });
  change(10, { expires_at: null, place: { ...place(zh), name: zh ? "本机" : "This computer", destination: "this-computer", bucket: "images", folder: "", only_here: true } });
  change(11, { expires_at: now - 3_600_000 });
  if (state === "waiting") change(3, { stage: "waiting", waiting: "network", done_at: null, expires_at: null, code: "unreachable", message: zh ? "s3.atelier.example 没有应答，恢复后自动继续。" : "Continues when s3.atelier.example answers." });
  if (state === "unnamed") change(3, { stage: "waiting", waiting: "name", done_at: null, expires_at: null, code: "name_wanted", message: zh ? "命名之前不会发送。在拖放区为它命名，或就用 20261121-113000-41be20d9.png。" : "Nothing is sent before it has a name. Name it in the drop zone, or go on with 20261121-113000-41be20d9.png." });
  if (state === "noted") change(0, { made: { summary: null, was_size: null, was_type: null, was_width: null, was_height: null, converted: null, resized: false, squeezed: false, notices: [zh ? "图片已损坏：文件在结尾之前中断。按原样上传。" : "The picture is damaged: the file breaks off before its end. It goes as it is."] } });
  if (state === "hostile") change(0, { name: HOSTILE, key: `docs/img/${HOSTILE}`, content_type: "<b>x</b>", message: HOSTILE });
  if (state === "hostile") change(1, { name: "w".repeat(1024), key: "w".repeat(1024) });
  if (state.startsWith("many")) {
    const count = Number(state.slice(4)) || 100_000;
    return Array.from({ length: count }, (_, index) => ({ ...made[index % made.length]!, id: count - index, name: `${count - index}-${made[index % made.length]!.name}`, taken_at: now - index * 240_000, stage: "done" as const, expires_at: null }));
  }
  return made;
}

/** What the library's commands answer. */
export function library(state: string, zh: boolean): Answers {
  let all = uploads(state, zh);
  const left = new Map<number, Upload[]>();
  let leavings = 0;
  const get = (id: number) => all.find((one) => one.id === id)!;
  const remove = ({ ids }: { ids: number[] }) => {
    left.set(++leavings, all);
    all = all.filter(({ id }) => !ids.includes(id));
    return { ids, stay: 0, seconds: 8 };
  };
  return {
    library_newest: ({ limit }) => all.slice(0, limit),
    library_find: ({ query }) => {
      const words = query.text.toLowerCase().split(/\s+/).filter(Boolean);
      const ends = (one: Upload) => one.expires_at !== null && one.expires_at > Date.now() && one.expires_at < Date.now() + DAY;
      const found = all.filter((one) =>
        (!query.destination || one.place.destination === query.destination) && (!query.stage || one.stage === query.stage) && (query.life !== "ending" || ends(one)) &&
        (query.life !== "ended" || (one.expires_at !== null && one.expires_at <= Date.now())) && (query.from === null || one.taken_at >= query.from) &&
        words.every((word) => `${one.name}\n${one.key}`.toLowerCase().includes(word)));
      const counts = [all.length, all.filter(({ stage }) => stage === "waiting").length, all.filter(({ stage }) => stage === "failed").length, all.filter(ends).length];
      return Float64Array.from([...counts, ...found.map(({ id }) => id), ...found.map(({ taken_at }) => taken_at)]).buffer as ArrayBuffer;
    },
    library_names: () => {
      const named = all.toSorted((one, other) => one.id - other.id);
      const texts = named.map(({ name }) => new TextEncoder().encode(name));
      const bytes = new Uint8Array(8 + 12 * named.length + texts.reduce((sum, { length }) => sum + length, 0));
      const view = new DataView(bytes.buffer);
      view.setFloat64(0, named.length, true);
      let end = 8 + 12 * named.length;
      for (const [index, { id }] of named.entries()) {
        view.setFloat64(8 + 8 * index, id, true);
        bytes.set(texts[index]!, end);
        end += texts[index]!.length;
        view.setUint32(8 + 8 * named.length + 4 * index, end - 8 - 12 * named.length, true);
      }
      return bytes.buffer;
    },
    library_rows: ({ ids }) => {
      const wanted = new Set(ids);
      return all.filter(({ id }) => wanted.has(id));
    },
    library_details: ({ id }) => {
      const one = get(id);
      const url = `https://s3.atelier.example/assets/${one.key}${one.expires_at === null ? "" : "?X-…"}`;
      const stem = one.name.replace(/\.\w+$/, "").slice(0, 60);
      const lines = [["url", url], ["markdown", `![${stem}](${url})`], ["html", `<img src="${url}" alt="${stem}" width="1440" height="900">`], ["bbcode", `[img]${url}[/img]`], ["css", `url("${url}")`], ["jsx", `<img src="${url}" alt="${stem}" />`], ["custom:Docusaurus", `<Img src={useBaseUrl("${url}")} />`]] as const;
      return { upload: one, sha256: "9f3a1c7eb04d55c1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5c81e6a25", unchanged: id % 3 !== 0, created: true, shared: 0, signed: one.expires_at !== null, file: id % 2 ? `/home/mei/Pictures/${one.name}` : null,
        lines: one.stage === "done" ? lines.map(([format, text]) => ({ format: format as Format, text })) : [], message: null };
    },
    library_check: () => "there",
    library_delete: remove,
    library_forget: remove,
    library_keep: ({ ids }) => {
      all = left.get(leavings) ?? all;
      return ids.length;
    },
    library_rename: ({ id, name }) => Object.assign(get(id), { name, key: get(id).key.replace(/[^/]*$/, name) }),
  };
}
