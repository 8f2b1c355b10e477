import { h } from "vue";
import { describe, expect, it } from "vitest";
import { show } from "@/show";

const selectAll = (target: Element) => {
  const event = new KeyboardEvent("keydown", { key: "a", ctrlKey: true, bubbles: true, cancelable: true });
  target.dispatchEvent(event);
  return !event.defaultPrevented;
};

describe("a window", () => {
  it("selects the text of a field by Ctrl+A, and never its own words", async () => {
    document.body.innerHTML = '<div id="app"></div>';
    await show("title.settings", { render: () => h("div", [h("p", "words"), h("input"), h("textarea")]) });
    expect(selectAll(document.body)).toBe(false);
    expect(selectAll(document.querySelector("p")!)).toBe(false);
    expect(selectAll(document.querySelector("input")!)).toBe(true);
    expect(selectAll(document.querySelector("textarea")!)).toBe(true);
  });
});
