// One setting that applies at once: shows what the engine holds, sends what a person chose, keeps the engine's refusal beside it, and
// can be taken back.

import { computed, ref, watch, type WritableComputedRef } from "vue";
import type { Settings } from "@/bindings/Settings";
import { call } from "@/ipc";
import { t } from "@/i18n";
import { failure, readSettings, said, settings } from "@/state/live";
import { tellChange } from "./undo";

/** Sets it and shows what the engine then holds. */
async function put(key: string, value: string): Promise<void> {
  await call("set_setting", { key, value });
  if (settings.value) await readSettings();
}

/** Sets it; a refusal becomes the window's own. */
async function putBack(key: string, value: string): Promise<void> {
  try {
    await put(key, value);
  } catch (reason) {
    said.text = failure(reason).message;
  }
}

const named = (key: string | (() => string)): string => (typeof key === "string" ? key : key());

/** `key` may depend on what is shown; `label` names the setting where a change is told. */
export function useSetting<T extends string>(key: string | (() => string), read: (settings: Settings) => T, label: () => string) {
  const error = ref<string | null>(null);
  /** Which part of it was refused, where the engine says so. */
  let field: string | null = null;
  // Shown until the engine has answered, so that a switch does not jump back under the finger.
  const sent = ref<T | null>(null);
  /** One after the other, so that what was chosen last is what holds. */
  let turn: Promise<unknown> = Promise.resolve();
  let latest = 0;
  // Each by itself: a list made anew would count as changed with every answer of the engine, and take the refusal away from under what
  // is refused.
  watch([() => settings.value?.language, () => named(key)], () => (error.value = null));

  async function send(next: T): Promise<boolean> {
    error.value = null;
    // What is shown, and not what the engine still holds: who clicks twice at once wants it as it was.
    const before = (sent.value as T | null) ?? read(settings.value!.settings);
    if (next === before) return true;
    const name = named(key);
    const mine = (latest += 1);
    sent.value = next as never;
    const done = turn.then(() => put(name, next));
    turn = done.catch(() => undefined);
    try {
      await done;
      tellChange(t("settings.changed", { what: label() }), () => putBack(name, before));
      return true;
    } catch (reason) {
      const refused = failure(reason);
      if (mine === latest) {
        field = refused.field;
        // Its name in the file says nothing to whoever stands before the field.
        error.value = refused.message.replace(name, label());
      }
      return false;
    } finally {
      if (mine === latest) sent.value = null;
    }
  }

  const value = computed({
    get: () => (sent.value as T | null) ?? read(settings.value!.settings),
    set: (next) => void send(next),
  }) as WritableComputedRef<T>;
  return { value, error, send, refused: () => field };
}

/** The same for what is on or off. */
export function useSwitch(key: string | (() => string), read: (settings: Settings) => boolean, label: () => string) {
  const { value, error } = useSetting<"true" | "false">(key, (all) => (read(all) ? "true" : "false"), label);
  const on = computed({ get: () => value.value === "true", set: (next: boolean) => (value.value = next ? "true" : "false") });
  return { on, error };
}

/** The same for text, which is sent when the field is left or Enter is pressed: half a word is no setting. */
export function useText(key: string | (() => string), read: (settings: Settings) => string, label: () => string) {
  const { error, send } = useSetting<string>(key, read, label);
  const text = ref(read(settings.value!.settings));
  // With what it is about, or the language, the refusal of what was typed goes, and so does what was typed.
  watch([() => read(settings.value!.settings), () => settings.value?.language, () => named(key)], ([now]) => (text.value = now));
  const commit = () => send(text.value.trim());
  return { text, error, commit };
}
