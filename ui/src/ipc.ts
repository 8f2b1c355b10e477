// The one door between the windows and the engine, and the only file that imports @tauri-apps/*.
// ts-rs makes the types but no signatures of commands; they stand here, once.

import { convertFileSrc, invoke } from "@tauri-apps/api/core";
import { listen } from "@tauri-apps/api/event";
import type { Commands, Events } from "./contract";

/** Asks the engine. Rejects with a Failure, whose message is in the person's language already. */
export function call<K extends keyof Commands>(name: K, ...args: Parameters<Commands[K]>): Promise<ReturnType<Commands[K]>> {
  return invoke(name, args[0] ?? {});
}

/** Hears what the engine says, for as long as the window lives. */
export async function hear<K extends keyof Events>(name: K, heard: (event: Events[K]) => void): Promise<void> {
  await listen<Events[K]>(name, ({ payload }) => heard(payload));
}

/** Address of an upload's small picture. */
export const thumbnail = (id: number): string => convertFileSrc(String(id), "imagepic-thumb");

/** Address of a small picture of an object at a store; `version` tells one content from the next. */
export const remotePicture = (destination: string, bucket: string, key: string, version: string): string =>
  convertFileSrc(`remote/${[destination, bucket, key, version].map(encodeURIComponent).join("/")}`, "imagepic-thumb");
