import { flushPromises, mount, type VueWrapper } from "@vue/test-utils";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { answers, asked, refusal, tell } from "@/fake/ipc";
import { scene, upload } from "@/fake/scenes";
import { i18n } from "@/i18n";
import * as boards from "@/state/board";
import { begin, board, said } from "@/state/live";
import Welcome from "@/windows/welcome/Welcome.vue";
import { fresh, freshTeam } from "@/windows/settings/drafts";
import { bad, forms, found, report, step, view as known, way } from "@/windows/welcome/way";

let view: VueWrapper;
async function open(state: string) {
  Object.assign(answers, scene(new URLSearchParams({ state })));
  view = mount(Welcome, { global: { plugins: [i18n] }, attachTo: document.body });
  await flushPromises();
}
const title = () => view.find("h1").text();
const press = async (text: string) => {
  const found = view.findAll("button").find((one) => one.text() === text);
  if (!found) throw new Error(`no button ${text} in ${view.text()}`);
  await found.trigger("click");
  await flushPromises();
};
const sentTo = (name: string) => asked.filter((one) => one.name === name).map(({ args }) => args);

await begin();
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  board.value = boards.empty();
  said.text = "";
  step.value = 1;
  way.value = "here";
  known.value = undefined;
  found.value = bad.value = report.value = null;
  Object.assign(forms, { team: freshTeam(fresh("other")), s3: fresh("minio"), provider: "minio", secret: "" });
  asked.length = 0;
});
afterEach(() => {
  view?.unmount();
  vi.useRealTimers();
});

describe("the welcome", () => {
  it("counts the steps of the way that was chosen, one by one", async () => {
    await open("wel-here-1");
    const shown = () => [view.find(".steps .num").text(), view.findAll(".steps i").length, view.findAll(".steps i.on").length];
    const seen = [shown()];
    for (let at = 1; at < 5; at++) {
      await press(at === 4 ? "Skip" : "Continue");
      seen.push(shown());
    }
    expect(seen).toEqual([1, 2, 3, 4, 5].map((at) => [`${at} of 5`, 5, at]));
    step.value = 2;
    way.value = "s3";
    await flushPromises();
    expect(shown()).toEqual(["2 of 7", 7, 2]);
  });

  it("says of what was pasted or dropped what becomes of it, at every step, and leaves what failed until somebody has looked", async () => {
    await open("wel-here-1");
    const told = () => view.find(".note.floating");
    expect(told().exists()).toBe(false);
    document.dispatchEvent(new Event("paste", { cancelable: true }));
    expect(sentTo("upload_clipboard")).toHaveLength(1);
    tell("engine", { type: "upload", ...upload(9, "a.png", 100, { batch: 9, stage: "sending", sent: 40 }) });
    await flushPromises();
    expect(told().text()).toBe("Uploading 1 of 1 · 40 %");
    const done = upload(9, "a.png", 100, { batch: 9, stage: "done" });
    tell("engine", { type: "settled", batch: 9, uploads: [done], refused: [], copied: true });
    await flushPromises();
    expect([told().text(), told().classes("ok")]).toEqual(["Link copied", true]);
    await vi.advanceTimersByTimeAsync(5000);
    expect(told().exists()).toBe(false);
    step.value = 7;
    await flushPromises();
    expect(told().exists()).toBe(false);
    tell("engine", { type: "upload", ...upload(10, "b.png", 100, { batch: 10, stage: "failed", message: "No answer (504), 5 tries" }) });
    tell("engine", { type: "refused", refusals: [{ name: "notes.txt", code: "not_an_image", message: "Not an image." }] });
    await flushPromises();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(told().text()).toContain("2 uploads failed");
    expect(told().text()).toContain("b.png: No answer (504), 5 tries");
    await press("Retry");
    expect(sentTo("retry_upload")).toEqual([{ id: 10 }]);
    await told().find('[aria-label="Close"]').trigger("click");
    expect(told().exists()).toBe(false);
    // The step that tries it shows its own.
    step.value = 6;
    await flushPromises();
    tell("engine", { type: "upload", ...upload(11, "c.png", 100, { batch: 11, stage: "sending", sent: 40 }) });
    await flushPromises();
    expect([told().exists(), view.find(".proof").exists()]).toEqual([false, true]);
  });

  it("takes back what was wrong once the field is another, or is given up with Escape", async () => {
    const wrong = () => view.findAll("[role=alert]").length;
    await open("wel-here-1");
    await view.find('input[value="team"]').setValue(true);
    answers.probe_team = () => Promise.reject(refusal("Nobody answers at nowhere.example.", "server", "unreachable"));
    await view.find("#field-server").setValue("https://nowhere.example");
    await press("Continue");
    expect(wrong()).toBe(1);
    await view.find('input[value="here"]').setValue(true);
    await view.find('input[value="team"]').setValue(true);
    expect(wrong()).toBe(0);
    view.unmount();

    await open("wel-team-1");
    step.value = 2;
    await flushPromises();
    await view.find("#field-phone").setValue("13800138000");
    await view.find("#field-password").setValue("wrong");
    await view.find(".foot .primary").trigger("click");
    await flushPromises();
    expect(wrong()).toBe(1);
    await view.find("#field-password").setValue("other");
    expect(wrong()).toBe(0);

    step.value = 3;
    await flushPromises();
    await vi.advanceTimersByTimeAsync(1000);
    answers.make_bucket = () => Promise.reject(refusal("A bucket’s name has no capitals.", "bucket"));
    for (const leave of ["type", "Escape"]) {
      await press("New bucket…");
      await view.find("#field-bucket").setValue("Mine");
      await view.find(".pick form").trigger("submit");
      await flushPromises();
      expect(view.text()).toContain("no capitals");
      if (leave === "type") await view.find("#field-bucket").setValue("mine");
      else await view.find("#field-bucket").trigger("keydown", { key: "Escape" });
      expect(view.text()).not.toContain("no capitals");
      if (leave === "type") await view.find("#field-bucket").trigger("keydown", { key: "Escape" });
    }
    expect([sentTo("close_window"), view.find(".pick form").exists()]).toEqual([[], false]);
  });

  it("closes with Escape what it told first, and itself then", async () => {
    await open("wel-here-1");
    tell("engine", { type: "upload", ...upload(10, "b.png", 100, { batch: 10, stage: "failed", message: "No answer (504), 5 tries" }) });
    await flushPromises();
    const escape = async () => {
      document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true, cancelable: true }));
      await flushPromises();
    };
    expect(view.find(".note.floating").exists()).toBe(true);
    await escape();
    expect([view.find(".note.floating").exists(), sentTo("close_window").length]).toEqual([false, 0]);
    said.text = "Something went wrong.";
    await escape();
    expect([said.text, sentTo("close_window").length]).toEqual(["", 0]);
    await escape();
    expect(sentTo("close_window")).toHaveLength(1);
  });

  it("leads through this computer to an upload whose link opens, and asks nothing it need not", async () => {
    await open("wel-here-1");
    await press("Continue");
    expect(title()).toBe("Which bucket and folder?");
    await press("Continue");
    expect(sentTo("use_destination")).toEqual([{ id: "this-computer", bucket: null, folder: null }]);
    expect(title()).toBe("How you work");
    await press("Continue");
    expect(sentTo("set_setting")).toContainEqual({ key: "capture.clipboard", value: "ask" });
    expect(title()).toBe("Try it");
    await press("Take the sample");
    expect(sentTo("upload_sample")).toHaveLength(1);
    tell("engine", { type: "upload", ...upload(9, "a.png", 91_000, { stage: "done", done_at: 300, taken_at: 90 }) });
    await flushPromises();
    expect(sentTo("read_back")).toEqual([{ id: 9 }]);
    expect(title()).toBe("It works");
    await press("Continue");
    await press("Done");
    expect(sentTo("finish_welcome")).toHaveLength(1);
    expect(sentTo("close_window")).toHaveLength(1);
  });

  it("chooses the team's server where the deployment names one, and stays at a wrong password", async () => {
    await open("wel-team-1");
    expect(view.find<HTMLInputElement>("#field-server").element.value).toBe("https://imagepic.atelier.example");
    expect(view.text()).toContain("answers");
    await press("Continue");
    await view.find("#field-phone").setValue("13800138000");
    await view.find("#field-password").setValue("wrong");
    const signIn = view.find(".foot .primary");
    expect(signIn.text()).toBe("Sign in");
    await signIn.trigger("click");
    await flushPromises();
    expect(view.find("#field-password-said").text()).toContain("do not belong together");
    expect(document.activeElement?.id).toBe("field-password");
    expect(step.value).toBe(2);
  });

  it("names the one wrong field of a key, and takes a right one to the list of buckets", async () => {
    await open("wel-here-1");
    await view.find('input[value="s3"]').setValue(true);
    await press("Continue");
    answers.test_destination = () => ({ rungs: [{ rung: "address", state: "ok" }, { rung: "secret", state: "bad" }], code: "wrong_secret_key", message: "It is wrong.", suggestion: null, public: null, took_ms: 9, team: false });
    await view.find("#field-endpoint").setValue("http://127.0.0.1:9000");
    await view.find("#field-access_key").setValue("AK");
    await view.find("#field-secret").setValue("no");
    await press("Test and continue");
    expect(view.find("#field-secret-said").text()).toContain("It is wrong.");
    answers.test_destination = () => ({ rungs: [{ rung: "address", state: "ok" }, { rung: "bucket", state: "bad" }], code: "no_such_bucket", message: "", suggestion: null, public: null, took_ms: 9, team: false });
    await view.find("#field-secret").setValue("yes");
    await press("Test and continue");
    expect(title()).toBe("Which bucket and folder?");
    // The key is saved with the first bucket there is: closing the window now loses nothing.
    expect(sentTo("save_destination")).toMatchObject([{ draft: { secret: "yes", destination: { bucket: "assets", endpoint: "http://127.0.0.1:9000" } } }]);
    expect(forms.secret).toBe("");
  });

  it("can be skipped and gone back to at every step, and keeps what was typed", async () => {
    await open("wel-here-1");
    await view.find('input[value="s3"]').setValue(true);
    await press("Continue");
    await view.find("#field-endpoint").setValue("https://s3.kept.example");
    await press("Back");
    await press("Continue");
    expect(view.find<HTMLInputElement>("#field-endpoint").element.value).toBe("https://s3.kept.example");
    await press("Skip");
    expect(title()).toBe("How you work");
    expect(sentTo("save_destination")).toEqual([]);
    await press("Skip");
    expect(sentTo("set_setting")).toEqual([]);
    await press("Skip");
    await press("Done");
    expect(sentTo("finish_welcome")).toHaveLength(1);
  });

  it("begins where it was closed, and writes down where that is without a secret", async () => {
    await open("wel-s3-2");
    expect(title()).toBe("Which store, and which key?");
    expect(view.find<HTMLInputElement>("#field-access_key").element.value).toBe("AKIA4ATELIERQ7DM");
    await view.find("#field-secret").setValue("hunter2");
    await vi.runAllTimersAsync();
    const kept = sentTo("keep_welcome");
    expect(kept.length).toBeGreaterThan(0);
    expect(JSON.stringify(kept)).not.toContain("hunter2");
  });

  it("is over once it was finished, also where the step before is still being written down", async () => {
    await open("wel-here-1");
    step.value = 6;
    await flushPromises();
    const order: string[] = [];
    let written = () => {};
    answers.keep_welcome = async () => {
      await new Promise<void>((done) => (written = done));
      order.push("kept");
    };
    answers.finish_welcome = () => void order.push("finished");
    await press("Skip");
    await press("Done");
    expect(order).toEqual([]);
    written();
    await flushPromises();
    expect(order).toEqual(["kept", "finished"]);
  });

  it("says at its place what an address refuses", async () => {
    await open("wel-here-1");
    await view.find('input[value="team"]').setValue(true);
    answers.probe_team = () => Promise.reject(refusal("Nobody answers at nowhere.example.", "server", "unreachable"));
    await view.find("#field-server").setValue("https://nowhere.example");
    await press("Continue");
    expect(view.find("#field-server-said").text()).toContain("Nobody answers");
    expect(step.value).toBe(1);
  });

  it("says of keys what the desktop lets it do, and of a key that it can be none", async () => {
    const all = [{ deed: "upload_clipboard" as const, label: "Upload clipboard", keys: "", command: "imagepic-desktop --do upload-clipboard", message: null }];
    await open("wel-here-5");
    answers.shortcuts = () => ({ none: null, all });
    step.value = 5;
    await flushPromises();
    const record = view.findAll("button").find((one) => ["Set", "Change"].includes(one.text()))!;
    await record.trigger("click");
    expect(sentTo("record_shortcut")).toEqual([{ recording: true }]);
    await record.trigger("keydown", { key: "ContextMenu", code: "ContextMenu" });
    expect(view.find("[role=alert]").text()).toContain("This key can’t be used");
    tell("keys-taken", "Another program has taken Ctrl+F9.");
    await flushPromises();
    expect(view.find("[role=alert]").text()).toContain("has taken Ctrl+F9");
    view.unmount();
    answers.shortcuts = () => ({ none: "On Wayland no program may take keys.", all });
    view = mount(Welcome, { global: { plugins: [i18n] }, attachTo: document.body });
    step.value = 5;
    await flushPromises();
    expect(view.text()).toContain("imagepic-desktop --do upload-clipboard");
    expect(view.findAll("button").some((one) => ["Set", "Change"].includes(one.text()))).toBe(false);
  });
});
