// Both languages say the same things with the same values in sentences that can be understood, every key in use exists, and every key that exists is in use.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { baseCompile } from "@intlify/message-compiler";

const here = fileURLToPath(import.meta.url);
const src = join(dirname(here), "../src");
const flat = (node, path = "") => Object.entries(node).flatMap(([key, value]) => (typeof value === "string" ? [[path + key, value]] : flat(value, `${path}${key}.`)));
const read = (name) => new Map(flat(JSON.parse(readFileSync(join(src, "locales", name), "utf8"))));
const places = (text) => [...new Set(text.match(/\{[^}]*\}/g) ?? [])].sort().join(" ");

export function problems() {
  const [en, zh] = [read("en.json"), read("zh-CN.json")];
  const found = [];
  for (const [locale, sentences] of [["en", en], ["zh-CN", zh]])
    for (const [key, text] of sentences) baseCompile(text, { onError: ({ message }) => found.push(`${locale}, ${key}: ${message} in “${text}”`) });
  for (const [key, text] of en) {
    const other = zh.get(key);
    if (other === undefined) found.push(`zh-CN lacks ${key}`);
    else if (places(other) !== places(text)) found.push(`${key}: en has ${places(text) || "no values"}, zh-CN ${places(other) || "none"}`);
    else if (other.split(" | ").length !== text.split(" | ").length) found.push(`${key}: the forms for one and many differ in number`);
    if (!text.trim() || !other?.trim()) found.push(`${key} is empty`);
  }
  for (const key of zh.keys()) if (!en.has(key)) found.push(`en lacks ${key}`);

  const files = readdirSync(src, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && /\.(vue|ts)$/.test(entry.name));
  const used = new Set();
  for (const entry of files) {
    const path = join(entry.parentPath ?? entry.path, entry.name);
    if (/\/(bindings|fake)\//.test(path)) continue;
    const text = readFileSync(path, "utf8");
    const keys = [...text.matchAll(/(?:\bt|\bmany)\(\s*["']([\w.-]+)["']|keypath="([\w.-]+)"|title: "([\w.-]+)"|\bshow\("([\w.-]+)"|\? "([\w-]+\.[\w.-]+)" : "([\w-]+\.[\w.-]+)"/g)].flatMap((match) => match.slice(1).filter(Boolean));
    for (const key of keys) {
      used.add(key);
      if (!en.has(key)) found.push(`${entry.name} uses ${key}, which no locale has`);
    }
    for (const key of text.matchAll(/["']((?:bytes)\.[\w-]+)["']/g)) used.add(key[1]);
    // Keys made of a fixed beginning and a value: some key with that beginning has to exist.
    for (const [, head, tail] of text.matchAll(/\bt\(\s*`([\w.-]+)\$\{[^`]*\}([\w.-]*)`/g)) {
      const fitting = [...en.keys()].filter((key) => key.startsWith(head) && key.endsWith(tail));
      if (fitting.length === 0) found.push(`${entry.name} uses ${head}…${tail}, which no locale has`);
      for (const key of fitting) used.add(key);
    }
    // Words a person would read have no place in a template.
    const template = /<template>[\s\S]*<\/template>/.exec(text)?.[0].replace(/\{\{[\s\S]*?\}\}/g, "").replace(/<!--[\s\S]*?-->/g, "") ?? "";
    for (const [, words] of template.replace(/="[^"]*"/g, "").matchAll(/>([^<>]*[A-Za-z\u4e00-\u9fff][^<>]*)</g)) {
      if (!/^\s*(Ctrl|V)\s*$/.test(words)) found.push(`${entry.name}: the words “${words.trim()}” stand in the code`);
    }
  }
  for (const key of en.keys()) if (!used.has(key)) found.push(`${key} is used nowhere`);
  return found;
}

if (process.argv[1] === here) {
  const found = problems();
  for (const line of found) console.error(line);
  process.exitCode = found.length > 0 ? 1 : 0;
}
