// Light or dark, always said on <html>, after the system's choice or the person's.

import type { Theme } from "./bindings/Theme";

const dark = typeof matchMedia === "function" ? matchMedia("(prefers-color-scheme: dark)") : undefined;
let chosen: Theme = "system";

function apply() {
  document.documentElement.dataset.theme = chosen === "system" ? (dark?.matches ? "dark" : "light") : chosen;
}

export function dress(theme: Theme): void {
  chosen = theme;
  apply();
}

dark?.addEventListener("change", apply);
