// What the settings window is told by the stand-in: keys, diagnostics, a file of settings. Figures and places are made up.

import type { Answers } from "./scenes";
import type { SettingsView } from "@/contract";

const LABELS = {
  upload_clipboard: ["Upload clipboard", "上传剪贴板"], choose_files: ["Upload files…", "上传文件…"], drop_zone: ["Open drop zone", "打开拖放区"],
  library: ["Open library", "打开图库"], pause: ["Pause or resume", "暂停或继续"],
} as const;

export function settingsAnswers(view: SettingsView, state: string, zh: boolean): Answers {
  const keys: Record<string, string> = { upload_clipboard: "Ctrl+Alt+U", choose_files: "", drop_zone: "Super+F9", library: "", pause: "" };
  const wayland = state === "wayland" ? (zh ? "Wayland 不允许程序占用按键。在桌面自己的键盘设置里绑定旁边的命令。" : "Wayland lets no program take keys. Bind the command beside it in the desktop's own keyboard settings.") : null;
  const stem = "https://img.example/docs/img/screenshot-9f3a1c7e.png";
  const texts: Record<string, string> = {
    url: stem, markdown: `![screenshot](${stem})`, html: `<img src="${stem}" alt="screenshot" width="1280" height="720">`, bbcode: `[img]${stem}[/img]`, css: `url("${stem}")`,
    jsx: `<img src={"${stem}"} alt={"screenshot"} width={1280} height={720} />`, "custom:Wiki": `[[${stem}|screenshot]]`,
  };
  return {
    shortcuts: () => ({
      none: wayland,
      all: (Object.keys(LABELS) as (keyof typeof LABELS)[]).map((deed) => ({
        deed, label: LABELS[deed][zh ? 1 : 0], keys: keys[deed]!, command: `imagepic-desktop --do ${deed.replaceAll("_", "-")}`,
        message: state === "grabbed" && deed === "drop_zone" ? (zh ? "Super+F9 已被其他程序占用。换一个组合，或在那个程序里释放它。" : "Another program has taken Super+F9. Take other keys, or free them there.") : null,
      })),
    }),
    set_setting: ({ key, value }) => {
      const [group, name, field] = key.split(".") as [string, string, string | undefined];
      const fixed = key === "link.templates" && (JSON.parse(value) as { name: string }[]).find(({ name }) => name.toLowerCase() in texts);
      if (fixed) throw { code: "bad_request", field: "name", message: zh ? `“${fixed.name}”是始终存在的格式（${fixed.name.toLowerCase()}）的名称。给模板另取一个名称。` : `"${fixed.name}" is the name of a format that is always there (${fixed.name.toLowerCase()}). Give the template another name.` };
      if (group === "shortcuts") keys[name] = value;
      else if (key === "names.ask") view.settings.names.ask = value === "true";
      else if (key === "general.autostart") view.autostart = value === "true";
      else if (group === "destinations" && field) {
        const one = view.settings.destinations.find(({ id }) => id === name)!;
        if (field === "file_name") one.names.file = value;
        else if (field === "clipboard_name") one.names.clipboard = value;
        else (one.images as Record<string, unknown>)[field] = value === "true" ? true : value === "false" ? false : value === "" || value === "none" ? null : /^\d+$/.test(value) ? Number(value) : value;
      } else if (key === "link.templates" || key === "capture.folders") (view.settings as unknown as Record<string, Record<string, unknown>>)[group]![name] = JSON.parse(value);
      else {
        (view.settings as unknown as Record<string, Record<string, string>>)[group]![name] = value;
        if (key === "general.theme") view.theme = value as "dark";
        if (key === "general.language") view.language = value === "zh-CN" ? "zh-CN" : "en";
      }
    },
    link_preview: ({ format, template }) => {
      if (template !== null) {
        if (!template.includes("{url}")) throw { code: "bad_request", field: "text", message: zh ? "模板里缺少 {url}：没有它就没有链接。" : "{url} is missing in the template: without it there is no link." };
        return template.replaceAll("{url}", stem).replaceAll("{alt}", "screenshot");
      }
      return texts[format as string] ?? "";
    },
    diagnostics: () => ({
      findings: zh
        ? [
            { topic: "version", health: "fact", label: "版本", text: "imagepic 0.1.0" }, { topic: "session", health: "fact", label: "会话", text: "X11，XFCE" },
            { topic: "tray", health: "good", label: "托盘", text: "由 xfce4-panel 显示" }, { topic: "clipboard", health: "good", label: "剪贴板", text: "X11 (XFixes)" },
            { topic: "shortcuts", health: "warn", label: "快捷键", text: "Super+F9 已被其他程序占用。" }, { topic: "disk", health: "good", label: "磁盘", text: "剩余 211.4 GB" },
          ]
        : [
            { topic: "version", health: "fact", label: "Version", text: "imagepic 0.1.0" }, { topic: "session", health: "fact", label: "Session", text: "X11, XFCE" },
            { topic: "tray", health: "good", label: "Tray", text: "shown by xfce4-panel" }, { topic: "clipboard", health: "good", label: "Clipboard", text: "X11 (XFixes)" },
            { topic: "shortcuts", health: "warn", label: "Shortcuts", text: "Another program has taken Super+F9." }, { topic: "disk", health: "good", label: "Disk", text: "211.4 GB free" },
          ],
    }),
    export_settings: () => "~/imagepic-settings.toml",
    look_at_settings: () => ({
      id: 1, file: "imagepic-settings.toml",
      changes: [
        { key: "general.theme", destination: null, from: "system", to: "dark" }, { key: "destinations.atelier.endpoint", destination: "Atelier", from: "https://s3.atelier.example", to: "https://s3.new.example" },
        { key: "destinations.release", destination: "Release", from: null, to: "https://s3.new.example / release" },
      ],
      left_out: [{ key: "shortcuts.library", reason: zh ? "Ctrl+C 在所有程序里都有自己的用途（复制、粘贴、撤销等）。换一个组合。" : "Ctrl+C has a meaning of its own in every program (copy, paste, undo…). Take other keys." }],
      unsigned: ["Atelier", "Release"],
    }),
    import_settings: () => 3,
    watched_folders: () => (view.settings.capture.folders ?? []).map((folder) => ({ ...folder, state: "watching" as const, message: null, asking: 0 })),
    choose_folder: () => "/home/me/Screenshots",
    choose_certificates: () => "/etc/ssl/private-ca.pem",
  };
}
