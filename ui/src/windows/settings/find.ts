// Every setting by name, so that a word leads to it wherever it lies.

import { ref } from "vue";
import { i18n, t } from "@/i18n";

export interface Place {
  pane: string;
  /** The element's id on that pane. */
  at: string;
  label: string;
}

/** The setting that was asked for last; the pane it is on takes it from here. */
export const wanted = ref<{ pane: string; at: string; serial: number } | null>(null);
let serial = 0;
export const want = (pane: string, at: string) => (wanted.value = { pane, at, serial: ++serial });

/** Pane, element, key of its name, and keys of further words it can be found by; `+` is what nothing else is called. */
const ALL: [pane: string, at: string, name: string, ...more: string[]][] = [
  ["destinations", "field-name", "pane.destinations", "field.name", "dest.add"],
  ["destinations", "field-endpoint", "field.endpoint"],
  ["destinations", "field-region", "field.region"],
  ["destinations", "field-access_key", "field.access-key"],
  ["destinations", "field-secret", "field.secret", "general.secrets", "+password"],
  ["destinations", "field-bucket", "field.place"],
  ["destinations", "field-policy", "field.links", "link.presigned", "link.public", "link.life", "link.base"],
  ["destinations", "field-any_file", "field.any-file", "images.any-file"],
  ["destinations", "field-max_bytes", "field.limit"],
  ["destinations", "field-ca_file", "field.ca-file", "+certificate"],
  ["capture", "set-clipboard", "capture.clipboard", "capture.ask", "capture.automatic", "+screenshot"],
  ["capture", "set-folders", "folders.title", "folders.add"],
  ["images", "set-strip", "images.strip", "+metadata"],
  ["images", "set-convert", "images.convert", "+pictures"],
  ["images", "set-quality", "images.quality"],
  ["images", "set-max_width", "images.width", "+resize"],
  ["images", "set-max_height", "images.height", "+resize"],
  ["images", "set-squeeze", "images.squeeze", "+smaller"],
  ["images", "set-file", "field.file", "+template"],
  ["images", "set-clipboard_name", "field.clipboard", "+template"],
  ["images", "set-ask_name", "names.ask", "+rename"],
  ["links", "set-format", "links.as", "+formats"],
  ["links", "set-templates", "templates.title", "+template"],
  ["links", "set-life", "links.life", "link.life"],
  ["shortcuts", "set-shortcuts", "pane.shortcuts", "+keys"],
  ["general", "set-autostart", "general.autostart", "+autostart"],
  ["general", "language", "general.language", "+languages"],
  ["general", "set-theme", "general.theme", "theme.dark", "theme.light"],
  ["general", "notify", "general.notifications", "+quiet"],
  ["general", "proxy", "general.proxy", "proxy.address"],
  ["general", "set-secrets", "general.secrets", "secrets.keychain", "+password"],
  ["general", "set-exchange", "exchange.title", "exchange.export", "exchange.import", "+backup"],
  ["general", "set-report", "report.title", "report.copy"],
];

const MOST = 8;
const word = (key: string) => (key.startsWith("+") ? t(`find.${key.slice(1)}`) : t(key));
const plain = (text: string) => text.toLowerCase().normalize("NFKD").replace(/\p{Diacritic}/gu, "");

/** Whatever fits what was typed: names first, then further words. English words lead there in every language. */
export function find(typed: string): Place[] {
  const words = plain(typed).split(/\s+/).filter(Boolean);
  if (words.length === 0) return [];
  const english = (key: string) => (i18n.global as unknown as { t: (key: string, values: object, options: object) => string }).t(key.replace("+", "find."), {}, { locale: "en" });
  const fits = (text: string) => words.every((word) => plain(text).includes(word));
  const ranked = ALL.flatMap(([pane, at, name, ...more]) => {
    const label = t(name);
    const rank = fits(label) ? 0 : fits([label, t(`pane.${pane}`), ...more.map(word)].join(" ")) ? 1 : fits([name, ...more].map(english).join(" ")) ? 2 : 3;
    return rank < 3 ? [{ rank, place: { pane, at, label } }] : [];
  });
  return ranked.sort((a, b) => a.rank - b.rank).map(({ place }) => place).slice(0, MOST);
}

/** Brings it into sight, puts the cursor there and marks it for a moment. */
export function show(at: string): boolean {
  const element = document.getElementById(at);
  if (!element) return false;
  const box = element.closest<HTMLElement>(".setting") ?? element;
  box.scrollIntoView({ block: "center" });
  const focusable = "input:not([type=hidden]), select, button, textarea, [tabindex]";
  const target = element.matches(focusable) ? element : (element.querySelector<HTMLElement>("input:checked") ?? element.querySelector<HTMLElement>(focusable));
  target?.focus({ preventScroll: true });
  box.classList.add("found");
  setTimeout(() => box.classList.remove("found"), 2000);
  return true;
}
