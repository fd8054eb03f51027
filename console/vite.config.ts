import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const api = process.env.ROUNDS_API ?? "http://127.0.0.1:8000";
const prefixes = ["/user", "/catalog", "/api-data", "/scheduler", "/runs", "/notifications", "/docs", "/openapi.json"];

export default defineConfig({
  base: "/console/",
  plugins: [react()],
  resolve: { alias: { "~": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    target: "es2022",
    sourcemap: false,
    manifest: true,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1500,
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            {
              name: "base",
              test: /node_modules\/(react|react-dom|scheduler|react-i18next|i18next|@tanstack|lossless-json|dayjs)\//,
              priority: 2,
            },
            {
              name: "widgets",
              test: /node_modules\/(antd|@rc-component|@ant-design)\//,
              minShareCount: 18,
              priority: 1,
            },
          ],
        },
      },
    },
  },
  server: { proxy: Object.fromEntries(prefixes.map((prefix) => [prefix, { target: api }])) },
  test: { include: ["src/**/*.test.ts"], isolate: false },
});
