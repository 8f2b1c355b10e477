// The states of the windows, as an engine would tell them. Names, places and figures are made up.

import type { AccountView } from "@/bindings/AccountView";
import type { Destination } from "@/bindings/Destination";
import type { Place } from "@/bindings/Place";
import type { Question } from "@/bindings/Question";
import type { Snapshot } from "@/bindings/Snapshot";
import type { Upload } from "@/bindings/Upload";
import { library } from "./library";
import { tries, welcome } from "./welcome";
import { browsing } from "./buckets";
import { settingsAnswers } from "./settings";
import type { Commands, Events, SettingsView, TestReport } from "@/contract";

const names = { file: "{stem}-{hash:8}.{ext}", clipboard: "{yyyy}{MM}{dd}-{HH}{mm}{ss}-{hash:8}.{ext}" };
export const destinations = (zh: boolean): Destination[] => [
  { id: "atelier", name: zh ? "Atelier 团队" : "Atelier", kind: "s3", endpoint: "https://s3.atelier.example", region: "eu-central-1", access_key: "AKIA4ATELIERQ7DM", path_style: true,
    bucket: "assets", folder: "docs/img", link: { policy: "presigned", seconds: 604_800 }, names, images: { strip_metadata: true } },
  { id: "minio-frankfurt", name: zh ? "MinIO 法兰克福" : "MinIO Frankfurt", kind: "s3", endpoint: "https://s3.fra.atelier.example", region: "us-east-1", access_key: "AKIA4FRANKFURT7Q", path_style: true,
    bucket: "assets", folder: "docs/img", link: { policy: "presigned", seconds: 604_800 }, names, images: { strip_metadata: true } },
  { id: "r2-personal", name: zh ? "R2 · 个人" : "R2 · personal", kind: "s3", endpoint: "https://4f1c.r2.cloudflarestorage.com", region: "auto", access_key: "9c1dd2", path_style: true,
    bucket: "pics", folder: "", link: { policy: "public", base: "https://img.example" }, names, images: { strip_metadata: true } },
  { id: "this-computer", name: zh ? "本机" : "This computer", kind: "this-computer", bucket: "images", folder: "", link: { policy: "public" },
    names: { file: "{stem}-{random:8}.{ext}", clipboard: "{yyyy}{MM}{dd}-{HH}{mm}{ss}-{random:8}.{ext}" }, images: { strip_metadata: true } },
];

const team = (zh: boolean): Destination => ({
  id: "team", name: zh ? "团队图床" : "Studio", kind: "team", server: "https://images.atelier.example", phone: "13800138000", bucket: "assets", folder: "docs/img",
  link: { policy: "presigned", seconds: 604_800 }, names, images: { strip_metadata: true },
});
const account = (state: string, zh: boolean): AccountView => ({
  destination: "team", signed_in: state === "team", keeps_password: false,
  message: state === "team-ended" ? (zh ? "images.atelier.example 不再接受 13800138000 的登录：会话已结束，或密码已更改。" : "images.atelier.example does not accept the sign-in of 13800138000 any more: the session has ended, or the password was changed.") : null,
});

export const place = (zh: boolean): Place => ({ destination: "atelier", name: zh ? "Atelier 团队" : "Atelier", bucket: "assets", folder: "docs/img", max_bytes: 50_000_000, only_here: false });

const question = (zh: boolean): Question => ({
  id: 3, kind: "folder", title: zh ? "上传 Screenshots 中的 3 张新图片？" : "Upload 3 new images from Screenshots?",
  text: zh ? "checkout-error.png 等，另有 2 个 · 到 Atelier 团队 / assets / docs/img。以后的会自动上传。" : "checkout-error.png and 2 more · to Atelier / assets / docs/img. Later ones go by themselves.",
  yes: zh ? "上传" : "Upload", no: zh ? "不传这些" : "Not these",
});

export function upload(id: number, name: string, size: number, more: Partial<Upload> = {}): Upload {
  return {
    id, batch: 1, position: id, name, size, sent: 0, content_type: name.endsWith("gif") ? "image/gif" : "image/png", width: 1280, height: 800, source: "drop", stage: "queued", waiting: null, code: null,
    message: null, place: place(false), key: `docs/img/${name}`, taken_at: 0, done_at: null, reused: false, expires_at: null, ...more,
  };
}

const NAMES = ["checkout-empty-state.png", "登录页-深色@2x.png", "IMG_4821.jpg", "onboarding-loop.gif"];
const done = (id: number) => upload(id, NAMES[id - 1]!, 800_000, { stage: "done", sent: 800_000, done_at: 1 });

const unnamed = (id: number, last: string, name: string, zh: boolean, more: Partial<Upload> = {}) => upload(id, name || last, 83_000 * id, {
  stage: "waiting", waiting: "name", code: "name_wanted", key: `docs/img/${last}`, place: place(zh),
  message: zh ? `命名之前不会发送。在拖放区为它命名，或就用 ${last}。` : `Nothing is sent before it has a name. Name it in the drop zone, or go on with ${last}.`, ...more,
});

/** Uploads that are open when the window does. */
function openIn(state: string, zh: boolean): Upload[] {
  switch (state) {
    case "working":
    case "paused-work":
      return [upload(2, NAMES[1]!, 3_300_000, { stage: "sending", sent: 2_100_000 }), upload(3, NAMES[2]!, 4_600_000, { stage: "sending", sent: 1_000_000 }), upload(4, NAMES[3]!, 900_000)];
    case "many":
      return Array.from({ length: 9 }, (_, at) => upload(at + 1, `screenshot-2026-11-21-at-10.3${at}.png`, 1_200_000, at < 2 ? { stage: "sending", sent: 400_000 * (at + 1) } : {}));
    case "paused-wait":
    case "waiting":
      return [
        upload(1, "latency-p95-week-47.png", 900_000, { stage: "waiting", waiting: "network", sent: 400_000, code: "unreachable", message: zh ? "s3.atelier.example 没有应答，恢复后自动继续。" : "Continues when s3.atelier.example answers." }),
        upload(2, "购物车-空状态.png", 83_000, { stage: "waiting", waiting: "network" }),
      ];
    case "naming":
      return [unnamed(1, "20261121-144012-9f3a1c7e.png", "", zh, { source: "clipboard" })];
    case "naming-wrong":
    case "naming-all":
    case "naming-paused":
      return [unnamed(1, "checkout-empty-state-9f3a1c7e.png", NAMES[0]!, zh), unnamed(2, "登录页-深色@2x-b04d7712.png", NAMES[1]!, zh), unnamed(3, "IMG_4821-0c55e1aa.jpg", NAMES[2]!, zh), unnamed(4, "onboarding-loop-77ab90f2.gif", NAMES[3]!, zh),
        unnamed(5, "table-5f0e11d3.png", "table.png", zh, { place: { ...place(zh), name: "R2", bucket: "pics", folder: "blog" } })];
    case "failed":
      return [upload(3, "订单列表-2026-11.png", 1_200_000, { stage: "failed", code: "store_busy", message: zh ? "没有应答（504），已试 5 次" : "No answer (504), 5 tries" })];
    case "failed-many":
      return Array.from({ length: 6 }, (_, at) => upload(at + 3, `订单列表-2026-11-${at + 1}.png`, 1_200_000, { position: at + 3, stage: "failed", code: "store_busy",
        message: at % 2 ? (zh ? "没有应答（504），已试 5 次" : "No answer (504), 5 tries") : zh ? "存储桶 assets 拒绝了这次上传：密钥 AKIA4ATELIERQ7DM 没有写入 docs/img 的权限。在上传目标里换一个密钥，或请管理员放行。" : "The bucket assets refused it: the key AKIA4ATELIERQ7DM may not write below docs/img. Use another key in the destination, or ask whoever manages the bucket." }));
    case "failed-all":
      return Array.from({ length: 3000 }, (_, at) => upload(at + 1, `screenshot-${String(at + 1).padStart(4, "0")}.png`, 1_200_000, { stage: "failed", code: "store_busy", message: zh ? "没有应答（504），已试 5 次" : "No answer (504), 5 tries" }));
    case "thousands":
      return Array.from({ length: 3000 }, (_, at) => upload(at + 1, `screenshot-${String(at + 1).padStart(4, "0")}.png`, 1_200_000, at > 1204 && at < 1208 ? { stage: "sending", sent: 400_000 * (at % 3) } : at > 1207 ? {} : { stage: "failed", code: "store_busy", message: zh ? "没有应答（504），已试 5 次" : "No answer (504), 5 tries" }));
    default:
      return [];
  }
}

function report(state: string, zh: boolean): TestReport {
  const order = ["address", "tls", "clock", "region", "key", "secret", "bucket", "permission", "style"] as const;
  const bad = state === "test-right" ? order.length : order.indexOf("region");
  const right = state === "test-right";
  return {
    rungs: order.map((rung, at) => ({ rung, state: at < bad ? "ok" : at === bad ? "bad" : "todo" })),
    code: right ? null : "wrong_region",
    message: right ? null : zh ? "服务器使用 eu-central-1 签名，拒绝了 us-east-1。" : "The server signs for eu-central-1, not us-east-1.",
    suggestion: right ? null : { field: "region", value: "eu-central-1" }, public: right ? true : null, took_ms: 310, team: false,
  };
}

export type Answers = { [K in keyof Commands]?: (...args: Parameters<Commands[K]>) => ReturnType<Commands[K]> | Promise<ReturnType<Commands[K]>> };

/** What commands answer in that state. */
export function scene(asked: URLSearchParams): Answers {
  const state = asked.get("state") ?? "";
  const zh = asked.get("lang") === "zh-CN";
  const view: SettingsView = {
    settings: {
      version: 1, general: { language: zh ? "zh-CN" : "en", theme: "system", notifications: "all", proxy: state === "proxy" ? "socks5://127.0.0.1:1080" : "system" }, capture: { clipboard: "ask", folders: [{ path: "/home/me/Pictures/Screenshots", recursive: false, enabled: true }] },
      names: { ask: state.startsWith("naming") },
      link: { format: "markdown", templates: [{ name: "Wiki", text: "[[{url}|{alt}]]" }] },
      shortcuts: { upload_clipboard: "Ctrl+Alt+U", choose_files: "", drop_zone: "Super+F9", library: "", pause: "" }, destination: { current: state.startsWith("team") ? "team" : "atelier" }, destinations: [...(state.startsWith("team") ? [team(zh)] : []), ...destinations(zh)],
    },
    language: zh ? "zh-CN" : "en", theme: asked.get("theme") === "dark" ? "dark" : "light", secrets: state === "file" ? "file" : "keychain", saved_secrets: ["atelier", "minio-frankfurt", "r2-personal"],
    autostart: false, version: "0.1.0",
    accounts: state.startsWith("team") ? [account(state, zh)] : [],
  };
  const snapshot: Snapshot = {
    state: "idle", line: "", place: place(zh), open: openIn(state, zh), recent: [], paused: state.startsWith("paused") || state.endsWith("-paused"), clipboard: "ask",
    questions: state.startsWith("question") ? [question(zh)] : [],
    offer: state.startsWith("offer") ? { id: 7, size: 83_000, width: 1200, height: 800, files: 0 } : null, format: "markdown", formats: ["url", "markdown", "html", "bbcode", "css", "jsx"],
  };
  return {
    ...library(state, zh),
    snapshot: () => snapshot,
    settings: () => view,
    name_upload: ({ id, name }) => {
      if (name?.includes("/")) throw { code: "bad_request", field: "name", message: zh ? "名称不能含斜杠。文件夹由上传目标决定。" : "A name holds no slash. The folder is the destination’s." };
      snapshot.open = snapshot.open.filter((one) => one.id !== id);
    },
    list_buckets: () => ["assets", "release", "screenshots"],
    ...browsing(state, zh, () => (globalThis as unknown as { fake: { tell: <K extends keyof Events>(name: K, event: Events[K]) => void } }).fake.tell),
    list_folders: () => ["docs/img/", "docs/video/"],
    probe_team: ({ address }) => {
      if (address.server.startsWith("http:") && !address.allow_plain_http) throw { code: "plain_http", field: "server", message: zh ? "到 images.atelier.example 的连接未加密：途中任何人都能读到你的密码和图片。改用 https://，或确认对此服务器使用明文 http。" : "images.atelier.example is to be reached without encryption: everybody on the way can read your password and your images. Use https://, or confirm that plain http is meant for this server." };
      return { server: address.server, old: state === "team-old", registers: true, invited: state === "team-invite", password_min: 8 };
    },
    team_account: () => account(state, zh),
    sign_in: () => { throw { code: "wrong_password", field: "password", message: zh ? "images.atelier.example 上的手机号码与密码不匹配。" : "Phone number and password do not belong together at images.atelier.example." }; },
    name_preview: ({ destination: { names: { file, clipboard }, folder } }) => {
      const fill = (text: string) => [folder, text.replace("{stem}", "checkout").replace("{ext}", "png").replace(/\{(hash|random)(:8)?\}/, "9f3a1c7e").replace("{yyyy}{MM}{dd}-{HH}{mm}{ss}", "20261121-144012")].filter(Boolean).join("/");
      const wrong = (text: string) => /\{(?!stem|ext|hash|random|uuid|yyyy|MM|dd|HH|mm|ss|counter|user|source|width|height)/.test(text) ? (zh ? "“{size}”不是占位符。" : "{size} is no placeholder.") : null;
      return { file: wrong(file) ? "" : fill(file), clipboard: wrong(clipboard) ? "" : fill(clipboard), file_error: wrong(file), clipboard_error: wrong(clipboard) };
    },
    test_destination: () => report(state, zh),
    save_destination: ({ draft }) => ({ ...draft.destination, id: draft.destination.id || "new" }),
    ...settingsAnswers(view, state, zh),
    ...welcome(state, zh),
  };
}

/** What happens right after the window has opened. */
export function begins(asked: URLSearchParams, tell: <K extends keyof Events>(name: K, event: Events[K]) => void): void {
  const state = asked.get("state");
  const zh = asked.get("lang") === "zh-CN";
  const settled = (uploads: Upload[], copied = true) => tell("engine", { type: "settled", batch: 1, uploads, refused: [], copied });
  if (state === "wel-here-6-done") tries(tell, { ...upload(9, "latency-p95.png", 91_000) });
  if (state === "over") tell("drag", { phase: "enter", count: 3, refusals: [], first: "checkout-empty-state.png" });
  if (state === "refusing") tell("drag", { phase: "enter", count: 0, first: null, refusals: [{ name: "roadmap-2027.key", code: "not_an_image", message: zh ? "Atelier 团队接收 PNG、JPEG、GIF、WebP、AVIF 和 SVG，最大 50 MB。" : "Atelier takes PNG, JPEG, GIF, WebP, AVIF and SVG, up to 50 MB." }] });
  if (state === "refused") tell("engine", { type: "refused", refusals: [{ name: "roadmap-2027.key", code: "not_an_image", message: zh ? "这不是图片，Atelier 团队只接收图片。" : "This is not an image. Atelier takes images only." }] });
  if (state === "asking") tell("ask-drop", { id: 3, paths: ["~/Pictures/passport-scan.jpg"] });
  if (state === "working") {
    tell("engine", { type: "upload", ...done(1) });
    setTimeout(() => tell("engine", { type: "progress", id: 3, sent: 1_960_000, total: 4_600_000 }), 800);
  }
  if (state === "wait-done") {
    tell("engine", { type: "upload", ...done(1) });
    tell("engine", { type: "upload", ...openIn("waiting", zh)[1]!, id: 7 });
    settled([done(1), { ...openIn("waiting", zh)[1]!, id: 7 }]);
  }
  if (state === "done" || state === "offer-done" || state === "question-done") {
    for (const id of [1, 2, 3, 4]) tell("engine", { type: "upload", ...upload(id, NAMES[id - 1]!, 800_000) });
    settled([1, 2, 3, 4].map(done));
  }
  if (state === "one") {
    tell("engine", { type: "upload", ...upload(1, NAMES[0]!, 800_000) });
    settled([done(1)], false);
  }
  const made = { summary: null, was_size: null, was_type: null, was_width: null, was_height: null, converted: null, resized: false, squeezed: false, notices: [zh ? "图片已损坏：文件在结尾之前中断。按原样上传。" : "The picture is damaged: the file breaks off before its end. It goes as it is."] };
  if (state === "closed-one") settled([{ ...done(1), closed: true }]);
  if (state === "noted-one") settled([{ ...done(1), made }]);
  if (state === "noted") settled([done(1), { ...done(2), made }, done(3)]);
  if (state === "failed-many") settled([done(1), done(2), ...openIn(state, zh)]);
  if (state === "done-thousands") settled(Array.from({ length: 3000 }, (_, at) => upload(at + 1, `screenshot-${at + 1}.png`, 800_000, { stage: "done", sent: 800_000, done_at: 1 })));
  if (state === "failed") settled([done(1), done(2), { ...openIn("failed", zh)[0]! }]);
  if (state === "notice") tell("engine", { type: "notice", code: "bucket_port_taken", message: zh ? "端口 36999 已被其他程序占用，本机的链接暂时打不开。" : "Port 36999 is taken by another program, so links of this computer don’t open." });
}

const TONES = ["#dfe6f5 #5b7bd5", "#e8f0ea #3c7d5d", "#bcd3e6 #4a6a86", "#20303a #4fb3a5", "#f3e3d3 #c4743a"];

/** A drawn stand-in for a thumbnail. */
export function picture(id: number): string {
  const [ground, shape] = TONES[id % TONES.length]!.split(" ");
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 160 100"><rect width="160" height="100" fill="${ground}"/><rect x="14" y="14" width="60" height="8" rx="3" fill="${shape}"/><rect x="14" y="32" width="${50 + id * 12}" height="40" rx="5" fill="${shape}" opacity=".35"/><rect x="14" y="80" width="90" height="6" rx="3" fill="${shape}" opacity=".6"/></svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}
