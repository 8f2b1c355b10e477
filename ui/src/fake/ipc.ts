// imagepic-fake-engine: stands in for src/ipc.ts in tests and in `npm run shots`, so that every state can be drawn without an engine.
// Chosen by vite's alias in modes "fake" and "test" alone; the product never contains it.

import type { Commands, Events, Failure } from "@/contract";
import { begins, picture, scene } from "./scenes";

type Heard = { [K in keyof Events]?: ((event: Events[K]) => void)[] };
const heard: Heard = {};
export const asked: { name: keyof Commands; args: unknown }[] = [];
/** What commands answer; a test replaces single ones. */
export const answers = scene(new URLSearchParams(globalThis.location?.search));

// As the engine makes it, of whatever a test lets the present be.
answers.outline = async () => ({ ...(await answers.snapshot!()), open: [], recent: [] });

export async function call<K extends keyof Commands>(name: K, ...args: Parameters<Commands[K]>): Promise<ReturnType<Commands[K]>> {
  asked.push({ name, args: args[0] });
  const answer = answers[name] as ((...args: unknown[]) => ReturnType<Commands[K]>) | undefined;
  return structuredClone(await answer?.(...args)) as ReturnType<Commands[K]>;
}

export async function hear<K extends keyof Events>(name: K, listener: (event: Events[K]) => void): Promise<void> {
  ((heard[name] ??= []) as ((event: Events[K]) => void)[]).push(listener);
  // The last thing a window listens for: from here on it hears everything.
  if (name === "ask-drop") setTimeout(() => begins(new URLSearchParams(location.search), tell));
}

/** Lets the engine say something. */
export function tell<K extends keyof Events>(name: K, event: Events[K]): void {
  for (const listener of heard[name] ?? []) listener(structuredClone(event));
}

/** A refusal, as commands reject with it. */
export const refusal = (message: string, field: string | null = null, code: Failure["code"] = "bad_request"): Failure => ({ code, message, field });

export const thumbnail = picture;
export const remotePicture = (_destination: string, _bucket: string, key: string): string => picture([...key].reduce((sum, letter) => sum + letter.codePointAt(0)!, 0) % 97);

Object.assign(globalThis, { fake: { tell, asked, answers } });
