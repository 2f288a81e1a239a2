import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { afterAll, expect, it } from "vitest";
import { main } from "./main.js";

const CHROMIUM = "/usr/bin/chromium";
// Where everything has to be tested, a missing browser is a failure, not a reason to look away.
const skipped = !existsSync(CHROMIUM) && process.env["DMAENGINE_REQUIRE_LINUX"] !== "1";

const folder = mkdtempSync(join(tmpdir(), "offload-lab-page-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it.skipIf(skipped)(
  `shows its charts and timelines in a browser (needs ${CHROMIUM})`,
  { timeout: 180_000 },
  async () => {
    const file = join(folder, "lab.html");
    const io = { stdout: new PassThrough().resume(), stderr: process.stderr };
    expect(await main(["--platform", "x86-ioat,iop33x", "--html", file, "--json"], io)).toBe(0);
    const browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"],
    });
    try {
      const page = await browser.newPage();
      const complaints: string[] = [];
      const requests: string[] = [];
      page.on("console", (message) => complaints.push(message.text()));
      page.on("pageerror", (error) => complaints.push(error.message));
      page.on("request", (request) => requests.push(request.url()));
      await page.goto(pathToFileURL(file).href);

      expect(await page.locator("h2").allTextContents()).toEqual(["x86-ioat", "iop33x", "What things cost"]);
      expect(await page.locator("table").count()).toBe(2);
      expect(await page.getByText("Simulated time of async_tx, divided by that of raid456").isVisible()).toBe(
        true,
      );
      const pairs = page.locator("figure.timelines");
      expect(await pairs.count()).toBe(4);
      for (const pair of await pairs.all()) {
        const [above, below] = await Promise.all(
          (await pair.locator("svg").all()).map((svg) => svg.boundingBox()),
        );
        if (above == null || below == null) throw new Error("a timeline is not shown");
        expect([below.x, below.width]).toEqual([above.x, above.width]);
        expect(below.y).toBeGreaterThanOrEqual(above.y + above.height);
        expect(await pair.getByText("CPU", { exact: true }).count()).toBeGreaterThan(0);
        expect(await pair.locator("svg path").count()).toBeGreaterThan(20);
      }
      expect(complaints).toEqual([]);
      expect(requests).toEqual([pathToFileURL(file).href]);
    } finally {
      await browser.close();
    }
  },
);
