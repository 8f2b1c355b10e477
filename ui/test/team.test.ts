import { flushPromises, mount, type VueWrapper } from "@vue/test-utils";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { answers, asked, refusal, tell } from "@/fake/ipc";
import { scene } from "@/fake/scenes";
import { i18n } from "@/i18n";
import { begin } from "@/state/live";
import { drafts } from "@/windows/settings/drafts";
import Settings from "@/windows/settings/Settings.vue";

let view: VueWrapper;
const open = async (state: string) => {
  Object.assign(answers, scene(new URLSearchParams({ state })));
  tell("engine", { type: "settings" });
  await flushPromises();
  asked.length = 0;
  view = mount(Settings, { global: { plugins: [i18n] }, attachTo: document.body });
  await flushPromises();
};
const button = (text: string) => view.findAll("button").find((one) => one.text() === text)!;
const field = (id: string) => view.find<HTMLInputElement>(`#field-${id}`);
const sentTo = (name: string) => asked.filter((one) => one.name === name).map(({ args }) => args);

await begin();
beforeEach(() => drafts.clear());
afterEach(() => view?.unmount());

describe("a team server", () => {
  it("says at the password what the server says, and keeps nothing that was typed", async () => {
    await open("team-out");
    await field("password").setValue("hunter22");
    await button("Sign in").trigger("click");
    await flushPromises();
    expect(sentTo("sign_in")).toMatchObject([{ address: { phone: "13800138000" }, password: "hunter22", keep: false }]);
    expect(view.find("#field-password-said").text()).toContain("do not belong together");
    expect(field("password").element.value).toBe("");
    expect(document.activeElement?.id).toBe("field-password");
  });

  it("says no longer that nobody is signed in once somebody is", async () => {
    await open("team-out");
    answers.test_destination = () => ({ rungs: [{ rung: "address", state: "ok" }, { rung: "key", state: "bad" }], code: "sign_in_needed", message: "Nobody is signed in.", suggestion: null, public: null, took_ms: 3, team: true });
    answers.sign_in = () => undefined as never;
    await view.find(".foot .btn").trigger("click");
    await flushPromises();
    expect(view.find(".note.danger").text()).toContain("Nobody is signed in");
    await field("password").setValue("hunter22");
    await button("Sign in").trigger("click");
    await flushPromises();
    expect(view.find(".note.danger").exists()).toBe(false);
  });

  it("asks a person before anything goes unencrypted, and forgets that word with the address", async () => {
    await open("team-out");
    await view.find(".dests > .btn").trigger("click");
    await view.findAll(".seg label").find((one) => one.text() === "Team server")!.find("input").setValue(true);
    await field("server").setValue("http://images.example.com");
    await button("Look").trigger("click");
    await flushPromises();
    expect(view.find("#field-server-said").text()).toContain("without encryption");
    expect(view.find("#field-password").exists()).toBe(false);
    await button("Use it unencrypted").trigger("click");
    await flushPromises();
    expect(sentTo("probe_team").at(-1)).toMatchObject({ address: { allow_plain_http: true } });
    expect(view.find("#field-password").exists()).toBe(true);
    await field("server").setValue("http://elsewhere.example.com");
    await button("Look").trigger("click");
    await flushPromises();
    expect(sentTo("probe_team").at(-1)).toMatchObject({ address: { allow_plain_http: false } });
  });

  it("follows when the server accepts a sign-in no more", async () => {
    await open("team");
    expect(view.text()).toContain("Signed in");
    Object.assign(answers, scene(new URLSearchParams({ state: "team-ended" })));
    tell("engine", { type: "settings" });
    await flushPromises();
    expect(view.find(".account .note").text()).toContain("does not accept the sign-in");
    expect(view.find(".dest.on").text()).toContain("Nobody is signed in");
  });

  it("sends no new password that was mistyped the second time", async () => {
    await open("team");
    await button("Change password…").trigger("click");
    await field("password").setValue("hunter22");
    await field("new_password").setValue("hunter33");
    await field("again").setValue("hunter34");
    await button("Change password").trigger("click");
    expect(view.find("#field-again-said").text()).toContain("differ");
    expect(sentTo("change_password")).toEqual([]);
    await field("again").setValue("hunter33");
    answers.change_password = () => { throw refusal("8 to 64 characters.", "new_password"); };
    await button("Change password").trigger("click");
    await flushPromises();
    expect(view.find("#field-new_password-said").text()).toContain("8 to 64");
    expect(field("password").element.value).toBe("");
  });

  it("lists buckets and folders to choose from", async () => {
    await open("team");
    await view.find("#field-folder + button").trigger("click");
    await flushPromises();
    expect(sentTo("list_folders")).toMatchObject([{ prefix: "docs/" }]);
    expect(view.findAll("#field-folder ~ ul [role=option]").map((one) => one.text())).toContain("docs/img");
  });
});
