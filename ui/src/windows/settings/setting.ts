// One setting that applies at once: shows what the engine holds, sends what a person chose, and keeps the engine's refusal beside it.

import { computed, ref, watch, type WritableComputedRef } from "vue";
import type { Settings } from "@/bindings/Settings";
import { call } from "@/ipc";
import { failure, settings } from "@/state/live";

export function useSetting<T extends string>(key: string, read: (settings: Settings) => T) {
  const error = ref<string | null>(null);
  // Shown until the engine has answered, so that a switch does not jump back under the finger.
  const sent = ref<T | null>(null);
  watch(() => settings.value?.language, () => (error.value = null));

  async function send(next: T): Promise<boolean> {
    error.value = null;
    sent.value = next as never;
    try {
      await call("set_setting", { key, value: next });
      if (settings.value) settings.value = { ...settings.value, ...(await call("settings")) };
      return true;
    } catch (reason) {
      error.value = failure(reason).message;
      return false;
    } finally {
      sent.value = null;
    }
  }

  const value = computed({
    get: () => (sent.value as T | null) ?? read(settings.value!.settings),
    set: (next) => void send(next),
  }) as WritableComputedRef<T>;
  return { value, error, send };
}
