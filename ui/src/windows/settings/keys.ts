// What a person pressed, as settings.toml writes it: Ctrl+Alt+U.

const NAMES: Record<string, string> = { ArrowUp: "Up", ArrowDown: "Down", ArrowLeft: "Left", ArrowRight: "Right" };
const NAMED = new Set(["Space", "Insert", "Delete", "Home", "End", "PageUp", "PageDown", "PrintScreen", "Pause", "ScrollLock", "Minus", "Equal", "Comma", "Period", "Slash", "Backslash", "Semicolon", "Quote", "Backquote", "BracketLeft", "BracketRight"]);

/** The combination, `""` while only Ctrl, Alt, Shift or Super are down, `null` for a key that can be none. */
export function pressed(event: Pick<KeyboardEvent, "key" | "code" | "ctrlKey" | "altKey" | "shiftKey" | "metaKey">): string | null {
  if (["Control", "Alt", "Shift", "Meta", "OS", "Super", "AltGraph", "Hyper"].includes(event.key)) return "";
  const key = keyOf(event);
  if (!key) return null;
  const held = [event.ctrlKey && "Ctrl", event.altKey && "Alt", event.shiftKey && "Shift", event.metaKey && "Super"].filter(Boolean);
  return [...held, key].join("+");
}

function keyOf({ key, code }: Pick<KeyboardEvent, "key" | "code">): string | null {
  // The letter on the key as this keyboard has it; where it is no Latin one, the letter that lies there on others.
  if (/^Key[A-Z]$/.test(code)) return /^[a-z]$/i.test(key) ? key.toUpperCase() : code.slice(3);
  if (/^Digit\d$/.test(code)) return code.slice(5);
  if (/^F([1-9]|1\d|2[0-4])$/.test(code)) return code;
  const named = NAMES[code] ?? code;
  return NAMED.has(named) || Object.values(NAMES).includes(named) ? named : null;
}
