// Draws every window in every state, light and dark, in both languages, at 100 % and 200 %, under the windows' own policy, and looks for
// what hinders people (axe). PNGs go to artifacts/shots/states. `--only WORD` draws those whose name contains it, `--axe` looks and keeps
// no picture.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { build } from "vite";
import { chromium } from "playwright-core";

const root = new URL("..", import.meta.url).pathname;
const out = join(root, "../artifacts/shots/states");
const browserPath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const pictures = !process.argv.includes("--axe");
const only = process.argv.includes("--only") ? process.argv[process.argv.indexOf("--only") + 1] : "";
// The app's policy, but for the drawn thumbnails and the axe script that is put in from outside.
const POLICY = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'";

const test = async (page) => {
  await page.click(".dests li:nth-child(2) .dest");
  await page.click(".foot .btn");
  await page.waitForSelector(".foot .btn:not([disabled])");
  await page.waitForTimeout(100);
};
const DROP = { width: 300, height: 220 };
const SET = { width: 880, height: 640 };
const LIB = { width: 1080, height: 720 };
const NARROW = { width: 560, height: 640 };
const WEL = { width: 640, height: 480 };
const shots = [
  ...["wel-team-1", "wel-here-1", "wel-team-3", "wel-team-4", "wel-s3-2", "wel-team-4-shut", "wel-here-3", "wel-here-5", "wel-here-6", "wel-here-6-done", "wel-here-7", "wel-bare-7"].map((state) => ({ name: state, window: "welcome", state, size: WEL, act: (page) => page.waitForTimeout(700) })),
  { name: "wel-team-2", window: "welcome", state: "wel-team-1", size: WEL, act: async (page) => { await page.waitForTimeout(200); await page.click(".foot .primary"); await page.waitForSelector("#field-phone"); await page.fill("#field-password", "wrong"); await page.keyboard.press("Enter"); await page.waitForSelector("#field-password-said"); } },
  ...["idle", "over", "refusing", "refused", "asking", "question", "question-done", "offer", "many", "paused", "paused-work", "paused-wait", "waiting", "wait-done", "offer-done", "done", "done-thousands", "one", "noted", "noted-one", "closed-one", "failed", "failed-many", "failed-all", "thousands", "notice"].map((state) => ({ name: `drop-${state}`, window: "drop-zone", state, size: DROP })),
  ...["naming", "naming-all", "naming-paused"].map((state) => ({ name: `drop-${state}`, window: "drop-zone", state, size: DROP })),
  { name: "drop-naming-wrong", window: "drop-zone", state: "naming-wrong", size: DROP, act: async (page) => { await page.fill("#name-2", "docs/登录"); await page.keyboard.press("Enter"); await page.waitForSelector("#name-2-said.error"); } },
  { name: "drop-naming-one-wrong", window: "drop-zone", state: "naming", size: DROP, act: async (page) => { await page.fill("#name-1", "a/b"); await page.keyboard.press("Enter"); await page.waitForSelector("#name-1-said.error"); } },
  { name: "set-ask-name", window: "settings", state: "naming", size: SET, hash: "images", act: (page) => page.locator("#set-ask_name").scrollIntoViewIfNeeded() },
  // Enlarged to twice its size in the same window, and as small as it can be made.
  { name: "drop-failed-200", window: "drop-zone", state: "failed-many", size: { width: 150, height: 110 } },
  { name: "drop-failed-small", window: "drop-zone", state: "failed-many", size: { width: 260, height: 180 } },
  { name: "wel-notice", window: "welcome", state: "wel-here-5", size: WEL, act: async (page) => { await page.waitForTimeout(700); await page.evaluate(() => fake.tell("engine", { type: "notice", code: "bucket_port_taken", message: "36999" })); } },
  { name: "set-template-named", window: "settings", state: "", size: SET, hash: "links", act: async (page) => { await page.click("#add-template"); await page.fill("#template-name-1", "URL"); await page.fill("#template-text-1", "<{url}>"); await page.keyboard.press("Tab"); await page.waitForSelector("#template-name-1-said"); await page.locator("#add-template").scrollIntoViewIfNeeded(); } },
  { name: "drop-working", window: "drop-zone", state: "working", size: DROP, act: (page) => page.waitForSelector(".rate") },
  { name: "drop-place", window: "drop-zone", state: "idle", size: DROP, act: (page) => page.click(".where") },
  { name: "drop-more", window: "drop-zone", state: "idle", size: DROP, act: (page) => page.click(".dz-foot > .floats:last-child button") },
  { name: "drop-done-focus", window: "drop-zone", state: "done", size: DROP, act: (page) => page.focus(".thumb:nth-child(2)") },
  { name: "set-destinations", window: "settings", state: "", size: SET },
  { name: "set-test-wrong", window: "settings", state: "test-wrong", size: SET, act: test },
  { name: "set-test-right", window: "settings", state: "test-right", size: SET, act: test },
  { name: "set-file", window: "settings", state: "file", size: SET },
  { name: "set-new", window: "settings", state: "", size: SET, act: (page) => page.click(".dests > .btn") },
  { name: "set-team", window: "settings", state: "team", size: SET },
  { name: "set-team-password", window: "settings", state: "team", size: SET, act: async (page) => { await page.click(".account .btn.small"); await page.fill("#field-password", "x"); } },
  { name: "set-team-ended", window: "settings", state: "team-ended", size: SET },
  { name: "set-team-wrong", window: "settings", state: "team-old", size: SET, act: async (page) => { await page.fill("#field-password", "wrong"); await page.keyboard.press("Enter"); await page.waitForSelector("#field-password-said"); } },
  { name: "set-team-register", window: "settings", state: "team-invite", size: SET, act: async (page) => { await page.click(".account .seg label:nth-child(2)"); } },
  { name: "set-team-new", window: "settings", state: "team-out", size: SET, act: async (page) => { await page.click(".dests > .btn"); await page.click(".seg label:nth-child(1)"); await page.fill("#field-server", "http://images.atelier.example"); await page.keyboard.press("Tab"); await page.waitForSelector("#field-server-said.error"); } },
  { name: "set-here", window: "settings", state: "", size: SET, act: (page) => page.click(".dests li:last-child .dest") },
  { name: "set-public", window: "settings", state: "", size: SET, act: (page) => page.click(".dests li:nth-child(3) .dest") },
  { name: "set-path-only", window: "settings", state: "", size: SET, act: async (page) => { await page.fill("#field-endpoint", "http://127.0.0.1:9000"); await page.locator("#field-path_style").scrollIntoViewIfNeeded(); } },
  { name: "set-further", window: "settings", state: "", size: SET, act: async (page) => { await page.click(".twist"); await page.locator(".twist").scrollIntoViewIfNeeded(); } },
  { name: "set-buckets", window: "settings", state: "", size: SET, act: async (page) => { await page.click(".input .tail"); await page.waitForSelector("[role=option]"); } },
  { name: "set-insert", window: "settings", state: "", size: SET, act: (page) => page.click("[aria-haspopup=menu].tail") },
  { name: "set-remove", window: "settings", state: "", size: SET, act: async (page) => { await page.click(".pane > header [aria-haspopup=menu]"); await page.click(".menu .danger"); } },
  ...["capture", "images", "links", "shortcuts", "general"].map((pane) => ({ name: `set-${pane}`, window: "settings", state: "", size: SET, hash: pane })),
  { name: "set-shortcut-recording", window: "settings", state: "grabbed", size: SET, hash: "shortcuts", act: (page) => page.click("#record-library") },
  { name: "set-shortcuts-wayland", window: "settings", state: "wayland", size: SET, hash: "shortcuts" },
  { name: "set-name-wrong", window: "settings", state: "", size: SET, hash: "images", act: async (page) => { await page.fill("#set-file", "{stem}-{size}.{ext}"); await page.waitForSelector("#set-file-said.error"); } },
  { name: "set-templates", window: "settings", state: "", size: SET, hash: "links", act: async (page) => { await page.fill("#template-text-0", "[[{alt}]]"); await page.waitForSelector("#template-text-0-said.error"); } },
  { name: "set-find", window: "settings", state: "", size: SET, act: (page) => page.fill(".find input", "p") },
  { name: "set-found", window: "settings", state: "", size: SET, act: async (page) => { await page.fill(".find input", "EXIF"); await page.keyboard.press("Enter"); await page.waitForSelector(".found"); } },
  { name: "set-undo", window: "settings", state: "", size: SET, hash: "general", act: async (page) => { await page.click("#set-autostart"); await page.waitForSelector(".toast"); } },
  { name: "set-report", window: "settings", state: "", size: SET, hash: "general", act: (page) => page.locator("#set-report").scrollIntoViewIfNeeded() },
  { name: "set-import", window: "settings", state: "", size: SET, hash: "general", act: async (page) => { await page.click("#set-exchange .btn:nth-child(2)"); await page.waitForSelector("dialog[open]"); } },
  { name: "set-proxy", window: "settings", state: "proxy", size: SET, hash: "general" },
  { name: "set-over", window: "settings", state: "over", size: SET },
  ...["", "empty", "over", "hostile", "paused", "noted"].map((state) => ({ name: `lib-${state || "uploads"}`, window: "library", state, size: LIB })),
  { name: "lib-several", window: "library", state: "", size: LIB, act: async (page) => { for (const at of [6, 7, 9, 11]) await page.locator(".cell").nth(at).click({ modifiers: ["Control"] }); } },
  { name: "lib-list", window: "library", state: "", size: LIB, act: (page) => page.locator(".seg.icons label").nth(1).click() },
  { name: "lib-closed", window: "library", state: "closed", size: LIB, act: (page) => page.locator(".cell").nth(5).click() },
  { name: "lib-failed", window: "library", state: "", size: LIB, act: (page) => page.locator(".cell").nth(4).click() },
  { name: "lib-unnamed", window: "library", state: "unnamed", size: LIB, act: (page) => page.locator(".cell").nth(3).click() },
  { name: "lib-unnamed-list", window: "library", state: "unnamed", size: LIB, act: async (page) => { await page.locator(".seg.icons label").nth(1).click(); await page.locator(".line").nth(3).hover(); } },
  { name: "lib-none", window: "library", state: "", size: LIB, act: async (page) => { await page.fill(".tools input", "结算页 safari"); await page.waitForTimeout(150); } },
  { name: "lib-deleted", window: "library", state: "", size: LIB, act: async (page) => { await page.locator(".cell").nth(1).click(); await page.keyboard.press("Delete"); await page.waitForSelector(".undo"); } },
  { name: "lib-rename", window: "library", state: "", size: LIB, act: async (page) => { await page.locator(".cell").nth(1).click(); await page.keyboard.press("F2"); await page.waitForSelector("dialog"); } },
  ...[["grid", "", null], ["list", "", (page) => page.click(".seg.icons label:nth-child(2)")], ["folder", "", (page) => page.click("[data-id='f:docs/img/设计稿/']")],
    ["object", "", (page) => page.click("[data-id='o:docs/img/checkout-empty-state-9f3a1c7e.png']")],
    ["several", "", async (page) => { await page.click("[data-id='o:docs/img/checkout-empty-state-9f3a1c7e.png']"); await page.click("[data-id='f:docs/img/tmp/']", { modifiers: ["Control"] }); }],
    ["deleted", "", async (page) => { await page.click("[data-id='f:docs/img/tmp/']"); await page.keyboard.press("Delete"); }],
    ["rename", "", async (page) => { await page.click("[data-id='o:docs/img/登录页-深色-b04d7712.png']"); await page.keyboard.press("F2"); }],
    ["move", "", async (page) => { await page.click("[data-id='f:docs/img/tmp/']"); await page.keyboard.press("Control+m"); }],
    ["wrong", "bucket-new", async (page) => { await page.fill("dialog input", ".."); await page.keyboard.press("Enter"); await page.waitForSelector("dialog .error"); }],
    ["closing", "", async (page) => { await page.click("input[name=bucket-access] + .radio"); await page.waitForSelector("dialog[open]"); }],
    ["empty", "bucket-empty", null], ["forbidden", "bucket-forbidden", null], ["hostile", "bucket-hostile", (page) => page.click(".seg.icons label:nth-child(2)")], ["rules", "bucket-rules", null],
  ].map(([name, state, act]) => ({ name: `bucket-${name}`, window: "library", state, size: { width: 1080, height: 720 }, hash: "buckets/atelier/assets/docs%2Fimg%2F", act: async (page) => { await page.waitForTimeout(400); await act?.(page); await page.waitForTimeout(350); } })),
  { name: "lib-menu", window: "library", state: "", size: LIB, act: async (page) => { await page.locator(".cell").nth(1).click({ button: "right" }); await page.waitForSelector("[role=menu]"); } },
  { name: "lib-menu-several", window: "library", state: "", size: LIB, act: async (page) => { for (const at of [3, 4, 7]) await page.locator(".cell").nth(at).click({ modifiers: ["Control"] }); await page.locator(".cell").nth(7).click({ button: "right" }); await page.waitForSelector("[role=menu]"); } },
  { name: "lib-menu-key", window: "library", state: "", size: LIB, act: async (page) => { await page.locator(".cell").nth(13).focus(); await page.keyboard.press("Shift+F10"); await page.waitForSelector("[role=menu]"); await page.keyboard.press("ArrowDown"); } },
  ...["", "details", "several"].map((what) => ({ name: `lib-narrow${what && `-${what}`}`, window: "library", state: "", size: NARROW, act: async (page) => { if (what === "several") for (const at of [1, 3]) await page.locator(".cell").nth(at).click({ modifiers: ["Control"] }); if (what) await page.keyboard.press("Alt+Enter"); await page.waitForTimeout(100); } })),
  ...[["folder-menu", LIB, (page) => page.click("[data-id='f:docs/img/设计稿/']", { button: "right" })], ["object-menu", LIB, (page) => page.click("[data-id='o:docs/img/checkout-empty-state-9f3a1c7e.png']", { button: "right" })],
    ["narrow", NARROW, null], ["narrow-details", NARROW, async (page) => { await page.click("[data-id='f:docs/img/tmp/']"); await page.keyboard.press("Alt+Enter"); }]]
    .map(([name, size, act]) => ({ name: `bucket-${name}`, window: "library", state: "", size, hash: "buckets/atelier/assets/docs%2Fimg%2F", act: async (page) => { await page.waitForTimeout(400); await act?.(page); await page.waitForTimeout(350); } })),
  { name: "lib-question", window: "library", state: "question", size: LIB },
  { name: "lib-narrow-question", window: "library", state: "question", size: NARROW, act: (page) => page.keyboard.press("Alt+Enter") },
  { name: "set-question", window: "settings", state: "question", size: SET },
  { name: "bucket-buckets", window: "library", state: "", size: { width: 1080, height: 720 }, hash: "buckets/atelier//" },
];

if (!existsSync(browserPath)) throw new Error(`no browser at ${browserPath}; say where with CHROMIUM=…`);
// A folder of its own: two runs side by side do not take each other's files away.
const built = mkdtempSync(join(tmpdir(), "imagepic-shots-"));
process.on("exit", () => rmSync(built, { recursive: true, force: true }));
await build({ root, mode: "fake", logLevel: "error", build: { outDir: built, emptyOutDir: true } });
if (pictures) mkdirSync(out, { recursive: true });
const types = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css" };
const server = createServer((request, response) => {
  const path = new URL(request.url, "http://local").pathname;
  const file = join(built, path);
  if (path === "/favicon.ico") return response.writeHead(204).end();
  if (!existsSync(file)) return response.writeHead(404).end();
  response.writeHead(200, { "content-type": types[extname(file)] ?? "application/octet-stream", "content-security-policy": POLICY, "cache-control": "max-age=3600" }).end(readFileSync(file));
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browser = await chromium.launch({ executablePath: browserPath, args: ["--no-sandbox", "--disable-gpu"] });
let wrong = 0;
const tell = (name, what) => {
  wrong += 1;
  console.error(`${name}: ${what}`);
};

// Each state in every language and theme for people to look at; for axe both languages and both themes once are enough.
const dresses = pictures ? [["en", "light"], ["en", "dark"], ["zh-CN", "light"], ["zh-CN", "dark"]] : [["en", "light"], ["zh-CN", "dark"]];
const scales = pictures ? [1, 2] : [1];
const jobs = dresses
  .flatMap(([lang, theme]) => scales.flatMap((scale) => shots.map((shot) => ({ shot, lang, theme, scale, name: `${shot.name}.${lang}.${theme}.${scale}x` }))))
  .filter(({ name }) => name.includes(only));

async function look(page, { shot, lang, theme, name }) {
  await page.setViewportSize(shot.size);
  // Its name makes each address another one: where only what follows the # differs, a page is not loaded anew.
  await page.goto(`http://127.0.0.1:${server.address().port}/${shot.window}.html?state=${shot.state}&lang=${lang}&theme=${theme}&shot=${name}#${shot.hash ?? ""}`);
  await page.waitForSelector("main");
  await page.waitForTimeout(120);
  try {
    await shot.act?.(page);
  } catch (error) {
    tell(name, error.message);
  }
  await page.waitForTimeout(80);
  // A picture is taken of what the second frame from here on shows: the first may still be half drawn.
  await page.evaluate(async () => {
    await Promise.all([document.fonts.ready, ...[...document.images].map((one) => one.decode().catch(() => undefined))]);
    await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
  });
  if (pictures) await page.screenshot({ path: join(out, `${name}.png`) });
  const spill = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  if (spill) tell(name, "is wider than its window");
  // Put in from outside, as a debugger would: the page's policy stays as it is.
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run({ resultTypes: ["violations"] }));
  for (const { id, nodes } of violations) tell(name, `${id}: ${nodes.map(({ target, failureSummary }) => `${target.join(" ")} (${failureSummary?.split("\n").slice(1).join(" ").trim()})`).join("; ")}`);
  await page.evaluate(() => [localStorage, sessionStorage].forEach((kept) => kept.clear()));
  // Nothing of the next one lies under a mouse that was left there.
  await page.mouse.move(-10, -10);
}

// Most of a look is waiting: four at a time, each in a page it keeps, so that the browser need not begin anew for every state.
await Promise.all(Array.from({ length: 4 }, async () => {
  let name;
  const pages = new Map();
  const begun = async (deviceScaleFactor) => {
    const page = await browser.newPage({ reducedMotion: "reduce", deviceScaleFactor });
    page.on("console", (message) => ["error", "warning"].includes(message.type()) && tell(name, message.text()));
    page.on("pageerror", (error) => tell(name, error.message));
    pages.set(deviceScaleFactor, page);
    return page;
  };
  for (let job = jobs.shift(); job; job = jobs.shift()) {
    name = job.name;
    await look(pages.get(job.scale) ?? (await begun(job.scale)), job);
  }
}));
await browser.close();
server.close();
console.log(`${pictures ? out : "every state"}: ${wrong === 0 ? "nothing wrong" : `${wrong} things wrong`}`);
process.exitCode = wrong > 0 ? 1 : 0;
