import base from "./playwright.config";

/** Every page as a picture, into build/screenshots: `npm run screenshots`. */
export default { ...base, testDir: "screenshots", outputDir: "../build/e2e", workers: 1, timeout: 1_800_000 };
