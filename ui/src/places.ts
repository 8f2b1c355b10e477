// A place in words: destination, bucket, folder.

import type { Destination } from "./bindings/Destination";
import type { Place } from "./bindings/Place";
import type { IconName } from "./parts/icons";
import { t } from "./i18n";

/** `docs/img` and the like, `assets / docs/img`. */
export const inside = ({ bucket, folder }: { bucket: string; folder: string }): string => [bucket, folder].filter(Boolean).join(" / ");

/** `Atelier / assets / docs/img`. */
export const whole = (place: Place): string => [place.name, place.bucket, place.folder].filter(Boolean).join(" / ");

/** What kind of place, as a drawing. */
export function drawing(destination: Pick<Destination, "kind" | "link">): IconName {
  if (destination.kind === "this-computer") return "monitor";
  if (destination.kind === "team") return "server";
  return destination.link.policy === "public" ? "globe" : "bucket";
}

/** Says which, in a word. */
export const kindWord = (destination: Pick<Destination, "kind">): string => t(`kind.${destination.kind}`);
