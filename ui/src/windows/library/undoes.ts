// The keys that take back what was just deleted. In a field they take back what was typed.
export function undoes({ ctrlKey, metaKey, shiftKey, altKey, key, target }: KeyboardEvent): boolean {
  if (!(ctrlKey || metaKey) || shiftKey || altKey || key.toLowerCase() !== "z") return false;
  return !(target instanceof HTMLElement && target.closest("input, textarea"));
}
