// Words of the windows, in the language of the settings; both languages travel along, so switching waits for nothing.

import type { Ref } from "vue";
import { createI18n } from "vue-i18n";
import en from "./locales/en.json";
import zhCN from "./locales/zh-CN.json";

export type Language = "en" | "zh-CN";

// As text: each sentence is understood when it is first said. All of them understood beforehand are four times as large, and each window
// would make all of that at its start.
// The keys are checked by scripts/check-locales.mjs; typing them through the library's generics costs the compiler more than it gives.
export const i18n = createI18n<false>({ legacy: false, locale: "en", fallbackLocale: false, messages: { en, "zh-CN": zhCN } as never });

type Say = (...of: [key: string, values?: Record<string, unknown>, plural?: number]) => string;
const say = i18n.global.t as unknown as Say;
/** Sentences without values, by language: most of a window's words, and the library's way to each is long. */
const said: Record<Language, Map<string, string>> = { en: new Map(), "zh-CN": new Map() };

/** The sentence of that key, in the present language. Reactive where it is called while drawing. */
export const t: Say = (...of) => {
  if (of.length > 1) return say(...of);
  const [known, key] = [said[language()], of[0]];
  const sentence = known.get(key) ?? say(key);
  known.set(key, sentence);
  return sentence;
};
/** The same with a form for one and a form for many; `{n}` is the number. */
export const many = (key: string, n: number, values: Record<string, unknown> = {}): string => t(key, { n, ...values }, n);

export function speak(language: Language): void {
  (i18n.global.locale as unknown as Ref<Language>).value = language;
  document.documentElement.lang = language;
}

export const language = (): Language => (i18n.global.locale as unknown as Ref<Language>).value;
