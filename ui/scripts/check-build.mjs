// Looks at what was built: small enough, nothing of the fake engine, nothing the windows' policy would refuse.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const dist = new URL("../dist/", import.meta.url).pathname;
const BUDGET = 250_000;
const fail = (what) => {
  console.error(what);
  process.exitCode = 1;
};

let size = 0;
for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())) {
  const path = join(entry.parentPath ?? entry.path, entry.name);
  const bytes = readFileSync(path);
  size += gzipSync(bytes).length;
  const text = bytes.toString("utf8");
  if (text.includes("imagepic-fake-engine")) fail(`${entry.name} holds the fake engine`);
  if (/\bnew Function\s*\(|\beval\s*\(/.test(text)) fail(`${entry.name} makes code from text, which the policy of the windows forbids`);
  if (entry.name.endsWith(".html") && /<script(?![^>]*\bsrc=)|<style|\sstyle=/.test(text)) fail(`${entry.name} holds inline code or style, which the policy of the windows forbids`);
}
if (size > BUDGET) fail(`the windows weigh ${size} bytes compressed, more than ${BUDGET}`);
console.log(`ui/dist: ${Math.round(size / 1000)} kB compressed`);
