import { flushPromises, mount, type VueWrapper } from "@vue/test-utils";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import "./sized";
import type { Upload } from "@/bindings/Upload";
import { answers, asked, refusal, tell } from "@/fake/ipc";
import { HOSTILE, library } from "@/fake/library";
import { scene, upload } from "@/fake/scenes";
import { i18n } from "@/i18n";
import { begin, news, said } from "@/state/live";
import Library from "@/windows/library/Library.vue";
import { format, go, parse, route } from "@/windows/library/route";
import * as chosen from "@/windows/library/uploads/chosen";
import { dayName, days } from "@/windows/library/uploads/days";
import { gone } from "@/windows/library/uploads/doing";
import { scrolled } from "@/windows/library/uploads/flying";
import { life } from "@/windows/library/uploads/life";
import { forgetNames } from "@/windows/library/uploads/names";
import { clearFilters, counts, found, inSight, ready, rows } from "@/windows/library/uploads/shelf";
import * as shelf from "@/windows/library/uploads/shelf";

const HOUR = 3_600_000;
const NOW = new Date(2026, 10, 22, 14, 0).getTime();
let view: VueWrapper;

const settle = async () => {
  await flushPromises();
  await vi.advanceTimersByTimeAsync(300);
  await flushPromises();
};
const open = async (state = "") => {
  Object.assign(answers, library(state, false));
  view = mount(Library, { global: { plugins: [i18n] }, attachTo: document.body });
  await settle();
};
const sentTo = (name: string) => asked.filter((one) => one.name === name).map(({ args }) => args);
const cell = (id: number) => view.find(`[data-id="${id}"]`);
const press = async (key: string, more: object = {}) => {
  view.find(".scroll").element.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));
  await settle();
};

await Promise.all([begin(), shelf.begin()]);
beforeEach(async () => {
  vi.useFakeTimers({ now: NOW, toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date"] });
  Object.assign(answers, scene(new URLSearchParams()));
  go({ at: "uploads", shelf: "all" });
  clearFilters();
  chosen.only(null);
  rows.clear();
  ready.value = false;
  found.value = { ids: new Float64Array(), taken: new Float64Array() };
  counts.all = -1;
  gone.value = null;
  said.text = news.value = "";
  await flushPromises();
  asked.length = 0;
});
afterEach(() => {
  view?.unmount();
  vi.useRealTimers();
});

describe("a link's life", () => {
  const one = (expires_at: number | null, more: Partial<Upload> = {}) => life({ ...upload(1, "a.png", 1, { stage: "done", expires_at }), ...more }, NOW);
  it("is said in words beside its arc, and has a sign of its own where nothing runs out", () => {
    expect(one(NOW + 7 * 24 * HOUR)).toMatchObject({ kind: "open", short: "7 d", long: "Opens for 7 days", arc: "31.4", icon: null });
    expect(one(NOW + 5 * HOUR)).toMatchObject({ kind: "soon", short: "5 h" });
    expect(one(NOW + 90_000)).toMatchObject({ kind: "soon", short: "2 min" });
    expect(one(NOW - 1)).toMatchObject({ kind: "ended", icon: "refresh", short: "ended" });
    expect(one(null)).toMatchObject({ kind: "public", icon: "globe" });
    expect(one(null, { place: { ...upload(1, "a", 1).place, only_here: true } })).toMatchObject({ kind: "here", icon: "monitor" });
    expect(one(NOW, { stage: "failed" })).toBeNull();
  });
});

describe("days", () => {
  it("part the list where midnight lies, also where a clock was set back", () => {
    const at = (day: number, hour: number) => new Date(2026, 10, day, hour).getTime();
    const parted = days([at(22, 14), at(22, 1), at(21, 23), at(22, 2), at(19, 8)]);
    expect(parted.map(({ from, count }) => [from, count])).toEqual([[0, 2], [2, 2], [4, 1]]);
    expect(parted.map(({ start }) => dayName(start, NOW))).toEqual(["Today", "Yesterday", "Thursday 19 November"]);
  });
});

describe("a place in the library", () => {
  it("is written in the address and read back, whatever letters it has", () => {
    for (const to of [{ at: "uploads", shelf: "failed" }, { at: "buckets", destination: "r2", bucket: "a b", prefix: "docs/设计#稿/" }] as const) expect(parse(format(to))).toEqual(to);
    expect(parse("#buckets/%E0%A4%A")).toEqual({ at: "uploads", shelf: "all" });
    expect(parse("#uploads/nonsense")).toEqual({ at: "uploads", shelf: "all" });
  });
});

describe("the library", () => {
  it("shows what there is by day, with its counts, and everything about the newest", async () => {
    await open();
    expect(view.findAll(".side .count").map((one) => one.text())).toEqual(["15", "1", "1"]);
    expect(view.findAll(".day h2").map((one) => one.text())).toEqual(["Today 6", "Yesterday 6", "Thursday 19 November 3"]);
    expect(view.find(".details").text()).toContain("checkout-empty-state.png");
    expect(view.find(".details").text()).toContain("Opens for 7 days");
    expect(cell(98).find(".bar").attributes("style")).toContain("41%");
    expect(cell(96).text()).toContain("No answer (504), 5 tries");
  });

  it("leads out of a public link that opens for nobody: a signed one, or who may open its folder", async () => {
    await open("closed");
    const closed = [...rows.values()].find((row) => row.closed)!;
    await cell(closed.id).trigger("click");
    await settle();
    const [sign, folder] = view.findAll(".details .ways .btn");
    await sign!.trigger("click");
    await settle();
    expect(sentTo("copy_opening_links")).toEqual([{ ids: [closed.id], format: "markdown" }]);
    expect(news.value).toBe("Signed link copied. It opens for 7 days.");
    await folder!.trigger("click");
    expect(sentTo("show_access")).toEqual([{ id: closed.id }]);
    await cell([...rows.values()].find((row) => !row.closed && row.stage === "done")!.id).trigger("click");
    await settle();
    expect(view.find(".details .ways").exists()).toBe(false);
  });

  it("shows what was noted about a picture on its way, and what was made of it", async () => {
    await open("noted");
    expect(view.find(".details .note").text()).toContain("breaks off before its end");
    tell("engine", { type: "upload", ...rows.get(100)!, made: { ...rows.get(100)!.made!, summary: "412 kB → 96 kB, WebP", notices: [] } });
    await settle();
    expect(view.find(".details").text()).toContain("412 kB → 96 kB, WebP");
    expect(view.find(".details .note").exists()).toBe(false);
  });

  it("finds as one types, and says where else there is something", async () => {
    await open();
    await view.find(".tools input").setValue("迭代");
    await settle();
    expect(view.findAll(".cell").map((one) => one.attributes("data-id"))).toEqual(["93"]);
    await view.find(".tools input").setValue("结算页");
    await settle();
    expect(view.find(".empty").text()).toContain("Nothing called “结算页”");
    await view.findAll("button").find((one) => one.text() === "Clear search")!.trigger("click");
    await settle();
    expect(view.findAll(".cell").length).toBe(15);
  });

  it("drops an answer that was overtaken by what was typed since", async () => {
    await open();
    const fast = answers.library_find!;
    const waiting: (() => void)[] = [];
    answers.library_find = (args) => new Promise((done) => waiting.push(() => done(fast(args))));
    const input = view.find(".tools input");
    await input.setValue("迭");
    await flushPromises();
    await input.setValue("landing");
    await flushPromises();
    waiting[1]!();
    await flushPromises();
    waiting[0]!();
    await settle();
    expect(Array.from(found.value.ids)).toEqual([94]);
  });

  it("shows what each is called where it is scrolled to before it has come, also under a name it was given since", async () => {
    await open("many2000");
    expect(sentTo("library_names")).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(1500);
    await flushPromises();
    expect(sentTo("library_names")).toHaveLength(1);
    answers.library_rows = () => new Promise(() => {});
    const [first, second] = [rows.get(2000)!, rows.get(1999)!];
    tell("engine", { type: "upload", ...second, name: "renamed.png" });
    rows.clear();
    await flushPromises();
    expect(cell(2000).find(".name").attributes("title")).toBe(first.name);
    expect(cell(2000).text()).toContain("14:00");
    expect(cell(1999).find(".name").attributes("title")).toBe("renamed.png");
    expect(cell(2000).find("button").exists()).toBe(false);
    forgetNames();
  });

  it("asks for no rows around those that are flown past, and for them once somebody stays", async () => {
    await open("many2000");
    rows.clear();
    asked.length = 0;
    scrolled(5000);
    inSight(600, 620);
    await flushPromises();
    expect(sentTo("library_rows")).toEqual([{ ids: Array.from({ length: 20 }, (_, at) => 1400 - at) }]);
    await vi.advanceTimersByTimeAsync(200);
    expect(asked.filter(({ name }) => name === "library_rows").length).toBeGreaterThan(1);
    expect(rows.has(1375)).toBe(true);
    forgetNames();
  });

  it("asks for the details of the one a held key ends on, and of none on the way", async () => {
    await open();
    await cell(100).trigger("click");
    const before = asked.filter(({ name }) => name === "library_details").length;
    for (let step = 0; step < 8; step += 1) {
      view.find(".scroll").element.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true, cancelable: true }));
      await flushPromises();
    }
    expect(chosen.current.value).toBe(92);
    await settle();
    const since = () => asked.filter(({ name }) => name === "library_details").slice(before).map(({ args }) => (args as { id: number }).id);
    expect(since().at(-1)).toBe(92);
    expect(since().length).toBeLessThan(4);
  });

  it("selects as a file manager does: click, Ctrl, Shift, Ctrl+A, arrows, Space", async () => {
    await open();
    await cell(99).trigger("click");
    expect(chosen.meant.value).toEqual([99]);
    await cell(97).trigger("click", { ctrlKey: true });
    expect(chosen.meant.value).toEqual([99, 97]);
    await cell(94).trigger("click", { shiftKey: true });
    expect(chosen.meant.value).toEqual([97, 96, 95, 94]);
    await press("a", { ctrlKey: true });
    expect(chosen.meant.value.length).toBe(15);
    await press("Escape");
    await cell(100).trigger("click");
    await press("ArrowRight");
    expect(chosen.current.value).toBe(99);
    await press("ArrowRight", { shiftKey: true });
    expect(chosen.meant.value).toEqual([99, 98]);
    await press("End");
    expect(chosen.current.value).toBe(86);
    await press("Home");
    await press(" ");
    expect([...chosen.checked]).toEqual([100]);
  });

  it("copies in the form that is chosen beside it, one line each in the order of the list", async () => {
    await open();
    await view.findAll(".formats button").find((one) => one.text() === "HTML")!.trigger("click");
    await view.find(".details .primary").trigger("click");
    expect(sentTo("copy_links")).toEqual([{ ids: [100], format: "html" }]);
    await cell(94).trigger("click");
    await cell(99).trigger("click", { ctrlKey: true });
    await settle();
    await view.find(".bulk .primary").trigger("click");
    await settle();
    expect(sentTo("copy_links")[1]).toEqual({ ids: [99, 94], format: "html" });
    expect(news.value).toBe("2 links copied");
  });

  it("deletes at once, with seconds to take it back, and goes on with the next one", async () => {
    await open();
    await cell(99).trigger("click");
    await press("Delete");
    expect(sentTo("library_delete")).toEqual([{ ids: [99] }]);
    expect(cell(99).exists()).toBe(false);
    expect(chosen.current.value).toBe(98);
    expect(view.find(".bulk").text()).toContain("1 upload deleted");
    expect(view.find(".bulk .undo").text()).toContain("8 s");
    await view.find(".bulk .undo").trigger("click");
    await settle();
    expect(sentTo("library_keep")).toEqual([{ ids: [99] }]);
    expect(cell(99).exists()).toBe(true);
    await press("Delete");
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "z", ctrlKey: true, bubbles: true, cancelable: true }));
    await settle();
    expect(sentTo("library_keep")).toHaveLength(2);
    await press("Delete");
    await vi.advanceTimersByTimeAsync(9000);
    expect(view.find(".bulk").exists()).toBe(false);
  });

  it("retries what failed among what is checked", async () => {
    await open();
    await press("a", { ctrlKey: true });
    await view.findAll(".bulk button").find((one) => one.text() === "Retry")!.trigger("click");
    await settle();
    // Which of them can be tried again, the engine knows: of thousands most were never in sight.
    expect(sentTo("library_retry")).toEqual([{ ids: chosen.meant.value }]);
    expect(chosen.meant.value).toHaveLength(15);
  });

  it("retries and stops what was never in sight, as soon as one of them may need it", async () => {
    await open("many3000");
    const { retry, cancel } = await import("@/windows/library/uploads/doing");
    const { actsOn } = await import("@/windows/library/uploads/acts");
    chosen.all();
    const far = chosen.meant.value.slice(-50);
    expect(far.some((id) => rows.has(id))).toBe(false);
    expect(actsOn(far, false).map(({ id }) => id)).not.toContain("retry");
    [counts.failed, counts.waiting] = [2, 1];
    expect(actsOn(far, false).map(({ id }) => id)).toEqual(expect.arrayContaining(["retry", "cancel"]));
    await settle();
    expect(view.find(".bulk").text()).toContain("Retry");
    await retry(far);
    await cancel(far);
    expect([sentTo("library_retry"), sentTo("library_cancel")]).toEqual([[{ ids: far }], [{ ids: far }]]);
  });

  it("renames with the cost said beforehand, and a refusal at the field", async () => {
    await open();
    answers.library_rename = () => { throw refusal("The name is taken.", "name"); };
    await cell(100).trigger("click");
    await press("F2");
    const dialog = view.find("dialog");
    expect(dialog.text()).toContain("Links to the old name end.");
    await dialog.find("input").setValue("taken.png");
    await dialog.find("form").trigger("submit");
    await settle();
    expect(dialog.find("[role=alert]").text()).toBe("The name is taken.");
    expect(dialog.find("input").attributes("aria-invalid")).toBe("true");
    Object.assign(answers, { library_rename: library("", false).library_rename });
    await dialog.find("input").setValue("free.png");
    await dialog.find("form").trigger("submit");
    await settle();
    expect(view.find("dialog").exists()).toBe(false);
  });

  it("draws details only when they have come, so that nothing that can be clicked moves under the pointer", async () => {
    await open();
    const truth = library("", false).library_details!;
    const waiting: (() => void)[] = [];
    answers.library_details = async (args) => {
      await new Promise<void>((go) => waiting.push(go));
      return truth(args);
    };
    const come = async () => {
      waiting.splice(0).forEach((go) => go());
      await settle();
    };
    await cell(99).trigger("click");
    await settle();
    const kept = view.find(".details .is-coming");
    expect([kept.exists(), view.find(".details .title").text()], "the place of the link is kept, of another upload's height").toEqual([true, rows.get(99)!.name]);
    expect(view.find(".details .props").text()).not.toContain("SHA");
    await come();
    expect([view.find(".details .is-coming").exists(), view.find(".details .code").text()]).toEqual([false, expect.stringContaining(rows.get(99)!.key)]);
    answers.library_details = () => Promise.reject(refusal("The history cannot be read."));
    await cell(97).trigger("click");
    await settle();
    expect(view.find(".details").text()).toContain("The history cannot be read.");
    Object.assign(answers, { library_details: truth });
  });

  it("says before a rename whose name it is: of all uploads of those bytes, or of somebody else, where it leads to the bucket", async () => {
    await open();
    const truth = library("", false).library_details!;
    answers.library_details = async (args) => ({ ...(await truth(args)), shared: 2 });
    await cell(99).trigger("click");
    await settle();
    expect(view.find(".details .props").text()).toContain("2 other uploads of the same image");
    await press("F2");
    expect(view.find("dialog").text()).toContain("2 other uploads of the same image share this object and get its new name. Links to the old name end.");
    await view.find("dialog .btn").trigger("click");
    await settle();
    answers.library_details = async (args) => ({ ...(await truth(args)), created: false });
    await cell(100).trigger("click");
    await press("F2");
    const dialog = view.find("dialog");
    expect([dialog.find("[role=status]").text(), dialog.find("input").exists()]).toEqual(["This object was in the bucket before it was uploaded from this computer, and others may use its name. Rename it in its bucket.", false]);
    await dialog.find("form").trigger("submit");
    await settle();
    expect([view.find("dialog").exists(), sentTo("library_rename"), route.value.at]).toEqual([false, [], "buckets"]);
    go({ at: "uploads", shelf: "all" });
    Object.assign(answers, { library_details: truth });
    await settle();
  });

  it("says in words what becomes of a paste, to the eye and to a screen reader, in both languages", async () => {
    await open();
    const region = view.find('.given[role="status"]');
    expect([region.exists(), region.text(), region.attributes("aria-live")]).toEqual([true, "", "polite"]);
    const sending = upload(901, "a.png", 100, { batch: 90, stage: "sending", sent: 40 });
    tell("engine", { type: "upload", ...sending });
    await settle();
    // A share that changes ten times a second is for the eye.
    expect([region.text(), view.find(".note.floating").text()]).toEqual(["Uploading 1 image…", "Uploading 1 of 1 · 40 %"]);
    i18n.global.locale.value = "zh-CN";
    await settle();
    expect(region.text()).toBe("正在上传 1 张图片…");
    const done = { ...sending, stage: "done" as const, sent: 100, done_at: NOW };
    tell("engine", { type: "settled", batch: 90, uploads: [done], refused: [], copied: true });
    await settle();
    expect([region.text(), view.find(".note.floating").text()]).toEqual(["链接已复制", "链接已复制"]);
    i18n.global.locale.value = "en";
    await settle();
    expect(region.text()).toBe("Link copied");
    // What failed stays, and goes with Escape.
    tell("engine", { type: "upload", ...upload(902, "b.png", 100, { batch: 91, stage: "failed", message: "No answer (504), 5 tries" }) });
    await settle();
    expect(region.text()).toBe("1 upload failed. No answer (504), 5 tries");
    await press("Escape");
    expect([region.text(), view.find(".note.floating").exists()]).toEqual(["", false]);
  });

  it("follows uploads as they go", async () => {
    await open();
    tell("engine", { type: "progress", id: 98, sent: 720_000, total: 900_000 });
    await settle();
    expect(cell(98).find(".bar").attributes("style")).toContain("80%");
    tell("engine", { type: "upload", ...rows.get(98)!, stage: "done", done_at: NOW, sent: 900_000 });
    await settle();
    expect(cell(98).find(".bar").exists()).toBe(false);
  });

  it("asks anew for what it shows where events were missed", async () => {
    await open();
    const truth = answers.library_rows!;
    answers.library_rows = async (args) => (await truth(args)).map((one) => (one.id === 98 ? { ...one, stage: "done" as const } : one));
    tell("missed", null);
    await settle();
    expect(rows.get(98)?.stage).toBe("done");
    expect(cell(98).find(".bar").exists()).toBe(false);
    expect(sentTo("library_find")).toHaveLength(2);
  });

  it("believes no answer that is older than what was told since", async () => {
    await open();
    const [truth, before] = [answers.library_rows!, rows.get(98)!];
    const made = await truth({ ids: Array.from(found.value.ids) });
    let answer = () => {};
    answers.library_rows = () => new Promise((done) => (answer = () => done(made)));
    rows.clear();
    inSight(0, 15);
    tell("engine", { type: "upload", ...before, stage: "failed", message: "No answer (504), 5 tries" });
    answers.library_rows = async (args) => (await truth(args)).map((one) => (one.id === 98 ? { ...one, stage: "failed" as const } : one));
    answer();
    await settle();
    // What was told of it was not kept, so it is asked for once more, and alone.
    expect(sentTo("library_rows").at(-1)).toEqual({ ids: [98] });
    expect([rows.get(98)?.stage, rows.size]).toEqual(["failed", 15]);
  });

  it("believes no answer that was asked for before events were missed", async () => {
    await open();
    const truth = answers.library_rows!;
    const made = await truth({ ids: Array.from(found.value.ids) });
    let answer = () => {};
    answers.library_rows = () => new Promise((done) => (answer = () => done(made)));
    tell("missed", null);
    answers.library_rows = async (args) => (await truth(args)).map((one) => ({ ...one, name: "anew.png" }));
    tell("missed", null);
    answer();
    await settle();
    expect([...rows.values()].map(({ name }) => name)).toEqual(Array(15).fill("anew.png"));
  });

  it("keeps what was told while the newest were asked for", async () => {
    const { library_newest: truth } = library("", false);
    const made = await truth!({ limit: 60 });
    let answer = () => {};
    Object.assign(answers, library("", false), {
      library_newest: () => new Promise((done) => (answer = () => done(made))),
      library_find: () => new Promise(() => {}),
    });
    void shelf.begin();
    await settle();
    tell("engine", { type: "upload", ...made[0]!, name: "told.png" });
    answer();
    await settle();
    expect([rows.get(made[0]!.id)?.name, rows.size]).toEqual(["told.png", 15]);
  });

  it("leads to the object in its bucket", async () => {
    await open();
    await view.findAll(".details button").find((one) => one.text() === "Show in bucket")!.trigger("click");
    expect(route.value).toMatchObject({ at: "buckets", destination: "atelier", bucket: "assets", prefix: "docs/img/", key: "docs/img/checkout-empty-state.png" });
  });

  it("says what will be here before the first upload, and how to begin", async () => {
    await open("empty");
    expect(view.find(".empty").text()).toContain("Your uploads will be here");
    await view.findAll("button").find((one) => one.text() === "Upload files…")!.trigger("click");
    expect(sentTo("choose_files").length).toBe(1);
  });

  it("shows hostile names as text and nothing more", async () => {
    await open("hostile");
    expect(view.find(".details .title").text()).toBe(HOSTILE.replace("\u202e", "\ufffd"));
    expect(view.element.querySelectorAll("script, img[onerror], b").length).toBe(0);
  });

  it("draws a screen of many thousand, and asks for no more than a few screens", async () => {
    await open("many5000");
    expect(found.value.ids.length).toBe(5000);
    expect(view.findAll(".cell").length).toBeLessThan(200);
    const most = Math.max(...sentTo("library_rows").map((args) => (args as { ids: number[] }).ids.length));
    expect(most).toBeLessThanOrEqual(240);
    asked.length = 0;
    await press("End");
    expect(chosen.current.value).toBe(1);
    expect(sentTo("library_details").length).toBeLessThan(4);
  }, 30_000);
});
