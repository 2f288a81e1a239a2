import { existsSync } from "node:fs";
import { DmaStatus } from "@dmaengine/core";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { page as PageApi } from "./page.js";
import { Site } from "./site.js";

/** Where Debian's package chromium puts it. */
const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"];

const required = process.env["DMAENGINE_REQUIRE_LINUX"] === "1";
const runs = required || existsSync(CHROMIUM);
const why = runs ? "" : ` (skipped: no browser at ${CHROMIUM}; install chromium or set CHROMIUM)`;

declare const page: typeof PageApi;

describe.skipIf(!runs)(`driver-cpu in Chromium${why}`, { timeout: 600_000 }, () => {
  let site: Site;
  let browser: Browser;
  let tab: Page;
  const errors: string[] = [];

  beforeAll(async () => {
    site = await Site.open();
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
  }, 120_000);
  beforeEach(async () => {
    tab = await browser.newPage();
    tab.on("pageerror", (error) => errors.push(String(error)));
  });
  afterEach(async () => {
    await tab.close();
    expect(errors.splice(0)).toEqual([]);
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });

  describe("in a page that is cross-origin isolated", () => {
    beforeEach(async () => {
      await tab.goto(site.url("/isolated"));
      expect(await tab.evaluate(() => crossOriginIsolated)).toBe(true);
    });

    it("registers with SIMD kernels, inline and with workers", async () => {
      expect(await tab.evaluate(() => page.register({}))).toMatch(/simd$/);
      expect(await tab.evaluate(() => page.register({ workers: 2 }))).toMatch(/simd$/);
    });

    it("gives out memory that threads share", async () => {
      expect(await tab.evaluate(() => page.sharesMemory({}))).toBe(true);
      expect(await tab.evaluate(() => page.sharesMemory({ workers: 1 }))).toBe(true);
      expect(await tab.evaluate(() => page.sharesMemory({ kernels: "swar" }))).toBe(false);
    });

    it.each([{ kernels: "auto" }, { kernels: "swar" }, { workers: 2 }] as const)(
      "conforms with %j",
      async (options) => {
        const { passed, failed } = await tab.evaluate((chosen) => page.conform(chosen), options);
        expect(failed).toEqual([]);
        expect(passed).toBeGreaterThan(50);
      },
    );

    it("replaces a worker that dies, and fails what it was about to do", async () => {
      const { COMPLETE, ERROR } = DmaStatus;
      expect(await tab.evaluate(() => page.loseWorker())).toEqual({
        statuses: [COMPLETE, ERROR, COMPLETE],
        bytes: [1, 1, 3],
      });
    });
  });

  describe("in a page that is not isolated", () => {
    beforeEach(async () => {
      await tab.goto(site.url("/plain"));
      expect(await tab.evaluate(() => crossOriginIsolated)).toBe(false);
    });

    it("conforms inline", async () => {
      const { passed, failed } = await tab.evaluate(() => page.conform({}));
      expect(failed).toEqual([]);
      expect(passed).toBeGreaterThan(50);
    });

    it("gives out memory that is not shared", async () => {
      expect(await tab.evaluate(() => page.sharesMemory({}))).toBe(false);
    });

    it("refuses workers", async () => {
      expect(await tab.evaluate(() => page.register({ workers: 1 }))).toBe("ERR_DMA_CAPABILITY");
    });
  });
});
