import type { IconName } from "./icons";

/** One line of a menu. `checked` makes it one of several choices. */
export interface MenuItem<T extends string = string> {
  id: T;
  kind?: "rule" | "head";
  label?: string;
  end?: string;
  icon?: IconName;
  checked?: boolean;
  danger?: boolean;
}
