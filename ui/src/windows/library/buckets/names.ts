// Keys and prefixes as people read them. What lies in a bucket may be called anything.

/** The place something lies in: `docs/` for `docs/a.png` and for `docs/img/`. */
export const parent = (key: string): string => key.slice(0, key.lastIndexOf("/", key.endsWith("/") ? key.length - 2 : key.length) + 1);

/** What it is called there. */
export const last = (key: string): string => (key.endsWith("/") ? key.slice(0, -1) : key).slice(parent(key).length);

/** Without the slash at its end: a folder as destinations hold it. */
export const bare = (prefix: string): string => prefix.replace(/\/$/, "");

/** The same letters, but none that is invisible, breaks a line or turns the direction of what stands beside it. */
export const shown = (name: string): string =>
  name
    .replace(/[\u0000-\u001f]/g, (letter) => String.fromCharCode(0x2400 + letter.charCodeAt(0)))
    .replace(/\u007f/g, "\u2421")
    .replace(/[\u0080-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, "\u2426")
    // A name of nothing but blanks is there all the same.
    .replace(/^\s+$/, (blanks) => "\u2423".repeat(blanks.length));

const PICTURES = new Set(["png", "apng", "jpg", "jpeg", "jfif", "gif", "webp", "bmp", "ico", "tif", "tiff", "qoi"]);
/** Larger ones are not fetched for a picture of a few pixels. */
const LARGEST = 24 * 1024 * 1024;
/** Drawings are shown as they are, larger ones not at all. */
const DRAWING = 256_000;
export function hasPicture(key: string, size: number): boolean {
  const end = /\.([^./]+)$/.exec(key)?.[1]?.toLowerCase() ?? "";
  return size > 0 && (end === "svg" ? size <= DRAWING : size <= LARGEST && PICTURES.has(end));
}
