import { flushPromises, mount, type VueWrapper } from "@vue/test-utils";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { answers, asked, refusal, tell } from "@/fake/ipc";
import { scene } from "@/fake/scenes";
import { i18n } from "@/i18n";
import { begin, said } from "@/state/live";
import { pathOnly } from "@/windows/settings/providers";
import { drafts } from "@/windows/settings/drafts";
import { find } from "@/windows/settings/find";
import { pressed } from "@/windows/settings/keys";
import { changed } from "@/windows/settings/undo";
import Settings from "@/windows/settings/Settings.vue";

let view: VueWrapper;
const open = async (pane: string) => {
  location.hash = pane;
  view = mount(Settings, { global: { plugins: [i18n] }, attachTo: document.body });
  await flushPromises();
};
const button = (text: string) => view.findAll("button").find((one) => one.text() === text)!;
const sent = () => asked.filter(({ name }) => name === "set_setting").map(({ args }) => args as { key: string; value: string });

await begin();
beforeEach(async () => {
  Object.assign(answers, scene(new URLSearchParams()));
  said.text = "";
  changed.value = null;
  drafts.clear();
  Element.prototype.scrollIntoView = () => {};
  HTMLDialogElement.prototype.showModal ??= function (this: HTMLDialogElement) { this.open = true; };
  HTMLDialogElement.prototype.close ??= function (this: HTMLDialogElement) { this.open = false; };
  tell("engine", { type: "settings" });
  await flushPromises();
  asked.length = 0;
});
afterEach(() => view?.unmount());

describe("the settings", () => {
  it("are found by a word, by what belongs to it, and by its English name in every language", () => {
    expect(find("theme").map(({ at }) => at)).toContain("set-theme");
    expect(find("exif").map(({ at }) => at)).toEqual(["set-strip"]);
    expect(find("markdown").map(({ pane }) => pane)).toContain("links");
    expect(find("nothing at all")).toEqual([]);
    const first = (word: string) => find(word)[0]?.at;
    expect(["webp", "avif", "url", "screenshot", "autostart", "password", "chinese"].map(first)).toEqual(["set-convert", "set-convert", "set-format", "set-clipboard", "set-autostart", "field-secret", "language"]);
    i18n.global.locale.value = "zh-CN";
    expect(find("proxy").map(({ at }) => at)).toContain("proxy");
    expect(find("主题").map(({ at }) => at)).toEqual(["set-theme"]);
    i18n.global.locale.value = "en";
  });

  it("open the pane a word leads to, with the cursor on the setting", async () => {
    await open("capture");
    const field = view.find(".find input");
    await field.setValue("start at");
    await field.trigger("keydown", { key: "Enter" });
    await flushPromises();
    expect(document.activeElement?.id).toBe("set-autostart");
  });

  it("apply at once and can be taken back", async () => {
    await open("general");
    await view.find("#notify").setValue("quiet");
    await flushPromises();
    expect(view.find(".toast").text()).toContain("Notifications changed");
    await button("Undo").trigger("click");
    await flushPromises();
    expect(sent()).toEqual([{ key: "general.notifications", value: "quiet" }, { key: "general.notifications", value: "all" }]);
    expect(view.find(".toast").exists()).toBe(false);
  });

  it("keep a refusal beside its setting, and offer no undo of what was not done", async () => {
    answers.set_setting = () => Promise.reject(refusal("The entry could not be written."));
    await open("general");
    await view.find("#set-autostart").trigger("click");
    await flushPromises();
    expect(view.find("#set-autostart").element.closest(".setting")!.textContent).toContain("The entry could not be written.");
    expect(view.find(".toast").exists()).toBe(false);
  });

  it("ask for names where that is wanted, for every destination alike, found by what it does and taken back", async () => {
    expect(find("rename").map(({ at }) => at)).toContain("set-ask_name");
    await open("images");
    await view.find("#set-ask_name").trigger("click");
    await flushPromises();
    expect(view.find("#set-ask_name").attributes("aria-checked")).toBe("true");
    expect(view.find(".toast").text()).toContain("Ask for the name before uploading changed");
    await button("Undo").trigger("click");
    await flushPromises();
    expect(sent()).toEqual([{ key: "names.ask", value: "true" }, { key: "names.ask", value: "false" }]);
    expect(view.find("#set-ask_name").attributes("aria-checked")).toBe("false");
  });

  it("end where a switch was left, however fast it was pressed", async () => {
    await open("general");
    const set = answers.set_setting!;
    const held: (() => void)[] = [];
    answers.set_setting = (given) => new Promise((done) => held.push(() => done(set(given))));
    const before = view.find("#set-autostart").attributes("aria-checked");
    for (let press = 0; press < 2; press += 1) {
      await view.find("#set-autostart").trigger("click");
      await flushPromises();
    }
    expect(view.find("#set-autostart").attributes("aria-checked")).toBe(before);
    while (held.length > 0) {
      held.shift()!();
      await flushPromises();
    }
    expect(sent().map(({ value }) => value)).toEqual([String(before !== "true"), before]);
    expect(view.find("#set-autostart").attributes("aria-checked")).toBe(before);
  });

  it("refuse a template the name of a format that is always there, at its name, in both languages", async () => {
    for (const [lang, words] of [["en", "always there (url)"], ["zh-CN", "始终存在的格式（url）"]] as const) {
      Object.assign(answers, scene(new URLSearchParams({ lang })));
      tell("engine", { type: "settings" });
      await flushPromises();
      await open("links");
      await view.find("#add-template").trigger("click");
      await view.find("#template-name-1").setValue("URL");
      await view.find("#template-text-1").setValue("<{url}>");
      await view.find("#template-text-1").trigger("focusout");
      await flushPromises();
      expect(view.find("#template-name-1-said").text()).toContain(words);
      expect(view.find("#template-name-1").attributes()).toMatchObject({ "aria-invalid": "true", "aria-describedby": "template-name-1-said" });
      // Left from another line, it is still the name that is wrong.
      await view.find("#template-text-0").setValue("[{url}]");
      await view.find("#template-text-0").trigger("focusout");
      await flushPromises();
      expect(view.find("#template-name-0-said").exists()).toBe(false);
      expect(view.find("#template-name-1-said").exists()).toBe(true);
      await view.find("#template-name-1").setValue("Bare");
      await view.find("#template-name-1").trigger("focusout");
      await flushPromises();
      expect(JSON.parse(sent().at(-1)!.value)).toMatchObject([{ name: "Wiki", text: "[{url}]" }, { name: "Bare" }]);
      expect(view.find("#template-name-1-said").exists()).toBe(false);
      view.unmount();
    }
  });

  it("send no naming template that cannot be, and say why below it", async () => {
    await open("images");
    await view.find("#set-file").setValue("{stem}-{size}.{ext}");
    await view.find("#set-file").trigger("focusout");
    await flushPromises();
    expect(view.find("#set-file-said").text()).toContain("{size}");
    expect(sent()).toEqual([]);
    await view.find("#set-file").setValue("{stem}.{ext}");
    await view.find("#set-file").trigger("focusout");
    await flushPromises();
    expect(sent()).toEqual([{ key: "destinations.atelier.file_name", value: "{stem}.{ext}" }]);
  });

  it("show what a file would change before it does, and what is left out", async () => {
    await open("general");
    await button("Import…").trigger("click");
    await flushPromises();
    const text = view.find("dialog.wide").text();
    expect(text).toContain("destinations.atelier.endpoint");
    expect(text).toContain("shortcuts.library");
    expect(asked.some(({ name }) => name === "import_settings")).toBe(false);
    await button("Change them").trigger("click");
    await flushPromises();
    expect(asked.filter(({ name }) => name === "import_settings").map(({ args }) => args)).toEqual([{ id: 1 }]);
    // As every change, it can be taken back: the very import that was done.
    expect(asked.some(({ name }) => name === "undo_import")).toBe(false);
    await button("Undo").trigger("click");
    await flushPromises();
    expect(asked.filter(({ name }) => name === "undo_import").map(({ args }) => args)).toEqual([{ id: 1 }]);
    expect(changed.value).toBeNull();
  });

  it("show what a test found for as long as what was tested stands in the fields", async () => {
    const right = { rungs: [{ rung: "address" as const, state: "ok" as const }, { rung: "bucket" as const, state: "ok" as const }], code: null, message: null, suggestion: null, public: true, took_ms: 9, team: false };
    answers.test_destination = () => right;
    await open("destinations");
    await view.findAll(".dests .btn").at(-1)!.trigger("click");
    await flushPromises();
    const result = () => [view.find(".foot [role=status]").exists(), view.findAll(".input > .ok").length > 0];
    for (const [field, value] of [["endpoint", "http://127.0.0.1:9"], ["region", "eu-west-3"], ["access_key", "AKIA"], ["secret", "other"], ["bucket", "not-there"]] as const) {
      await view.find(".foot .btn").trigger("click");
      await flushPromises();
      expect(result(), field).toEqual([true, true]);
      await view.find(`#field-${field}`).setValue(value);
      await flushPromises();
      expect(result(), field).toEqual([false, false]);
    }
    // What it is called tells nothing of whether it works.
    await view.find(".foot .btn").trigger("click");
    await flushPromises();
    await view.find("#field-name").setValue("Site");
    await flushPromises();
    expect(result()).toEqual([true, true]);
  });

  it("say of a test that could not begin what is missing, and call nothing right", async () => {
    const names = ["address", "tls", "clock", "region", "key", "secret", "bucket", "permission", "style"] as const;
    answers.test_destination = () => ({ rungs: names.map((rung) => ({ rung, state: rung === "key" ? ("bad" as const) : ("todo" as const) })), code: "bad_request", message: "Region and access key must not be empty.", suggestion: null, public: null, took_ms: 0, team: false });
    await open("destinations");
    await view.findAll(".dests .btn").at(-1)!.trigger("click");
    await view.find(".foot .btn").trigger("click");
    await flushPromises();
    expect(view.find(".note.danger .strong").text()).toBe("Nothing was asked yet: the marked field comes first.");
    expect(view.find("#field-access_key-said").text()).toContain("must not be empty");
    expect(view.find(".dests .on .under").text()).toBe("Could not be tried");
  });

  it("warn of what is not saved for as long as it is not", async () => {
    const known = await answers.settings!();
    answers.save_destination = ({ draft }) => {
      const kept = JSON.parse(JSON.stringify({ ...draft.destination, id: "site" })) as typeof draft.destination;
      answers.settings = () => ({ ...known, settings: { ...known.settings, destinations: [...known.settings.destinations, kept] } });
      return kept;
    };
    await open("destinations");
    await view.findAll(".dests .btn").at(-1)!.trigger("click");
    await view.find("#field-name").setValue("Site");
    const escape = async () => {
      document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true, cancelable: true }));
      await flushPromises();
    };
    for (const over of ["Discard", "Save"]) {
      if (over === "Save") {
        await view.findAll(".dests .btn").at(-1)!.trigger("click");
        await view.find("#field-name").setValue("Site");
      }
      await escape();
      expect(view.find(".note.floating").text()).toContain("Site is not saved");
      await button(over).trigger("click");
      for (let at = 0; at < 4; at += 1) await flushPromises();
      expect(view.find(".note.floating").exists() ? view.find(".note.floating").text() : "", over).toBe("");
    }
    expect(asked.some(({ name }) => name === "close_window")).toBe(false);
    said.text = "Something went wrong.";
    await escape();
    expect([said.text, asked.some(({ name }) => name === "close_window")]).toEqual(["", false]);
    await escape();
    expect(asked.some(({ name }) => name === "close_window")).toBe(true);
  });

  it("ask before a new secret becomes other destinations' too", async () => {
    answers.check_secret = () => Promise.reject(refusal("R2 uses the same key.", "secret", "secret_shared"));
    await open("destinations");
    await view.find("#field-secret").trigger("click");
    await flushPromises();
    await view.find("#field-secret").setValue("new");
    await button("Save").trigger("click");
    await flushPromises();
    expect(asked.some(({ name }) => name === "save_destination")).toBe(false);
    expect(view.text()).toContain("R2 uses the same key.");
    await button("Change it for all").trigger("click");
    await flushPromises();
    expect(asked.some(({ name }) => name === "save_destination")).toBe(true);
  });
});

describe("keys", () => {
  const event = (key: string, code: string, held: string[] = []) => ({ key, code, ctrlKey: held.includes("ctrl"), altKey: held.includes("alt"), shiftKey: held.includes("shift"), metaKey: held.includes("meta") });

  it("are named as the settings write them, on any keyboard", () => {
    expect(pressed(event("u", "KeyU", ["ctrl", "alt"]))).toBe("Ctrl+Alt+U");
    expect(pressed(event("a", "KeyQ", ["ctrl", "alt"]))).toBe("Ctrl+Alt+A");
    expect(pressed(event("г", "KeyU", ["meta"]))).toBe("Super+U");
    expect(pressed(event("!", "Digit1", ["ctrl", "shift"]))).toBe("Ctrl+Shift+1");
    expect(pressed(event("ArrowUp", "ArrowUp", ["alt"]))).toBe("Alt+Up");
    expect(pressed(event("F9", "F9"))).toBe("F9");
    expect(pressed(event("Control", "ControlLeft", ["ctrl"]))).toBe("");
    expect(pressed(event("Unidentified", "MediaPlay"))).toBeNull();
  });

  it("are recorded where they are pressed, are free meanwhile, and keep a conflict beside them", async () => {
    await open("shortcuts");
    await view.find("#record-library").trigger("click");
    await flushPromises();
    expect(asked.filter(({ name }) => name === "record_shortcut").map(({ args }) => args)).toEqual([{ recording: true }]);
    answers.set_setting = () => Promise.reject(refusal("Ctrl+Alt+U is used already."));
    await view.find("#record-library").trigger("keydown", event("u", "KeyU", ["ctrl", "alt"]));
    await flushPromises();
    expect(view.find("#said-library").text()).toContain("is used already");
    // What was refused is answered with other keys, or given up with Escape; either way the window stays.
    const recordings = () => asked.filter(({ name }) => name === "record_shortcut").map(({ args }) => (args as { recording: boolean }).recording);
    expect([recordings(), view.find("#record-library").text()]).toEqual([[true, false, true], "Press keys…"]);
    answers.set_setting = scene(new URLSearchParams()).set_setting!;
    await view.find("#record-library").trigger("keydown", event("o", "KeyO", ["ctrl", "alt"]));
    await flushPromises();
    expect([sent().at(-1), recordings().at(-1), view.find("#said-library").exists()]).toEqual([{ key: "shortcuts.library", value: "Ctrl+Alt+O" }, false, false]);
    answers.set_setting = () => Promise.reject(refusal("A is typed everywhere."));
    await view.find("#record-library").trigger("click");
    await flushPromises();
    await view.find("#record-library").trigger("keydown", event("a", "KeyA"));
    await flushPromises();
    await view.find("#record-library").trigger("keydown", event("Escape", "Escape"));
    await flushPromises();
    expect([view.find("#said-library").exists(), recordings().at(-1), asked.some(({ name }) => name === "close_window")]).toEqual([false, false, false]);
  });

  it("are recorded once they are heard, and not at all where somebody left before", async () => {
    await open("shortcuts");
    const waiting: (() => void)[] = [];
    answers.record_shortcut = () => new Promise<void>((go) => waiting.push(go));
    const field = () => view.find("#record-library");
    await field().trigger("click");
    await flushPromises();
    expect(field().classes()).not.toContain("is-recording");
    waiting.splice(0).forEach((go) => go());
    await flushPromises();
    expect(field().classes()).toContain("is-recording");
    await field().trigger("blur");
    await field().trigger("click");
    await field().trigger("blur");
    waiting.splice(0).forEach((go) => go());
    await flushPromises();
    const recordings = asked.filter(({ name }) => name === "record_shortcut").map(({ args }) => (args as { recording: boolean }).recording);
    expect([recordings, field().classes().includes("is-recording")]).toEqual([[true, false, true, false], false]);
    waiting.splice(0).forEach((go) => go());
    answers.record_shortcut = scene(new URLSearchParams()).record_shortcut!;
  });

  it("that another program has taken, and that therefore never come, are said where they are recorded", async () => {
    await open("shortcuts");
    tell("keys-taken", "Another program has taken Ctrl+F9.");
    await flushPromises();
    expect(view.text()).not.toContain("Ctrl+F9");
    await view.find("#record-library").trigger("click");
    await flushPromises();
    tell("keys-taken", "Another program has taken Ctrl+F9.");
    await flushPromises();
    expect(view.find("#said-library").text()).toContain("has taken Ctrl+F9");
    expect(view.find("#record-library").text()).toContain("Press keys…");
    // They take the focus with them, which ends recording before it is known why.
    await view.find("#record-pause").trigger("click");
    await flushPromises();
    await view.find("#record-pause").trigger("blur");
    await flushPromises();
    tell("keys-taken", "Another program has taken Alt+F2.");
    await flushPromises();
    expect(view.find("#said-pause").text()).toContain("has taken Alt+F2");
  });

  it("are left as they were by Escape", async () => {
    await open("shortcuts");
    await view.find("#record-library").trigger("click");
    await flushPromises();
    await view.find("#record-library").trigger("keydown", event("Escape", "Escape"));
    await flushPromises();
    expect(sent()).toEqual([]);
    expect(view.text()).not.toContain("Press keys…");
  });
});

describe("a bucket at an address", () => {
  it("stands in the path where no name can be put before the host", () => {
    for (const only of ["http://127.0.0.1:9000", "http://[::1]:9000", "http://localhost:9000", "http://minio", "https://s3.localhost"]) expect(pathOnly(only), only).toBe(true);
    for (const free of ["https://s3.example.com", "https://a.b", "", "no address"]) expect(pathOnly(free), free).toBe(false);
  });
});
