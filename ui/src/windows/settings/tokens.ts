// What a naming template can be made of, as a menu.

import { computed, nextTick } from "vue";
import { t } from "@/i18n";

const TOKENS = ["stem", "ext", "hash:8", "random:8", "uuid", "yyyy", "MM", "dd", "HH", "mm", "ss", "counter", "user", "source", "width", "height"];
export const tokens = computed(() => TOKENS.map((id) => ({ id, label: `{${id}}`, end: t(`token.${id.split(":")[0]}`) })));

/** Puts a token where the cursor stands, and the cursor behind it. */
export async function insertInto(field: HTMLInputElement | null, token: string, put: (text: string) => void): Promise<void> {
  const text = field?.value ?? "";
  const [from, to] = [field?.selectionStart ?? text.length, field?.selectionEnd ?? text.length];
  put(`${text.slice(0, from)}{${token}}${text.slice(to)}`);
  await nextTick();
  field?.focus();
  field?.setSelectionRange(from + token.length + 2, from + token.length + 2);
}
