import { flushPromises, mount, type VueWrapper } from "@vue/test-utils";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Job } from "@/bindings/Job";
import { HOSTILE } from "@/fake/buckets";
import { answers, asked, refusal, tell } from "@/fake/ipc";
import { scene } from "@/fake/scenes";
import { i18n } from "@/i18n";
import { begin, said } from "@/state/live";
import * as here from "@/windows/library/buckets/here";
import { move, remove } from "@/windows/library/buckets/doing";
import { jobs } from "@/windows/library/buckets/jobs";
import { last, parent, shown } from "@/windows/library/buckets/names";
import Library from "@/windows/library/Library.vue";
import { go } from "@/windows/library/route";

let view: VueWrapper;
const sentTo = (name: string) => asked.filter((one) => one.name === name).map(({ args }) => args);
const settle = async () => {
  for (let at = 0; at < 6; at++) await flushPromises();
};
const open = async (state = "") => {
  Object.assign(answers, scene(new URLSearchParams({ state })));
  go({ at: "buckets", destination: "atelier", bucket: "assets", prefix: "docs/img/" });
  view = mount(Library, { global: { plugins: [i18n] }, attachTo: document.body });
  await settle();
};

await begin();
// jsdom knows no sizes: the list takes what it is told.
Object.defineProperty(HTMLElement.prototype, "offsetHeight", { configurable: true, value: 600 });
Object.defineProperty(HTMLElement.prototype, "offsetWidth", { configurable: true, value: 600 });
beforeEach(() => {
  asked.length = 0;
  said.text = "";
  jobs.clear();
  Object.assign(here.state, { begins: "", sort: "name", down: false, list: true });
});
afterEach(() => {
  view?.unmount();
  go({ at: "uploads", shelf: "all" });
});

describe("names", () => {
  it("belong to the folder before the last slash", () => {
    expect([parent("docs/img/"), last("docs/img/"), parent("a.png"), last("a//"), parent("a//")]).toEqual(["docs/", "img", "", "", "a/"]);
  });
  it("show what would hide, break a line or turn its neighbours round", () => {
    expect(shown("a\u202egnp.exe")).toBe("a\u2426gnp.exe");
    expect(shown("line\nbreak\u0000")).toBe("line\u240abreak\u2400");
    expect(shown("  ")).toBe("\u2423\u2423");
    expect(shown("设计稿 مرحبا")).toBe("设计稿 مرحبا");
  });
});

describe("a bucket", () => {
  it("is browsed, and drops go where it is looked at", async () => {
    await open();
    expect(here.entries.value.map(({ key }) => key)).toContain("docs/img/设计稿/");
    expect(sentTo("browse_here")).toContainEqual({ aim: { destination: "atelier", bucket: "assets", folder: "docs/img", new_folder: false, access: false } });
    tell("drag", { phase: "enter", count: 2, refusals: [], first: "a.png" });
    await settle();
    expect(view.find(".drop-over").text()).toContain("Atelier / assets / docs/img");
  });

  it("of a million objects is asked for one page and draws what is in sight", async () => {
    await open("bucket-many");
    expect(sentTo("browse_page").filter((args) => (args as { prefix: string }).prefix === "docs/img/" && (args as { limit: number }).limit === 500).length).toBeLessThanOrEqual(2);
    expect(here.objectEntries.value.length).toBeLessThanOrEqual(1000);
    expect(view.findAll("[role=option]").length).toBeLessThan(120);
    await here.sortBy("date");
    await settle();
    expect(here.objectEntries.value.length).toBe(10_000);
    expect(view.text()).toContain("10,000");
  });

  it("with hostile names shows them as text", async () => {
    await open("bucket-hostile");
    expect(here.objectEntries.value.length).toBe(HOSTILE.length);
    expect(document.querySelector("img[src=x]")).toBeNull();
    here.only(`o:${HOSTILE[1]}`);
    await settle();
    expect(view.find(".details .title").text()).toContain("<img src=x onerror=alert(1)>");
    expect(view.html()).not.toContain("\u202e" + "gnp.exe</span>");
  });

  it("lets a deletion be taken back for as long as it says", async () => {
    await open();
    here.only("f:docs/img/tmp/");
    await settle();
    await view.find(".scroll").trigger("keydown", { key: "Delete" });
    await settle();
    expect(sentTo("browse_remove")).toEqual([{ destination: "atelier", bucket: "assets", items: [{ key: "docs/img/tmp/", folder: true }] }]);
    expect(here.entries.value.some(({ key }) => key === "docs/img/tmp/")).toBe(false);
    expect(view.find(".bulk").text()).toContain("tmp and 41 objects deleted from img");
    await view.find(".bulk .undo").trigger("click");
    expect(sentTo("browse_stop")).toEqual([{ id: 1 }]);
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "z", ctrlKey: true, bubbles: true, cancelable: true }));
    expect(sentTo("browse_stop")).toHaveLength(2);
  });

  it("shows what the engine told last, also where an answer comes after it", async () => {
    await open();
    const old: Job = { id: 71, kind: "remove", phase: "waiting", destination: "atelier", bucket: "assets", prefix: "docs/img/", first: "tmp", folder: true, chosen: 1, to: null, found: 0, bytes: 0, whole: false, done: 0, failed: 0, until: Date.now() + 8000, message: null };
    const moved: Job = { ...old, id: 72, kind: "move", phase: "running", to: "docs/", until: null };
    answers.browse_remove = () => {
      tell("engine", { type: "job", ...old, found: 1, whole: true });
      return old;
    };
    answers.browse_move = () => {
      tell("engine", { type: "job", ...moved, phase: "done" });
      return moved;
    };
    const [entry] = here.entries.value;
    await remove([entry!]);
    await settle();
    expect(view.find(".bulk").text()).toContain("tmp and 1 object deleted from img");
    await move([entry!], "docs");
    await settle();
    expect([...jobs.keys()]).toEqual([71]);
  });

  it("looks anew where thousands came at once and some were missed: what lies there, the tree, and what takes long", async () => {
    await open();
    const waits: Job = { id: 81, kind: "remove", phase: "waiting", destination: "atelier", bucket: "assets", prefix: "docs/img/", first: "tmp", folder: true, chosen: 1, to: null, found: 0, bytes: 0, whole: false, done: 0, failed: 0, until: Date.now() + 8000, message: null };
    const runs: Job = { ...waits, id: 82, kind: "move", phase: "running", to: "docs/", until: null };
    tell("engine", { type: "job", ...waits });
    tell("engine", { type: "job", ...runs });
    expect([...jobs.keys()]).toEqual([81, 82]);
    answers.browse_jobs = () => [runs];
    asked.length = 0;
    tell("missed", null);
    await new Promise((done) => setTimeout(done, 200));
    await settle();
    expect([...jobs.keys()]).toEqual([82]);
    const pages = sentTo("browse_page") as { prefix: string }[];
    expect(pages.map(({ prefix }) => prefix)).toEqual(expect.arrayContaining(["docs/img/", ""]));
  });

  it("shows what the engine says against a name at the name", async () => {
    await open();
    answers.browse_rename = () => {
      throw refusal("That name is taken.", "name");
    };
    here.only("o:docs/img/gateway-sso-flow-77ab03e1.svg");
    await settle();
    await view.find(".scroll").trigger("keydown", { key: "F2" });
    await settle();
    const field = view.find<HTMLInputElement>("dialog input");
    expect(field.element.value).toBe("gateway-sso-flow-77ab03e1.svg");
    await field.setValue("taken.svg");
    await view.find("dialog form").trigger("submit");
    await settle();
    expect(view.find("dialog .error").text()).toContain("That name is taken.");
  });

  it("refuses a name that is in sight at the name, and says of a rename that it was one", async () => {
    await open();
    here.only("o:docs/img/gateway-sso-flow-77ab03e1.svg");
    await settle();
    await view.find(".scroll").trigger("keydown", { key: "F2" });
    await settle();
    await view.find<HTMLInputElement>("dialog input").setValue("release-notes-2026-11.pdf");
    await view.find("dialog form").trigger("submit");
    await settle();
    expect([view.find("dialog .error").text(), sentTo("browse_rename")]).toEqual(["release-notes-2026-11.pdf is there already. Choose another name.", []]);
    const stuck: Job = { id: 91, kind: "move", phase: "failed", destination: "atelier", bucket: "assets", prefix: "docs/img/", first: "a.png", folder: false, chosen: 1, to: "docs/img/b.png", found: 1, bytes: 0, whole: true, done: 0, failed: 1, until: null, message: "b.png is taken in assets." };
    tell("engine", { type: "job", ...stuck });
    await settle();
    expect(view.find(".bulk:not(.told)").text()).toBe("a.png was not renamed · b.png is taken in assets.");
    tell("engine", { type: "job", ...stuck, id: 92, to: "archive/a.png" });
    await settle();
    expect(view.text()).toContain("a.png: not everything was moved to archive/a.png");
  });

  it("that may not be listed says so, and the tree stays usable", async () => {
    await open("bucket-forbidden");
    expect(view.find(".empty").text()).toContain("You may not list img");
    expect(view.findAll(".tree .node").length).toBeGreaterThan(3);
  });

  it("is opened at a place for a new folder, which becomes the place of uploads", async () => {
    await open("bucket-new");
    await settle();
    const field = view.find<HTMLInputElement>("dialog input");
    await field.setValue("2026");
    await view.find("dialog form").trigger("submit");
    await settle();
    expect(sentTo("browse_new_folder")).toEqual([{ destination: "atelier", bucket: "assets", prefix: "docs/img/", name: "2026" }]);
    expect(sentTo("use_destination")).toEqual([{ id: "atelier", bucket: "assets", folder: "docs/img/2026" }]);
  });

  it("is opened at who may open its links, whatever was chosen before, and changes nothing by that", async () => {
    await open();
    here.only("f:docs/img/icons/");
    await settle();
    answers.browse_asked = () => ({ destination: "atelier", bucket: "assets", folder: "docs", new_folder: false, access: true });
    tell("browse", null as never);
    await settle();
    expect(view.find(".details .title").text()).toBe("docs");
    expect(view.find(".details [role=radiogroup]").text()).toContain("Anyone with the link, for as long as the image lies here.");
    expect(sentTo("browse_set_access")).toEqual([]);
  });

  it("that is public as a whole offers no folder's “private” that would be refused: it says why beside it, and leads to the rule that opens it", async () => {
    await open("bucket-public");
    here.only("f:docs/img/icons/");
    await settle();
    const [shut, wide] = view.findAll<HTMLInputElement>("input[name=bucket-access]").map(({ element }) => element) as [HTMLInputElement, HTMLInputElement];
    expect([shut.disabled, shut.checked, wide.disabled, wide.checked]).toEqual([true, false, false, true]);
    const why = document.getElementById(shut.getAttribute("aria-describedby")!.split(" ").at(-1)!)!;
    expect(why.textContent).toContain("The whole bucket is public, and this folder with it. To make it private, make the bucket private first");
    await view.find(".details .hint .linkish").trigger("click");
    await settle();
    expect(here.spot.value).toEqual({ destination: "atelier", bucket: "assets", prefix: "" });
    expect([view.find(".details .title").text(), document.activeElement?.id]).toEqual(["assets", "details"]);
    expect(view.findAll<HTMLInputElement>("input[name=bucket-access]").map(({ element }) => element.disabled)).toEqual([false, false]);
    // The same below a folder that is open.
    view.unmount();
    await open();
    here.only("f:docs/img/icons/");
    await settle();
    expect(view.find(".details .hint").text()).toContain("docs/img is public, and this folder with it. To make it private, make docs/img private first");
    i18n.global.locale.value = "zh-CN";
    await settle();
    expect(view.find(".details .hint").text()).toContain("docs/img 是公开的，这个文件夹也是。要把它设为私有，先把 docs/img 设为私有");
    i18n.global.locale.value = "en";
  });

  it("leads to who opens its links also where something in it is chosen", async () => {
    await open();
    here.only("f:docs/img/icons/");
    await settle();
    expect(view.find(".details .title").text()).toBe("icons");
    await view.find(".filters .badge").trigger("click");
    await settle();
    expect(view.find(".details .title").text()).toBe("img");
    expect(view.findAll<HTMLInputElement>("input[name=bucket-access]").map(({ element }) => element.checked)).toEqual([false, true]);
  });

  it("is closed to the public only after it was said what becomes of links", async () => {
    await open();
    view.findAll<HTMLInputElement>("input[name=bucket-access]")[0]!.element.click();
    await settle();
    expect(view.find("dialog").text()).toContain("3 uploads have links into assets/docs/img");
    expect(sentTo("browse_set_access")).toEqual([]);
    await view.find("dialog .btn").trigger("click");
    await settle();
    expect(sentTo("browse_set_access")).toEqual([]);
    // The choice stands as it was.
    expect(view.findAll<HTMLInputElement>("input[name=bucket-access]").map(({ element }) => element.checked)).toEqual([false, true]);
    view.findAll<HTMLInputElement>("input[name=bucket-access]")[0]!.element.click();
    await settle();
    await view.find("dialog form").trigger("submit");
    await settle();
    expect(sentTo("browse_set_access")).toEqual([{ destination: "atelier", bucket: "assets", prefix: "docs/img/", public: false }]);
    // To everybody it is opened without a question.
    view.findAll<HTMLInputElement>("input[name=bucket-access]")[1]!.element.click();
    await settle();
    expect(view.find("dialog").exists()).toBe(false);
    expect(sentTo("browse_set_access").length).toBe(2);
  });
});
