import { fileURLToPath, URL } from "node:url";
import VueI18n from "@intlify/unplugin-vue-i18n/vite";
import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vitest/config";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

// `--mode fake` swaps the one door to the engine for one that answers by itself, to draw every state in a browser.
// Nothing else imports src/fake, so the product cannot contain it; scripts/check-build.mjs looks.
export default defineConfig(({ mode }) => ({
  base: "./",
  plugins: [
    vue(),
    // Messages are compiled here: the window's policy forbids making code from text at run time.
    VueI18n({ include: at("src/locales/*.json"), runtimeOnly: true, compositionOnly: true, fullInstall: false, strictMessage: true }),
  ],
  define: { __VUE_OPTIONS_API__: "false" },
  resolve: {
    alias: [
      ...(mode === "fake" || mode === "test" ? [{ find: "@/ipc", replacement: at("src/fake/ipc.ts") }] : []),
      { find: "@", replacement: at("src") },
    ],
  },
  build: {
    outDir: mode === "fake" ? "dist-fake" : "dist",
    target: "safari16",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rolldownOptions: { input: ["welcome", "drop-zone", "library", "settings"].map((name) => at(`${name}.html`)) },
    reportCompressedSize: false,
  },
  test: { environment: "jsdom", include: ["test/**/*.test.ts"], setupFiles: ["test/setup.ts"], restoreMocks: true, testTimeout: 30_000 },
}));
