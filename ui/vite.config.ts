import { fileURLToPath, URL } from "node:url";
import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vitest/config";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

// `--mode fake` swaps the one door to the engine for one that answers by itself, to draw every state in a browser.
// Nothing else imports src/fake, so the product cannot contain it; scripts/check-build.mjs looks.
export default defineConfig(({ mode }) => ({
  base: "./",
  plugins: [vue()],
  define: {
    __VUE_OPTIONS_API__: "false",
    __VUE_I18N_FULL_INSTALL__: "false",
    __VUE_I18N_LEGACY_API__: "false",
    __INTLIFY_PROD_DEVTOOLS__: "false",
  },
  resolve: {
    alias: [
      ...(mode === "fake" || mode === "test" ? [{ find: "@/ipc", replacement: at("src/fake/ipc.ts") }] : []),
      { find: "@", replacement: at("src") },
    ],
  },
  // Engines read the locales faster as data than as code.
  json: { namedExports: false, stringify: true },
  build: {
    outDir: mode === "fake" ? "dist-fake" : "dist",
    target: "safari16",
    // WebKitGTK fetches what was preloaded a second time where it is imported.
    modulePreload: false,
    assetsInlineLimit: 0,
    rolldownOptions: { input: ["welcome", "drop-zone", "library", "settings"].map((name) => at(`${name}.html`)) },
    reportCompressedSize: false,
  },
  test: { environment: "jsdom", include: ["test/**/*.test.ts"], setupFiles: ["test/setup.ts"], restoreMocks: true, testTimeout: 30_000 },
}));
