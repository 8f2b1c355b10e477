// Words of the windows, in the language of the settings; both languages travel along, so switching waits for nothing.

import messages from "@intlify/unplugin-vue-i18n/messages";
import type { Ref } from "vue";
import { createI18n } from "vue-i18n";

export type Language = "en" | "zh-CN";

// The keys are checked by scripts/check-locales.mjs; typing them through the library's generics costs the compiler more than it gives.
export const i18n = createI18n<false>({ legacy: false, locale: "en", fallbackLocale: false, messages: messages as never });

/** The sentence of that key, in the present language. Reactive where it is called while drawing. */
export const t = i18n.global.t as unknown as (key: string, values?: Record<string, unknown>, plural?: number) => string;
/** The same with a form for one and a form for many; `{n}` is the number. */
export const many = (key: string, n: number, values: Record<string, unknown> = {}): string => t(key, { n, ...values }, n);

export function speak(language: Language): void {
  (i18n.global.locale as unknown as Ref<Language>).value = language;
  document.documentElement.lang = language;
}

export const language = (): Language => (i18n.global.locale as unknown as Ref<Language>).value;
