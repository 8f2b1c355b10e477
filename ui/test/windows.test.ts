import { flushPromises, mount, type VueWrapper } from "@vue/test-utils";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { watch } from "vue";
import { answers, asked, refusal, tell } from "@/fake/ipc";
import { destinations, scene, upload } from "@/fake/scenes";
import { i18n } from "@/i18n";
import * as boards from "@/state/board";
import { begin, board, said } from "@/state/live";
import DropZone from "@/windows/drop-zone/DropZone.vue";
import { drafts } from "@/windows/settings/drafts";
import Settings from "@/windows/settings/Settings.vue";

let view: VueWrapper;
const open = async (component: typeof DropZone | typeof Settings) => {
  view = mount(component, { global: { plugins: [i18n] }, attachTo: document.body });
  await flushPromises();
};
const button = (text: string) => view.findAll("button").find((one) => one.text() === text)!;
const sentTo = (name: string) => asked.filter((one) => one.name === name).map(({ args }) => args);

await begin();
beforeEach(async () => {
  Object.assign(answers, scene(new URLSearchParams()));
  asked.length = 0;
  board.value = boards.empty();
  said.text = "";
  drafts.clear();
  tell("engine", { type: "settings" });
  await flushPromises();
  asked.length = 0;
});
afterEach(() => view?.unmount());

describe("the drop zone", () => {
  it("names the place before any bytes leave", async () => {
    await open(DropZone);
    expect(view.find(".where .name").text()).toBe("Atelier / assets / docs/img");
    tell("drag", { phase: "enter", count: 3, refusals: [], first: "a.png" });
    await flushPromises();
    expect(view.find(".well").text()).toContain("Upload 3 items");
    expect(view.find(".well").text()).toContain("Atelier / assets / docs/img");
  });

  it("refuses with the engine's own reason", async () => {
    await open(DropZone);
    tell("drag", { phase: "enter", count: 0, refusals: [{ name: "roadmap.key", code: "not_an_image", message: "Takes PNG only." }], first: null });
    await flushPromises();
    expect(view.classes()).toContain("refuse");
    expect(view.find(".well").text()).toContain("roadmap.key");
    expect(view.find(".well").text()).toContain("Takes PNG only.");
  });

  it("uploads nothing a web page named until a person says so, and offers No first", async () => {
    await open(DropZone);
    tell("ask-drop", { id: 3, paths: ["/home/me/passport.jpg"] });
    await flushPromises();
    expect(document.activeElement?.textContent).toBe("Don’t upload");
    expect(sentTo("answer_drop")).toEqual([]);
    await button("Don’t upload").trigger("click");
    expect(sentTo("answer_drop")).toEqual([{ id: 3, upload: false }]);
  });

  it("asks about every drop, also where another one comes before the first is answered", async () => {
    await open(DropZone);
    for (const id of [3, 4]) tell("ask-drop", { id, paths: [`/home/me/${id}.jpg`] });
    await flushPromises();
    await button("Don’t upload").trigger("click");
    await button("Don’t upload").trigger("click");
    expect(sentTo("answer_drop")).toEqual([{ id: 3, upload: false }, { id: 4, upload: false }]);
  });

  it("asks what only a person can decide, in the well and beside an earlier result", async () => {
    answers.snapshot = scene(new URLSearchParams("state=question")).snapshot!;
    await open(DropZone);
    const [question] = (await answers.snapshot!()).questions;
    tell("engine", { type: "question", ...question! });
    await flushPromises();
    expect(view.find(".well").text()).toContain("Upload 3 new images from Screenshots?");
    expect(view.find(".well").text()).toContain("Atelier / assets / docs/img");
    await button("Not these").trigger("click");
    tell("engine", { type: "settled", batch: 1, uploads: [upload(1, "a.png", 10, { stage: "done" })], refused: [], copied: true });
    await flushPromises();
    await view.find(".strips .btn").trigger("click");
    expect(sentTo("answer_question")).toEqual([{ id: 3, yes: false }, { id: 3, yes: true }]);
  });

  it("leads out of a public link that opens for nobody", async () => {
    await open(DropZone);
    const shut = upload(1, "a.png", 10, { stage: "done", closed: true });
    tell("engine", { type: "settled", batch: 1, uploads: [shut, upload(2, "b.png", 10, { stage: "done" })], refused: [], copied: true });
    await flushPromises();
    expect(view.find(".panel > .noted").text()).toContain("Opens for nobody else: the folder is not public.");
    const [sign, folder] = view.findAll(".panel > .noted .linkish");
    await sign!.trigger("click");
    // Both, or the clipboard would hold one link where it held two.
    expect(sentTo("copy_opening_links")).toEqual([{ ids: [1, 2], format: null }]);
    await folder!.trigger("click");
    expect(sentTo("show_access")).toEqual([{ id: 1 }]);
    // Once its link is signed there is nothing left to say.
    tell("engine", { type: "upload", ...shut, closed: false, expires_at: 9_000_000_000_000 });
    await flushPromises();
    expect(view.find(".panel > .noted").exists()).toBe(false);
  });

  it("says of a finished picture what was noted about it on its way", async () => {
    await open(DropZone);
    const made = { summary: null, was_size: null, was_type: null, was_width: null, was_height: null, converted: null, resized: false, squeezed: false, notices: ["The picture is damaged."] };
    tell("engine", { type: "settled", batch: 1, uploads: [upload(1, "a.png", 10, { stage: "done", made })], refused: [], copied: true });
    await flushPromises();
    expect(view.find(".panel > .noted").text()).toBe("The picture is damaged.");
    tell("engine", { type: "settled", batch: 1, uploads: [upload(2, "b.png", 10, { stage: "done" })], refused: [], copied: true });
    await flushPromises();
    expect(view.find(".panel > .noted").text()).toBe("a.png: The picture is damaged.");
    expect(view.findAll(".thumb").map((one) => one.attributes("aria-label"))).toEqual(["Copy link: a.png The picture is damaged.", "Copy link: b.png"]);
  });

  it("keeps thousands of failures usable: a few rows, a count, and one Retry and one Clear for all", async () => {
    await open(DropZone);
    const uploads = Array.from({ length: 3000 }, (_, at) => upload(at + 1, `${at + 1}.png`, 10, { stage: "failed", message: "No answer (504), 5 tries" }));
    tell("engine", { type: "settled", batch: 1, refused: [], copied: false, uploads });
    await flushPromises();
    expect(view.find("h2").text()).toBe("3000 uploads failed");
    expect(view.findAll("li").length).toBeLessThan(70);
    expect(view.text()).toContain("2,940 more");
    await button("Retry all").trigger("click");
    expect(sentTo("retry_uploads")).toEqual([{ ids: uploads.map(({ id }) => id) }]);
    await view.find('[aria-label="Clear"]').trigger("click");
    await flushPromises();
    expect(sentTo("dismiss_uploads")).toEqual([{ ids: uploads.map(({ id }) => id) }]);
  });

  it("shows of thousands those that move, and cancels all of them with one word", async () => {
    await open(DropZone);
    const stage = (id: number) => (id <= 1000 ? "done" : id <= 1003 ? "sending" : "queued");
    for (let id = 1; id <= 3000; id += 1) tell("engine", { type: "upload", ...upload(id, `${id}.png`, 10, { stage: "queued" }) });
    for (let id = 1; id <= 3000; id += 1) tell("engine", { type: "upload", ...upload(id, `${id}.png`, 10, { stage: stage(id) }) });
    await flushPromises();
    expect(view.findAll("li").length).toBeLessThan(70);
    expect(view.text()).toContain("1001.png");
    expect(view.text()).toContain("2,940 more");
    await button("Cancel all").trigger("click");
    expect(sentTo("cancel_uploads")).toEqual([{ ids: Array.from({ length: 2000 }, (_, at) => at + 1001) }]);
    for (let id = 1; id <= 3000; id += 1) tell("engine", { type: "upload", ...upload(id, `${id}.png`, 10, { stage: "done" }) });
    tell("engine", { type: "settled", batch: 1, uploads: [], refused: [], copied: true });
    await flushPromises();
    await new Promise((done) => setTimeout(done, 450));
    expect(view.findAll("img").length).toBeLessThan(70);
    expect(view.text()).toContain("2,940 more");
  });

  it("takes a burst of news in at once, and asks for the present twice at most and never for every upload", async () => {
    await open(DropZone);
    asked.length = 0;
    let boardsSeen = 0;
    const stop = watch(board, () => (boardsSeen += 1), { flush: "sync" });
    for (let id = 1; id <= 500; id += 1) {
      tell("engine", { type: "upload", ...upload(id, `${id}.png`, 10) });
      tell("engine", { type: "status" });
    }
    await flushPromises();
    stop();
    expect(board.value.uploads).toHaveLength(500);
    expect(boardsSeen).toBe(1);
    expect(sentTo("outline").length).toBeLessThanOrEqual(2);
    expect(sentTo("snapshot")).toHaveLength(0);
    // Where some of the news were lost, all of it is asked for.
    tell("missed", null);
    await flushPromises();
    expect(sentTo("snapshot")).toHaveLength(1);
  });

  it("shows real bytes and cancels one file alone", async () => {
    await open(DropZone);
    tell("engine", { type: "upload", ...upload(1, "a.png", 4_600_000, { stage: "sending" }) });
    tell("engine", { type: "upload", ...upload(2, "b.png", 1_000_000) });
    tell("engine", { type: "progress", id: 1, sent: 1_000_000, total: 4_600_000 });
    await flushPromises();
    expect(view.text()).toContain("1.0 of 4.6 MB");
    expect(view.find("[role=progressbar]").attributes("aria-valuenow")).toBe("21");
    await view.find('[aria-label="Cancel b.png"]').trigger("click");
    expect(sentTo("cancel_upload")).toEqual([{ id: 2 }]);
  });

  it("copies a picture's link again at a click, and undoes the batch", async () => {
    await open(DropZone);
    const done = [1, 2].map((id) => upload(id, `${id}.png`, 10, { stage: "done" }));
    tell("engine", { type: "settled", batch: 1, uploads: done, refused: [], copied: true });
    await flushPromises();
    expect(view.text()).toContain("2 links copied");
    await view.findAll(".thumb")[1]!.trigger("click");
    expect(sentTo("copy_links")).toEqual([{ ids: [2], format: null }]);
    await button("Undo").trigger("click");
    expect(sentTo("undo_upload")).toEqual([{ id: 1 }, { id: 2 }]);
  });

  it("says that a link still opens because another upload has it", async () => {
    answers.undo_upload = ({ id }) => (tell("engine", { type: "gone", id }), id === 1);
    await open(DropZone);
    const done = [1, 2].map((id) => upload(id, `${id}.png`, 10, { stage: "done" }));
    tell("engine", { type: "settled", batch: 1, uploads: done, refused: [], copied: true });
    await flushPromises();
    await button("Undo").trigger("click");
    await flushPromises();
    expect(view.find("[role=status].said").text()).toBe("Removed from Atelier / assets / docs/img. Not removed: another upload has the same link");
  });

  it("offers links that could not take the clipboard's place", async () => {
    await open(DropZone);
    tell("engine", { type: "settled", batch: 1, uploads: [upload(1, "a.png", 10, { stage: "done" })], refused: [], copied: false });
    await flushPromises();
    expect(view.text()).not.toContain("copied");
    await button("Copy link").trigger("click");
    expect(sentTo("copy_links")).toEqual([{ ids: [1], format: null }]);
  });

  it("says why one failed, beside a Retry, with the good ones still there", async () => {
    await open(DropZone);
    tell("engine", { type: "settled", batch: 1, refused: [], copied: true, uploads: [upload(1, "a.png", 10, { stage: "done" }), upload(2, "b.png", 10, { stage: "failed", message: "No answer (504), 5 tries" })] });
    await flushPromises();
    expect(view.text()).toContain("1 failed · Link copied");
    expect(view.text()).toContain("No answer (504), 5 tries");
    await button("Retry").trigger("click");
    expect(sentTo("retry_upload")).toEqual([{ id: 2 }]);
  });

  it("tells in its head what failed, also while others are on their way, and shows it before all that went well", async () => {
    await open(DropZone);
    const done = [1, 2, 3, 4].map((id) => upload(id, `${id}.png`, 10, { position: id, stage: "done" }));
    const wrong = upload(5, "5.png", 10, { position: 5, stage: "failed", message: "No answer (504), 5 tries" });
    for (const one of [...done, wrong, upload(6, "6.png", 100, { position: 6, stage: "sending", sent: 50 })]) tell("engine", { type: "upload", ...one });
    tell("engine", { type: "refused", refusals: [{ name: "notes.txt", code: "not_an_image", message: "Not an image." }] });
    await flushPromises();
    expect(view.find("h2").text()).toBe("2 failed · 6 of 6 · 60 %");
    expect(view.find(".panel > header .danger").exists()).toBe(true);
    tell("engine", { type: "upload", ...upload(6, "6.png", 100, { position: 6, stage: "waiting", waiting: "network" }) });
    await flushPromises();
    expect(view.find("h2").text()).toBe("2 failed · 4 uploaded · 1 waits");
    tell("engine", { type: "settled", batch: 1, uploads: [...done, wrong, upload(6, "6.png", 100, { position: 6, stage: "done" })], refused: [], copied: true });
    await flushPromises();
    expect(view.find("h2").text()).toBe("2 failed · 5 links copied");
    expect(view.findAll(".rows li").map((line) => line.find(".name").text())).toEqual(["5.png", "notes.txt", "1.png", "2.png", "3.png", "4.png", "6.png"]);
  });

  it("uploads the clipboard at Ctrl+V and shows a refusal", async () => {
    answers.upload_clipboard = () => Promise.reject(refusal("The clipboard holds no image."));
    await open(DropZone);
    document.dispatchEvent(new Event("paste", { cancelable: true }));
    await flushPromises();
    expect(sentTo("upload_clipboard")).toHaveLength(1);
    expect(view.find("[role=alert]").text()).toContain("The clipboard holds no image.");
  });

  it("switches the destination from the footer, by keyboard", async () => {
    await open(DropZone);
    await view.find(".where").trigger("click");
    await flushPromises();
    expect(document.activeElement?.textContent).toContain("Atelier");
    await view.find("[role=menu]").trigger("keydown", { key: "ArrowDown" });
    await view.find("[role=menu]").trigger("keydown", { key: "Enter" });
    expect(sentTo("use_destination")).toEqual([{ id: "minio-frankfurt", bucket: null, folder: null }]);
  });

  it("offers the clipboard and says it is paused while an earlier result is still shown", async () => {
    answers.snapshot = scene(new URLSearchParams("state=offer")).snapshot!;
    await open(DropZone);
    tell("engine", { type: "settled", batch: 1, uploads: [upload(1, "a.png", 10, { stage: "done" })], refused: [], copied: true });
    tell("engine", { type: "offer", id: 7, size: 83_000, width: 1200, height: 800, files: 0 });
    await flushPromises();
    expect(view.text()).toContain("Link copied");
    expect(view.find(".strips").text()).toContain("1200 × 800");
    await view.find('.strips [aria-label="Not now"]').trigger("click");
    expect(sentTo("answer_offer")).toEqual([{ id: 7, upload: false }]);
    answers.snapshot = scene(new URLSearchParams("state=paused-wait")).snapshot!;
    tell("engine", { type: "status" });
    await flushPromises();
    expect(view.find(".strips").text()).toContain("Uploads are paused");
    await view.find(".strips .btn").trigger("click");
    expect(sentTo("set_paused")).toEqual([{ paused: false }]);
  });

  it("names what is done beside what still waits, and gives its link", async () => {
    await open(DropZone);
    const waits = upload(2, "b.png", 10, { stage: "waiting", waiting: "network" });
    tell("engine", { type: "upload", ...waits });
    tell("engine", { type: "settled", batch: 3, uploads: [upload(3, "c.png", 10, { batch: 3, stage: "done" })], refused: [], copied: true });
    await flushPromises();
    expect(view.find("h2").text()).toBe("Link copied · 1 waits");
    await view.find('[aria-label="Copy link: c.png"]').trigger("click");
    expect(sentTo("copy_links")).toEqual([{ ids: [3], format: null }]);
  });

  it("keeps what was turned away at a drop in sight", async () => {
    await open(DropZone);
    tell("drag", { phase: "enter", count: 0, refusals: [{ name: "https://x.example/a.png", code: "bad_request", message: "A web address." }], first: null });
    tell("drag", { phase: "drop", count: 0, refusals: [{ name: "https://x.example/a.png", code: "bad_request", message: "A web address." }], first: null });
    tell("engine", { type: "refused", refusals: [{ name: "https://x.example/a.png", code: "bad_request", message: "A web address." }] });
    await flushPromises();
    expect(view.find(".well").text()).toContain("A web address.");
  });

  it("takes several back as one, and says so", async () => {
    let second = () => {};
    answers.undo_upload = ({ id }) => {
      if (id !== 2) return tell("engine", { type: "gone", id }), true;
      return new Promise<boolean>((done) => (second = () => (tell("engine", { type: "gone", id }), done(true))));
    };
    await open(DropZone);
    const done = [1, 2].map((id) => upload(id, `${id}.png`, 10, { stage: "done" }));
    tell("engine", { type: "settled", batch: 1, uploads: done, refused: [], copied: true });
    await flushPromises();
    tell("engine", { type: "upload", ...upload(9, "9.png", 10, { batch: 1, stage: "done" }) });
    await flushPromises();
    await button("Undo").trigger("click");
    await flushPromises();
    expect(view.findAll(".thumb")).toHaveLength(3);
    second();
    await flushPromises();
    expect(view.find("[role=status].said").text()).toBe("3 removed from Atelier / assets / docs/img");
  });

  it("closes at Escape and Ctrl+W wherever the focus is, and quits from its menu", async () => {
    await open(DropZone);
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true, cancelable: true }));
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "w", ctrlKey: true, bubbles: true, cancelable: true }));
    expect(sentTo("close_window")).toHaveLength(2);
    await view.find('.dz-foot [aria-label="More"]').trigger("click");
    await view.findAll("[role=menuitem]").find((one) => one.text() === "Quit")!.trigger("click");
    expect(sentTo("quit")).toHaveLength(1);
  });

  it("leads to the library where no tray does", async () => {
    await open(DropZone);
    await view.find('[aria-label="More"]').trigger("click");
    await flushPromises();
    await view.findAll("[role=menuitem]").find((one) => one.text() === "Library…")!.trigger("click");
    expect(sentTo("open_window")).toEqual([{ name: "library" }]);
  });

  it("speaks the other language and changes dress without a restart", async () => {
    await open(DropZone);
    answers.settings = scene(new URLSearchParams("lang=zh-CN&theme=dark")).settings!;
    tell("engine", { type: "settings" });
    await flushPromises();
    expect(view.text()).toContain("把图片拖到这里");
    expect(document.documentElement.lang).toBe("zh-CN");
    expect(document.documentElement.dataset.theme).toBe("dark");
  });
});

describe("the settings", () => {
  const field = (id: string) => view.find<HTMLInputElement>(`#field-${id}`);

  it("never show a secret, and send a new one only when it was typed", async () => {
    await open(Settings);
    expect(view.text()).toContain("Saved in the keychain");
    expect(view.find("input[type=password]").exists()).toBe(false);
    await field("folder").setValue("shots");
    await button("Save").trigger("click");
    expect(sentTo("save_destination")).toMatchObject([{ draft: { secret: null, destination: { id: "atelier", folder: "shots" } } }]);
    await flushPromises();
    await field("secret").trigger("click");
    await flushPromises();
    await field("secret").setValue("new secret");
    await button("Save").trigger("click");
    expect(sentTo("save_destination")).toMatchObject([{}, { draft: { secret: "new secret" } }]);
  });

  it("do not take a saved secret for one that fits another address", async () => {
    await open(Settings);
    await field("endpoint").setValue("https://elsewhere.example");
    expect(view.text()).not.toContain("Saved in the keychain");
    expect(view.find("input[type=password]").exists()).toBe(true);
  });

  it("put the cursor into the field Test found wrong, and the cure beside it", async () => {
    await open(Settings);
    await button("Test").trigger("click");
    await flushPromises();
    expect(document.activeElement?.id).toBe("field-region");
    expect(field("region").attributes("aria-invalid")).toBe("true");
    expect(view.text()).toContain("The region is wrong; everything before it is right.");
    await button("Use eu-central-1").trigger("click");
    expect(sentTo("test_destination").at(-1)).toMatchObject({ draft: { destination: { region: "eu-central-1" } } });
  });

  it("mark the field that saving refused and lose nothing that was typed", async () => {
    answers.save_destination = () => Promise.reject(refusal("The bucket’s name is too short.", "bucket"));
    await open(Settings);
    await field("bucket").setValue("x");
    await button("Save").trigger("click");
    await flushPromises();
    expect(document.activeElement?.id).toBe("field-bucket");
    expect(view.text()).toContain("The bucket’s name is too short.");
    expect(field("bucket").element.value).toBe("x");
  });

  it("keep a half-filled destination while another one is looked at, and give up nothing without Revert", async () => {
    await open(Settings);
    await field("name").setValue("Changed");
    await view.findAll(".dest")[1]!.trigger("click");
    expect(field("name").element.value).toBe("MinIO Frankfurt");
    await view.findAll(".dest")[0]!.trigger("click");
    expect(field("name").element.value).toBe("Changed");
    await button("Revert").trigger("click");
    expect(field("name").element.value).toBe("Atelier");
  });

  it("fill endpoint, region and style from a provider, and let the endpoint follow the region", async () => {
    await open(Settings);
    await button("Add destination").trigger("click");
    await view.find("#field-provider").setValue("cos");
    expect(field("endpoint").element.value).toBe("https://cos.ap-shanghai.myqcloud.com");
    await field("region").setValue("ap-guangzhou");
    expect(field("endpoint").element.value).toBe("https://cos.ap-guangzhou.myqcloud.com");
  });

  it("ask before a destination goes, and say so where it cannot", async () => {
    HTMLDialogElement.prototype.showModal = vi.fn();
    answers.remove_destination = () => Promise.reject(refusal("2 uploads still wait for it."));
    await open(Settings);
    await view.find("header [aria-haspopup=menu]").trigger("click");
    await view.find(".menu .danger").trigger("click");
    expect(sentTo("remove_destination")).toEqual([]);
    await button("Remove destination").trigger("click");
    await flushPromises();
    expect(sentTo("remove_destination")).toEqual([{ id: "atelier" }]);
    expect(view.find("dialog").text()).toContain("2 uploads still wait for it.");
  });

  it("apply a choice at once and jump back with the reason where it is refused", async () => {
    await open(Settings);
    await button("Capture").trigger("click");
    await view.find('input[value="automatic"]').setValue(true);
    expect(sentTo("set_setting")).toEqual([{ key: "capture.clipboard", value: "automatic" }]);
    await flushPromises();
    expect(view.find<HTMLInputElement>('input[value="automatic"]').element.checked).toBe(true);
    answers.set_setting = () => Promise.reject(refusal("The settings can’t be written."));
    await view.find('input[value="off"]').setValue(true);
    await flushPromises();
    expect(view.find("[role=alert]").text()).toContain("The settings can’t be written.");
    expect(view.find<HTMLInputElement>('input[value="automatic"]').element.checked).toBe(true);
  });

  it("keep a refusal beside what was refused, whatever else is read anew or looked at meanwhile", async () => {
    answers.set_setting = () => Promise.reject(refusal("Quality is a number from 1 to 100."));
    await open(Settings);
    await button("Images & names").trigger("click");
    await view.find("#set-quality input, input#set-quality").setValue("500");
    await view.find("#set-quality input, input#set-quality").trigger("focusout");
    await flushPromises();
    expect(view.text()).toContain("Quality is a number from 1 to 100.");
    tell("engine", { type: "settings" });
    await flushPromises();
    await button("Capture").trigger("click");
    await button("Images & names").trigger("click");
    await flushPromises();
    expect(view.find<HTMLInputElement>("#set-quality input, input#set-quality").element.value).toBe("500");
    expect(view.text()).toContain("Quality is a number from 1 to 100.");
  });

  it("close at Escape, but not over a dialog, and not before what is unsaved was named", async () => {
    HTMLDialogElement.prototype.showModal = vi.fn(function (this: HTMLDialogElement) { this.open = true; });
    const escape = () => document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true, cancelable: true }));
    await open(Settings);
    await view.find("header [aria-haspopup=menu]").trigger("click");
    await view.find(".menu .danger").trigger("click");
    escape();
    expect(sentTo("close_window")).toEqual([]);
    view.find<HTMLDialogElement>("dialog").element.open = false;
    await field("folder").setValue("mine");
    escape();
    await flushPromises();
    expect(sentTo("close_window")).toEqual([]);
    expect(view.find("[role=alert]").text()).toContain("Atelier is not saved");
    escape();
    expect(sentTo("close_window")).toHaveLength(1);
  });

  it("leave no sentence behind in the language of before", async () => {
    await open(Settings);
    await button("Test").trigger("click");
    await flushPromises();
    expect(view.text()).toContain("not us-east-1");
    answers.settings = scene(new URLSearchParams("lang=zh-CN")).settings!;
    tell("engine", { type: "settings" });
    await flushPromises();
    expect(view.text()).not.toContain("not us-east-1");
  });

  it("let a destination take files that are no images", async () => {
    await open(Settings);
    await view.find(".twist").trigger("click");
    await field("any_file").setValue(true);
    await button("Save").trigger("click");
    expect(sentTo("save_destination")).toMatchObject([{ draft: { destination: { id: "atelier", any_file: true } } }]);
  });

  it("follow what another process changed, but not over what is being typed", async () => {
    await open(Settings);
    await view.findAll(".dest")[1]!.trigger("click");
    await field("folder").setValue("mine");
    await view.findAll(".dest")[0]!.trigger("click");
    const now = destinations(false).map((one) => ({ ...one, folder: "theirs" }));
    const before = (await answers.settings!()) as { settings: object };
    answers.settings = () => ({ ...before, settings: { ...before.settings, destinations: now } }) as never;
    tell("engine", { type: "settings" });
    await flushPromises();
    expect(field("folder").element.value).toBe("theirs");
    await view.findAll(".dest")[1]!.trigger("click");
    expect(field("folder").element.value).toBe("mine");
  });
});
