import { flushPromises, mount, type VueWrapper } from "@vue/test-utils";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { answers, asked, tell } from "@/fake/ipc";
import { scene } from "@/fake/scenes";
import { i18n } from "@/i18n";
import { begin, said } from "@/state/live";
import * as here from "@/windows/library/buckets/here";
import Library from "@/windows/library/Library.vue";
import { narrow, over } from "@/windows/library/pane";
import { go, route } from "@/windows/library/route";
import * as chosen from "@/windows/library/uploads/chosen";
import Settings from "@/windows/settings/Settings.vue";
import * as shelf from "@/windows/library/uploads/shelf";

let view: VueWrapper;
const sentTo = (name: string) => asked.filter((one) => one.name === name).map(({ args }) => args);
const settle = async () => {
  for (let at = 0; at < 8; at++) await flushPromises();
};
const lines = () => view.findAll("[role=menu] [role=menuitem]");
const line = (text: string) => lines().find((one) => one.find(".clip").text() === text)!;
const press = async (key: string, more: object = {}) => {
  (document.activeElement ?? document.body).dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));
  await settle();
};
const open = async (component: typeof Library | typeof Settings = Library, state = "") => {
  Object.assign(answers, scene(new URLSearchParams({ state })));
  tell("engine", { type: "settings" });
  view = mount(component, { global: { plugins: [i18n] }, attachTo: document.body });
  await settle();
  asked.length = 0;
};
const cell = (id: string | number) => view.find(`[data-id="${id}"]`);

for (const [name, value] of Object.entries({ offsetWidth: 800, offsetHeight: 3000, clientWidth: 800, clientHeight: 3000 })) Object.defineProperty(HTMLElement.prototype, name, { configurable: true, get: () => value });
HTMLElement.prototype.scrollTo = () => {};
HTMLCanvasElement.prototype.getContext = () => null;
await Promise.all([begin(), shelf.begin()]);
beforeEach(() => {
  go({ at: "uploads", shelf: "all" });
  chosen.only(null);
  [narrow.value, over.value] = [false, false];
  Object.assign(here.state, { begins: "", sort: "name", down: false, list: false });
  said.text = "";
});
afterEach(() => view.unmount());

describe("the menu of an upload", () => {
  it("opens where somebody clicks, offers what the details do, and does it", async () => {
    await open();
    await cell(99).trigger("contextmenu", { clientX: 40, clientY: 50 });
    await settle();
    expect(chosen.current.value).toBe(99);
    expect(view.find("[role=menu]").attributes("aria-label")).toBe("1 upload selected");
    expect(lines().map((one) => one.find(".clip").text())).toEqual([
      "Copy Markdown", "URL", "HTML", "BBCode", "CSS", "JSX", "Open in browser", "Show in bucket", "Show file", "Renew link", "Rename…", "Check now", "Copy the key", "Copy the SHA-256", "Details", "Remove from history", "Delete",
    ]);
    await line("HTML").trigger("click");
    await settle();
    expect(sentTo("copy_links")).toEqual([{ ids: [99], format: "html" }]);
    expect(view.find("[role=menu]").exists()).toBe(false);
    expect((document.activeElement as HTMLElement).dataset["id"]).toBe("99");
  });

  it("opens by Shift+F10 and by the menu key, is walked by arrows and letters, and Escape leads back", async () => {
    await open();
    for (const [key, more] of [["F10", { shiftKey: true }], ["ContextMenu", {}]] as const) {
      (cell(100).element as HTMLElement).focus();
      await press(key, more);
      expect(document.activeElement?.textContent).toContain("Copy Markdown");
      await press("ArrowDown");
      expect(document.activeElement?.textContent).toBe("URL");
      await press("End");
      expect(document.activeElement?.textContent).toContain("Delete");
      await press("r");
      expect(document.activeElement?.textContent).toContain("Renew link");
      await press("Escape");
      expect(view.find("[role=menu]").exists()).toBe(false);
      expect((document.activeElement as HTMLElement).dataset["id"]).toBe("100");
    }
    expect(sentTo("close_window")).toEqual([]);
  });

  it("means all that are checked where one of them is clicked, and only the other one where not", async () => {
    await open();
    await cell(100).trigger("click");
    await cell(99).trigger("click", { ctrlKey: true });
    await cell(96).trigger("click", { ctrlKey: true });
    await cell(99).trigger("contextmenu");
    await settle();
    expect(lines().map((one) => one.find(".clip").text())).not.toContain("Rename…");
    await line("Retry").trigger("click");
    await settle();
    expect(sentTo("library_retry")).toEqual([{ ids: [100, 99, 96] }]);
    await cell(99).trigger("contextmenu");
    await settle();
    await line("Delete 3 uploads").trigger("click");
    await settle();
    expect(sentTo("library_delete")).toEqual([{ ids: [100, 99, 96] }]);
    await cell(95).trigger("click");
    await cell(94).trigger("click", { ctrlKey: true });
    await cell(93).trigger("contextmenu");
    await settle();
    expect(chosen.meant.value).toEqual([93]);
    await line("Rename…").trigger("click");
    await settle();
    expect(view.find("dialog").text()).toContain("Links to the old name end.");
  });

  it("goes with a click elsewhere", async () => {
    await open();
    await cell(99).trigger("contextmenu");
    await settle();
    document.body.dispatchEvent(new Event("pointerdown", { bubbles: true }));
    await settle();
    expect(view.find("[role=menu]").exists()).toBe(false);
  });
});

describe("the menu in a bucket", () => {
  const inBucket = async () => {
    await open();
    go({ at: "buckets", destination: "atelier", bucket: "assets", prefix: "docs/img/" });
    await settle();
    asked.length = 0;
  };

  it("of a folder opens, renames, moves, opens it to everybody and deletes", async () => {
    await inBucket();
    await cell("f:docs/img/tmp/").trigger("contextmenu");
    await settle();
    // The folder above is public: no rule of its own to change.
    expect(lines().map((one) => one.find(".clip").text())).toEqual(["Open tmp", "Send new uploads here", "Rename…", "Move…", "Copy the prefix", "Details", "Delete folder"]);
    await line("Send new uploads here").trigger("click");
    await settle();
    expect(sentTo("use_destination")).toEqual([{ id: "atelier", bucket: "assets", folder: "docs/img/tmp" }]);
    await cell("f:docs/img/tmp/").trigger("contextmenu");
    await settle();
    await line("Open tmp").trigger("click");
    await settle();
    expect(route.value).toMatchObject({ prefix: "docs/img/tmp/" });
    go({ at: "buckets", destination: "atelier", bucket: "assets", prefix: "docs/" });
    await settle();
    await cell("f:docs/设计稿/").trigger("contextmenu");
    await settle();
    await line("Make public").trigger("click");
    await settle();
    expect(sentTo("browse_set_access")).toEqual([{ destination: "atelier", bucket: "assets", prefix: "docs/设计稿/", public: true }]);
  });

  it("of an object copies its link in any form, and asks for a place to move it to", async () => {
    await inBucket();
    const key = "docs/img/gateway-sso-flow-77ab03e1.svg";
    await cell(`o:${key}`).trigger("contextmenu");
    await settle();
    await line("JSX").trigger("click");
    await settle();
    expect(sentTo("browse_copy")).toEqual([{ destination: "atelier", bucket: "assets", keys: [key], format: "jsx" }]);
    await cell(`o:${key}`).trigger("contextmenu");
    await settle();
    await line("Move…").trigger("click");
    await settle();
    expect(view.find("dialog").text()).toContain("Links to the old place end.");
  });

  it("says what a store says against it", async () => {
    await inBucket();
    go({ at: "buckets", destination: "atelier", bucket: "assets", prefix: "docs/" });
    await settle();
    answers.browse_set_access = () => {
      throw { code: "forbidden", message: "You may not.", field: null };
    };
    await cell("f:docs/设计稿/").trigger("contextmenu");
    await settle();
    await line("Make public").trigger("click");
    await settle();
    expect(said.text).toBe("You may not.");
  });
});

describe("details in a narrow window", () => {
  it("lie over the list when they are asked for, have the focus, and Escape leads back to the list", async () => {
    narrow.value = true;
    await open();
    expect(view.find(".details").exists()).toBe(false);
    const button = view.find(".tools [aria-expanded]");
    expect(button.attributes("aria-label")).toBe("Details");
    await button.trigger("click");
    await settle();
    expect(document.activeElement).toBe(view.find(".details.over").element);
    await press("Escape");
    expect(view.find(".details").exists()).toBe(false);
    expect((document.activeElement as HTMLElement).dataset["id"]).toBe("100");
    expect(sentTo("close_window")).toEqual([]);
    await press("Enter", { altKey: true });
    expect(view.find(".details").text()).toContain("checkout-empty-state.png");
    // From the list, too.
    (cell(99).element as HTMLElement).focus();
    await press("Escape");
    expect(view.find(".details").exists()).toBe(false);
    await press("Escape");
    // Nothing is left to take back: the window is Ctrl+W's.
    expect(sentTo("close_window")).toEqual([]);
  });

  it("show what a check found, wherever it was asked for", async () => {
    narrow.value = true;
    await open();
    await cell(99).trigger("contextmenu");
    await settle();
    await line("Check now").trigger("click");
    await settle();
    expect(view.find(".details").text()).toContain("there, checksum equal");
  });

  it("are there for buckets as well", async () => {
    narrow.value = true;
    await open();
    go({ at: "buckets", destination: "atelier", bucket: "assets", prefix: "docs/img/" });
    await settle();
    here.only("f:docs/img/tmp/");
    await settle();
    expect(view.find(".details").exists()).toBe(false);
    await press("Enter", { altKey: true });
    expect(view.find(".details.over").text()).toContain("tmp");
    await view.find(".details > header button").trigger("click");
    await settle();
    expect(view.find(".details").exists()).toBe(false);
    expect((document.activeElement as HTMLElement).dataset["id"]).toBe("f:docs/img/tmp/");
  });
});

describe("a question", () => {
  it.each([["library", Library], ["settings", Settings]] as const)("is asked in the %s, with both answers, and goes when it is answered", async (_, component) => {
    await open(component, "question");
    tell("engine", { type: "status" });
    await settle();
    const bar = view.find(".asks");
    expect(bar.text()).toContain("Upload 3 new images from Screenshots?");
    expect(bar.text()).toContain("to Atelier / assets / docs/img");
    await bar.findAll("button").find((one) => one.text() === "Not these")!.trigger("click");
    await bar.findAll("button").find((one) => one.text() === "Upload")!.trigger("click");
    expect(sentTo("answer_question")).toEqual([{ id: 3, yes: false }, { id: 3, yes: true }]);
    Object.assign(answers, scene(new URLSearchParams()));
    tell("engine", { type: "question-gone", id: 3 });
    await settle();
    expect(view.find(".asks").exists()).toBe(false);
  });
});
