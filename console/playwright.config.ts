import { existsSync } from "node:fs";
import { defineConfig } from "@playwright/test";

const browsers = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

export default defineConfig({
  testDir: "e2e",
  outputDir: "../build/e2e",
  globalSetup: "./e2e/server.ts",
  workers: 2,
  fullyParallel: true,
  timeout: 120_000,
  // What passes only at its second try is listed as flaky.
  retries: 1,
  forbidOnly: true,
  expect: { timeout: 15_000 },
  reporter: [["list"]],
  use: {
    viewport: { width: 1366, height: 768 },
    locale: "zh-CN",
    timezoneId: "Asia/Shanghai",
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? browsers.find(existsSync),
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--host-resolver-rules=MAP lan.test 127.0.0.1",
      ],
    },
  },
});
