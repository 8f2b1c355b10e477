import type { IconName } from "./icons";

/** One line of a menu. `checked` makes it one of several choices. */
export interface MenuItem<T extends string = string> {
  id: T;
  kind?: "rule" | "head";
  label?: string;
  end?: string;
  icon?: IconName;
  /** No drawing, but in line with those that have one. */
  gap?: boolean;
  checked?: boolean;
  danger?: boolean;
}

/** Groups with rules between them; those that are empty leave none. */
export function ruled<T extends string>(groups: MenuItem<T>[][]): MenuItem<T>[] {
  return groups.filter((group) => group.length > 0).flatMap((group, at) => (at === 0 ? group : [{ id: `rule-${at}` as T, kind: "rule" as const }, ...group]));
}
