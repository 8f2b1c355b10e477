import { h, type FunctionalComponent } from "vue";
import { icons, type IconName } from "./icons";

/** A drawing beside a word. It is never the only bearer of a meaning, so it is hidden from screen readers. */
export const Icon: FunctionalComponent<{ name: IconName }> = ({ name }) =>
  h("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" }, icons[name].map(([tag, attributes]) => h(tag, attributes)));
Icon.props = ["name"];
