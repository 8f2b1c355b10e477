import { flushPromises, mount, type VueWrapper } from "@vue/test-utils";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Upload } from "@/bindings/Upload";
import { answers, asked, refusal, tell } from "@/fake/ipc";
import { scene, upload } from "@/fake/scenes";
import { i18n, speak } from "@/i18n";
import * as boards from "@/state/board";
import { begin, board, said } from "@/state/live";
import DropZone from "@/windows/drop-zone/DropZone.vue";
import { proposed, stem, typed, wrong } from "@/windows/drop-zone/typed";

let view: VueWrapper;
const open = async () => {
  view = mount(DropZone, { global: { plugins: [i18n] }, attachTo: document.body });
  await flushPromises();
};
const waits = (id: number, last: string, more: Partial<Upload> = {}) =>
  upload(id, last, 83_000, { stage: "waiting", waiting: "name", code: "name_wanted", key: `docs/img/${last}`, ...more });
const hear = async (...uploads: Upload[]) => {
  for (const one of uploads) tell("engine", { type: "upload", ...one });
  await flushPromises();
};
const sentTo = (name: string) => asked.filter((one) => one.name === name).map(({ args }) => args);
const fields = () => view.findAll<HTMLInputElement>(".naming input");
const cursor = () => {
  const field = document.activeElement as HTMLInputElement;
  return [field.value, field.value.slice(field.selectionStart!, field.selectionEnd!)];
};
const type = async (at: number, text: string) => {
  await fields()[at]!.setValue(text);
  await view.findAll(".naming form")[at]!.trigger("submit");
  await flushPromises();
};

await begin();
beforeEach(async () => {
  Object.assign(answers, scene(new URLSearchParams()));
  answers.name_upload = () => undefined;
  board.value = boards.empty();
  said.text = "";
  typed.clear();
  wrong.clear();
  tell("engine", { type: "settings" });
  await flushPromises();
  asked.length = 0;
});
afterEach(() => view?.unmount());

describe("a name that is asked for", () => {
  it("stands in a field with its stem chosen, and goes as it is called at Enter", async () => {
    await open();
    await hear(waits(1, "20261121-144012-9f3a1c7e.png"));
    expect(view.text()).toContain("Name this image");
    expect(cursor()).toEqual(["20261121-144012-9f3a1c7e.png", "20261121-144012-9f3a1c7e"]);
    await view.find(".naming form").trigger("submit");
    await flushPromises();
    expect(sentTo("name_upload")).toEqual([{ id: 1, name: null }]);
    await hear(waits(1, "20261121-144012-9f3a1c7e.png", { stage: "queued", waiting: null }));
    expect(view.find(".naming").exists()).toBe(false);
    expect(view.text()).toContain("Uploading 1 of 1");
  });

  it("is sent as it was typed, and the cursor goes to the next one", async () => {
    await open();
    await hear(waits(1, "a.png"), waits(2, "b.png"), waits(3, "c.png"));
    expect(view.text()).toContain("Name 3 images");
    fields()[1]!.element.focus();
    await type(1, "登录页");
    expect(sentTo("name_upload")).toEqual([{ id: 2, name: "登录页" }]);
    await hear(waits(2, "登录页.png", { stage: "queued", waiting: null }));
    await flushPromises();
    expect(cursor()).toEqual(["c.png", "c"]);
    expect(fields()).toHaveLength(2);
  });

  it("is refused at its field with the engine's reason, and what was typed stays through a drag", async () => {
    await open();
    await hear(waits(1, "a.png"), waits(2, "b.png"));
    answers.name_upload = () => Promise.reject(refusal("A name holds no slash.", "name"));
    await type(1, "x/y");
    const field = fields()[1]!;
    expect(field.attributes("aria-invalid")).toBe("true");
    expect(view.find(`#${field.attributes("aria-describedby")}`).text()).toBe("A name holds no slash.");
    expect(document.activeElement).toBe(field.element);
    expect(fields()[0]!.attributes("aria-invalid")).toBeUndefined();
    tell("drag", { phase: "enter", count: 1, refusals: [], first: "c.png" });
    await flushPromises();
    expect(fields()).toHaveLength(0);
    tell("drag", { phase: "leave", count: 0, refusals: [], first: null });
    await flushPromises();
    expect(fields()[1]!.element.value).toBe("x/y");
    expect(view.text()).toContain("A name holds no slash.");
  });

  it("is cancelled at Escape, which closes no window, and not by an input method's own", async () => {
    await open();
    await hear(waits(1, "a.png"));
    const composing = new KeyboardEvent("keydown", { key: "Escape", bubbles: true, cancelable: true, isComposing: true });
    fields()[0]!.element.dispatchEvent(composing);
    expect(sentTo("cancel_upload")).toEqual([]);
    await fields()[0]!.trigger("keydown", { key: "Escape" });
    await flushPromises();
    expect(sentTo("cancel_upload")).toEqual([{ id: 1 }]);
    expect(sentTo("close_window")).toEqual([]);
  });

  it("goes for all at once in their order, each as it stands there, and one that cannot stays behind", async () => {
    await open();
    await hear(waits(1, "a.png"), waits(2, "b.png"), waits(3, "c.png"));
    await fields()[1]!.setValue("two.png");
    await fields()[2]!.setValue("/");
    answers.name_upload = ({ name }) => {
      if (name === "/") throw refusal("A name holds no slash.", "name");
    };
    await view.findAll("button").find((one) => one.text() === "Upload all")!.trigger("click");
    await flushPromises();
    expect(sentTo("name_upload")).toEqual([{ id: 1, name: null }, { id: 2, name: "two.png" }, { id: 3, name: "/" }]);
    expect(wrong.get(3)).toBe("A name holds no slash.");
    await view.find('[aria-label="Cancel all"]').trigger("click");
    expect(sentTo("cancel_uploads")).toMatchObject([{ ids: { length: 3 } }]);
  });

  it("says where to only where that is not the place below, and speaks both languages", async () => {
    await open();
    await hear(waits(1, "a.png"), waits(2, "b.png", { place: { ...waits(2, "b.png").place, bucket: "pics" } }));
    expect(view.find("#name-1-said").text()).toBe("");
    expect(view.find("#name-2-said").text()).toBe("to Atelier / pics / docs/img");
    speak("zh-CN");
    await flushPromises();
    expect(view.text()).toContain("为 2 张图片命名");
    expect(view.text()).toContain("全部上传");
    speak("en");
  });

  it("is asked before anything else is shown, and lets go of what was typed once it is over", async () => {
    await open();
    await hear(upload(1, "a.png", 10, { stage: "sending" }), waits(2, "b.png"));
    expect(fields()).toHaveLength(1);
    await fields()[0]!.setValue("typed");
    await hear(waits(2, "b.png", { stage: "cancelled", waiting: null }));
    expect(typed.size).toBe(0);
    expect(view.text()).toContain("Uploading 1 of 1");
  });

  it("knows the stem of any name", () => {
    expect(["a.png", "a.b.png", ".png", "a", ""].map(stem)).toEqual([1, 3, 4, 1, 0]);
    expect(proposed(waits(1, "a.png", { key: "a.png" }))).toBe("a.png");
    expect(proposed(waits(1, "a.png", { key: "2026/11/a.png" }))).toBe("a.png");
  });
});
