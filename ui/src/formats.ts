// What links are copied as: the fixed formats and one's own templates.

import { computed } from "vue";
import type { Format } from "./bindings/Format";
import { t } from "./i18n";
import { snapshot } from "./state/live";

/** All there are, in the order of the menus. */
export const formats = computed<Format[]>(() => snapshot.value?.formats ?? []);

/** What people call it. */
export const formatName = (of: Format): string => (of.startsWith("custom:") ? of.slice("custom:".length) : t(`format.${of as "url"}`));
