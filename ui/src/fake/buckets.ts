// Buckets for the library's pictures and tests: listed, counted, renamed and deleted as an engine would. Names and figures are made up.

import type { Job } from "@/bindings/Job";
import type { ListedObject } from "@/bindings/ListedObject";
import type { Picked } from "@/bindings/Picked";
import type { Commands, Events } from "@/contract";

type Answers = { [K in keyof Commands]?: (...args: Parameters<Commands[K]>) => ReturnType<Commands[K]> | Promise<ReturnType<Commands[K]>> };
type Tell = <K extends keyof Events>(name: K, event: Events[K]) => void;

const DAY = 86_400_000;
const object = (name: string, size: number, days: number): ListedObject => ({ key: `docs/img/${name}`, size, modified: Date.UTC(2026, 10, 21, 14, 32) - days * DAY, etag: `e${name.length}${size}` });
const OBJECTS = [
  object("20261121-113058-41be20d9.png", 212_000, 0), object("checkout-empty-state-9f3a1c7e.png", 83_000, 0), object("gateway-sso-flow-77ab03e1.svg", 14_000, 0), object("landing-hero-v3-0cc1d2a4.webp", 301_000, 1),
  object("release-notes-2026-11.pdf", 1_900_000, 5), object("登录页-深色-b04d7712.png", 3_300_000, 0), object("迭代看板-第47周-5e19aa70.png", 640_000, 1),
];
const FOLDERS = ["docs/img/icons/", "docs/img/release-notes/", "docs/img/tmp/", "docs/img/设计稿/"];
export const HOSTILE = ["docs/img/../x.png", "docs/img/\"><img src=x onerror=alert(1)>.png", "docs/img/a\u202egnp.exe", "docs/img/line\nbreak\u0000.png", `docs/img/${"w".repeat(1015)}`, "docs/img/ ", "docs/img/{{ 1 + 1 }}.png"];

/** What the commands of the buckets answer in that state; `tell` lets the engine speak. */
export function browsing(state: string, zh: boolean, tell: () => Tell): Answers {
  let folders = state === "bucket-empty" ? [] : state === "bucket-hostile" ? ["docs/img//", "docs/img/../", "docs/img/<b>x</b>/"] : [...FOLDERS];
  let objects = state === "bucket-empty" ? [] : state === "bucket-hostile" ? HOSTILE.map((key, at) => ({ ...OBJECTS[1]!, key, etag: `h${at}` })) : [...OBJECTS];
  const million = (at: number): ListedObject => ({ key: `docs/img/${String(at).padStart(7, "0")}.txt`, size: 1000 + at, modified: 1_700_000_000_000 + at, etag: String(at) });
  const open = new Set([state === "bucket-public" ? "" : "docs/img/"]);
  let number = 0;
  const job = (items: Picked[], more: Partial<Job>): Job => {
    const first = items[0]!;
    const name = first.key.replace(/\/$/, "").split("/").pop()!;
    return { id: ++number, kind: "remove", phase: "waiting", destination: "atelier", bucket: "assets", prefix: "docs/img/", first: name, folder: first.folder, chosen: items.length, to: null, found: first.folder ? 41 : items.length, bytes: 0, whole: true, done: 0, failed: 0, until: Date.now() + 8_000, message: null, ...more };
  };
  const forbidden = { code: "forbidden", message: zh ? "s3.atelier.example 上的访问密钥 AKIA4ATELIERQ7DM 无权列出 assets（403）。上传和链接不受影响。" : "The key AKIA4ATELIERQ7DM lacks s3:ListBucket on assets (403). Uploading and links go on working.", field: null };
  return {
    browse_buckets: () => ["assets", "release", "screenshots"],
    browse_page: ({ prefix, cursor, limit }) => {
      if (state === "bucket-forbidden") throw forbidden;
      if (prefix === "") return { folders: ["docs/", "marketing/"], objects: [], more: false, next: null };
      if (prefix === "docs/") return { folders: ["docs/img/", "docs/设计稿/"], objects: [], more: false, next: null };
      const from = Number(cursor ?? 0);
      if (state === "bucket-many") return { folders: [], objects: Array.from({ length: limit }, (_, at) => million(from + at)), more: true, next: from + limit < 1_000_000 ? String(from + limit) : null };
      const fit = objects.filter(({ key }) => key.startsWith(prefix));
      const page = fit.slice(from, from + limit);
      const next = from + limit < fit.length ? String(from + limit) : null;
      return { folders: from === 0 ? folders.filter((key) => key.startsWith(prefix)) : [], objects: page, more: next !== null, next };
    },
    browse_details: ({ key }) => {
      const found = objects.find((one) => one.key === key)!;
      return { ...found, content_type: "image/png", sha256: null, version_id: null, headers: { "cache-control": "public, max-age=31536000" }, metadata: { "imagepic-id": "7c02fe1b", sha256: "9f3a1c7e5b0d4712" } };
    },
    browse_sum: () => ({ objects: 41, bytes: 18_200_000, newest: Date.UTC(2026, 10, 20, 18, 47), whole: true }),
    browse_access: () => (state === "bucket-rules" ? { public: [], message: zh ? "这个存储服务没有为 assets 保存访问规则。在存储服务的管理页面里设置。" : "This store keeps no rules about who may read in assets. Set that up where the store is managed." } : { public: [...open], message: null }),
    browse_closing: ({ prefix }) => ({ uploads: 3, text: zh ? `3 个上传在 assets/${prefix.replace(/\/$/, "")} 中的链接将无法打开，无论它们贴在哪里。此后 imagepic 生成的链接带有签名，最长 7 天有效。` : `3 uploads have links into assets/${prefix.replace(/\/$/, "")} that stop opening, wherever they were pasted. Links that imagepic makes from then on are signed and open for 7 days at most.` }),
    browse_set_access: ({ prefix, public: wanted }) => void (wanted ? open.add(prefix) : open.delete(prefix)),
    browse_new_folder: ({ prefix, name }) => {
      if (name === "..") throw { code: "bad_request", field: "name", message: zh ? "名称不能含有空的部分、“.”、“..” 或控制字符。换一个名称。" : "A name has no empty part, no “.” or “..” and no control characters. Type another one." };
      folders = [...folders, `${prefix}${name}/`].sort();
      return { prefix: `${prefix}${name}/`, kept: true };
    },
    browse_remove: ({ items }) => {
      const gone = new Set(items.map(({ key }) => key));
      objects = objects.filter(({ key }) => !gone.has(key));
      folders = folders.filter((key) => !gone.has(key));
      return job(items, {});
    },
    browse_move: ({ items, folder }) => job(items, { kind: "move", phase: "running", until: null, to: folder ? `${folder}/` : "", done: 12 }),
    browse_rename: ({ item, name }) => job([item], { kind: "move", phase: "done", until: null, to: `docs/img/${name}`, done: 1 }),
    browse_stop: ({ id }) => void setTimeout(() => tell()("engine", { type: "job", ...job([{ key: "x", folder: false }], { id, phase: "stopped", until: null }) })),
    browse_jobs: () => [],
    browse_copy: () => undefined,
    browse_open: () => undefined,
    browse_here: () => undefined,
    browse_asked: () => (state === "bucket-new" ? { destination: "atelier", bucket: "assets", folder: "docs/img", new_folder: true, access: false } : null),
    browse_upload: () => undefined,
  };
}
