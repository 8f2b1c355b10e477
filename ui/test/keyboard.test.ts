import { flushPromises, mount, type VueWrapper } from "@vue/test-utils";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import "./sized";
import { answers, asked, tell } from "@/fake/ipc";
import { library } from "@/fake/library";
import { scene } from "@/fake/scenes";
import { i18n } from "@/i18n";
import { begin, news, said } from "@/state/live";
import * as here from "@/windows/library/buckets/here";
import { jobs } from "@/windows/library/buckets/jobs";
import Library from "@/windows/library/Library.vue";
import { go } from "@/windows/library/route";
import * as chosen from "@/windows/library/uploads/chosen";
import { gone } from "@/windows/library/uploads/doing";
import { clearFilters, filters, found, ready, rows } from "@/windows/library/uploads/shelf";
import * as shelf from "@/windows/library/uploads/shelf";

let view: VueWrapper;
const settle = async () => {
  for (let at = 0; at < 8; at += 1) await flushPromises();
};
const open = async (state = "") => {
  Object.assign(answers, scene(new URLSearchParams({ state })), library(state, false));
  tell("engine", { type: "settings" });
  view = mount(Library, { global: { plugins: [i18n] }, attachTo: document.body });
  await settle();
};
const focused = () => document.activeElement as HTMLElement;
const standsOn = () => focused().dataset["id"];
/** As a key comes: to what has the focus. */
const press = async (key: string, more: object = {}) => {
  focused().dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));
  await settle();
};
const sentTo = (name: string) => asked.filter((one) => one.name === name).map(({ args }) => args);

await Promise.all([begin(), shelf.begin()]);
beforeEach(async () => {
  go({ at: "uploads", shelf: "all" });
  clearFilters();
  chosen.only(null);
  rows.clear();
  jobs.clear();
  ready.value = false;
  found.value = { ids: new Float64Array(), taken: new Float64Array() };
  gone.value = null;
  said.text = news.value = "";
  Object.assign(here.state, { begins: "", sort: "name", down: false, list: true });
  await settle();
  asked.length = 0;
});
afterEach(() => view?.unmount());

describe("the keyboard in the uploads", () => {
  it("stands in the list as soon as the window is open: arrows move at once", async () => {
    await open();
    expect(standsOn()).toBe("100");
    await press("ArrowRight");
    expect(standsOn()).toBe("99");
  });

  it("goes to the search with the first letter, and takes neither shortcuts nor Space for one", async () => {
    await open();
    await press(" ");
    await press("c", { ctrlKey: true });
    expect(standsOn()).toBe("100");
    await press("l");
    expect(focused()).toBe(view.find(".tools input").element);
  });

  it("goes on with the neighbour of what was deleted, and back to what was taken back", async () => {
    await open();
    await press("ArrowRight");
    await press("Delete");
    expect([chosen.current.value, standsOn()]).toEqual([98, "98"]);
    focused().blur();
    await view.find(".undo").trigger("click");
    await settle();
    expect(standsOn()).toBe("99");
    // Several that lie above it go, too: it is still the one that comes next.
    await press("ArrowRight", { shiftKey: true });
    await press("ArrowRight", { shiftKey: true });
    expect(chosen.meant.value).toEqual([99, 98, 97]);
    await press("Delete");
    expect([chosen.current.value, standsOn()]).toEqual([96, "96"]);
  });

  it("closes with Escape what is nearest and never the window, as in a file manager: that is Ctrl+W's", async () => {
    await open();
    await view.find(".tools input").setValue("png");
    await settle();
    view.find<HTMLElement>(`[data-id="${found.value.ids[0]}"]`).element.focus();
    await press(" ");
    said.text = "Something went wrong.";
    await settle();
    await view.findAll("[aria-haspopup=menu]")[0]!.trigger("click");
    await settle();
    expect(view.find("[role=menu]").exists()).toBe(true);
    await press("Escape");
    expect([view.find("[role=menu]").exists(), chosen.checked.size, filters.text, said.text !== ""]).toEqual([false, 1, "png", true]);
    await press("Escape");
    expect([chosen.checked.size, filters.text]).toEqual([0, "png"]);
    await press("Escape");
    expect([filters.text, said.text !== ""]).toEqual(["", true]);
    await press("Escape");
    expect([said.text, sentTo("close_window").length]).toEqual(["", 0]);
    const stood = standsOn();
    for (let again = 0; again < 3; again += 1) await press("Escape");
    expect([sentTo("close_window").length, standsOn()]).toEqual([0, stood]);
    await press("w", { ctrlKey: true });
    expect(sentTo("close_window")).toHaveLength(1);
  });

  it("has one upload chosen after a deletion was taken back, and stands on that one", async () => {
    await open();
    await press("ArrowRight");
    await press("Delete");
    expect(standsOn()).toBe("98");
    // The focus stays in the list: nothing was clicked.
    await press("z", { ctrlKey: true });
    const looksChosen = () => view.findAll(".cell").filter((one) => one.find(".is-on, .is-current").exists()).map((one) => one.attributes("data-id"));
    expect([standsOn(), looksChosen(), view.findAll('[aria-selected="true"]').length]).toEqual(["99", ["99"], 1]);
    // Where the keyboard only goes past others, what is chosen stays what it was.
    await press(" ");
    await press("ArrowRight", { ctrlKey: true });
    expect([standsOn(), looksChosen()]).toEqual(["98", ["99"]]);
  });

  it("leaves an empty search for the list first", async () => {
    await open();
    view.find<HTMLElement>(".tools input").element.focus();
    await press("Escape");
    expect([standsOn(), sentTo("close_window").length]).toEqual(["100", 0]);
  });

  it("keeps the window open over a selection after a look into the buckets", async () => {
    await open();
    go({ at: "buckets", destination: "atelier", bucket: "assets", prefix: "docs/img/" });
    await settle();
    go({ at: "uploads", shelf: "all" });
    await settle();
    chosen.all();
    await settle();
    await press("Escape");
    expect([chosen.checked.size, sentTo("close_window").length]).toEqual([0, 0]);
  });

  it("leaves a dialog alone with Escape, and what is chosen stays chosen", async () => {
    await open();
    chosen.only(99);
    await settle();
    await press("F2");
    await settle();
    view.find("dialog").element.setAttribute("open", "");
    await press("Escape");
    expect([view.find("dialog").exists(), chosen.current.value, sentTo("close_window").length]).toEqual([true, 99, 0]);
  });
});

describe("the keyboard in a bucket", () => {
  const browse = async () => {
    await open();
    go({ at: "buckets", destination: "atelier", bucket: "assets", prefix: "docs/img/" });
    await settle();
  };

  it("goes on with the neighbour of what was deleted, types into its search, and drops a selection with Escape, never the window", async () => {
    await browse();
    const ids = here.entries.value.map(({ id }) => id);
    focused().blur();
    view.findAll<HTMLElement>(".cell").find((one) => one.attributes("data-id") === ids[1])!.element.focus();
    here.only(ids[1]!);
    await settle();
    await press("Delete");
    expect([here.current.value, standsOn()]).toEqual([ids[2], ids[2]]);
    await press(" ");
    await press("Escape");
    for (let again = 0; again < 3; again += 1) await press("Escape");
    expect([here.chosen.size, sentTo("close_window").length]).toEqual([0, 0]);
    await press("q");
    expect(focused()).toBe(view.find(".filters input").element);
  });

  it("stands on the first as soon as it is there, and chooses nothing by that: the details are the folder's", async () => {
    await open();
    focused().blur();
    go({ at: "buckets", destination: "atelier", bucket: "assets", prefix: "docs/img/" });
    await settle();
    expect(standsOn()).toBe(here.entries.value[0]!.id);
    expect([here.current.value, view.find(".details .title").text()]).toEqual([null, "img"]);
  });

  it("goes along into a folder", async () => {
    await open();
    go({ at: "buckets", destination: "atelier", bucket: "assets", prefix: "docs/" });
    focused().blur();
    await settle();
    expect(standsOn()).toBe("f:docs/img/");
    await press("Enter");
    expect(here.spot.value?.prefix).toBe("docs/img/");
    expect(standsOn()).toBe(here.entries.value[0]!.id);
  });

  it("keeps the details where they are while several are chosen, so that the list keeps its columns", async () => {
    await browse();
    const [first, second, third] = here.entries.value.filter(({ folder }) => !folder);
    const panes = () => view.findAll(".details").length;
    expect(panes()).toBe(1);
    for (const one of [first, second, third]) here.check(one!.id);
    await settle();
    expect(panes()).toBe(1);
    expect(view.find(".details").text()).toContain("3 selected");
    expect(view.find(".details").text()).toContain("3 objects");
  });
});

describe("a pause", () => {
  it("is said in the library, and ends there", async () => {
    await open("paused");
    const told = view.find(".side .paused");
    expect(told.text()).toContain("Uploads are paused");
    await told.find("button").trigger("click");
    expect(sentTo("set_paused")).toEqual([{ paused: false }]);
    answers.snapshot = scene(new URLSearchParams()).snapshot!;
    tell("engine", { type: "status" });
    await settle();
    expect(view.find(".side .paused").exists()).toBe(false);
  });
});
