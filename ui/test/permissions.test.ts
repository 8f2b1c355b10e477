// A window may ask the engine only what src-tauri/permissions grants it: whatever its page asks beyond that would fail under a person's
// finger, and in no test with a stand-in for the engine.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, expect, it } from "vitest";

// From the folder that vitest runs in.
const [src, shell] = [resolve("src"), resolve("../src-tauri")];

const granted = new Map<string, string[]>();
for (const file of readdirSync(join(shell, "permissions"))) {
  const text = readFileSync(join(shell, "permissions", file), "utf8");
  const [, name] = /identifier = "([\w-]+)"/.exec(text)!;
  const [, list] = /commands\.allow = \[([^\]]*)\]/.exec(text)!;
  granted.set(name!, [...list!.matchAll(/"(\w+)"/g)].map(([, command]) => command!));
}
const mayAsk = (window: string) =>
  readdirSync(join(shell, "capabilities"))
    .map((file) => JSON.parse(readFileSync(join(shell, "capabilities", file), "utf8")) as { windows: string[]; permissions: string[] })
    .filter(({ windows }) => windows.includes(window))
    .flatMap(({ permissions }) => permissions.flatMap((name) => granted.get(name) ?? []));

/** Every file a page is made of. */
function files(entry: string, found = new Set<string>()): Set<string> {
  if (found.has(entry)) return found;
  found.add(entry);
  for (const [, path] of readFileSync(entry, "utf8").matchAll(/(?:from|import) "((?:@|\.{1,2})\/[^"]+)"/g)) {
    const base = path!.startsWith("@") ? join(src, path!.slice(2)) : resolve(dirname(entry), path!);
    const file = [base, `${base}.ts`].find((one) => /\.(ts|vue)$/.test(one) && existsSync(one));
    if (file) files(file, found);
  }
  return found;
}
const asks = (entry: string) => {
  const texts = [...files(join(src, "windows", entry))].map((file) => readFileSync(file, "utf8"));
  return [...new Set(texts.flatMap((text) => [...text.matchAll(/\bcall(?:<[^(]*>)?\(\s*(?:\w+ \? )?["'](\w+)["'](?: : ["'](\w+)["'])?/g)].flatMap(([, one, other]) => [one!, ...(other ? [other] : [])])))];
};

describe.each([["drop-zone", "drop-zone/DropZone.vue"], ["library", "library/Library.vue"], ["settings", "settings/Settings.vue"], ["welcome", "welcome/Welcome.vue"]])("the %s", (window, entry) => {
  it("is granted whatever its page asks", () => {
    const asked = asks(entry);
    expect(asked.length).toBeGreaterThan(8);
    expect(asked.filter((command) => !mayAsk(window).includes(command))).toEqual([]);
    // What is asked by a name that is not written out.
    expect(mayAsk(window)).toEqual(expect.arrayContaining(["snapshot", "outline"]));
  });
});
