import { writeFile } from "node:fs/promises";
import { afterEach, describe, expect, it, vi } from "vitest";
import { test } from "../testing/workbench.js";
import { openEngines } from "./engines.js";

/** A plugin without a device, which says when it is let go. */
function plugin(name: string): string {
  return `export default () => ({
    name: "${name}", contract: 1, probe: () => [], remove() { globalThis.removed.push("${name}") },
  });\n`;
}

const removed: string[] = [];
Object.assign(globalThis, { removed });

afterEach(() => {
  removed.length = 0;
  vi.restoreAllMocks();
});

describe("openEngines", () => {
  it("knows the engines that come along by short names, in the order given", async () => {
    const { engine, close } = await openEngines("ioat, cpu");
    expect(engine?.devices.map(({ name }) => name)).toEqual(["ioat0", "cpu"]);
    await close();
    expect(engine?.devices).toEqual([]);
  });

  it("knows none", async () => {
    const { engine, close } = await openEngines("none");
    expect(engine).toBeNull();
    await close();
  });

  test("takes files, and lets all go in the end, the last first", async ({ workbench }) => {
    await writeFile(workbench.path("one.mjs"), plugin("one"));
    await writeFile(workbench.path("two.mjs"), plugin("two"));
    vi.spyOn(process, "cwd").mockReturnValue(workbench.folder);
    const { close } = await openEngines(`./one.mjs,${workbench.path("two.mjs")}`);
    await close();
    expect(removed).toEqual(["two", "one"]);
  });

  it("says how to get a package that is missing", async () => {
    await expect(openEngines("no-such-engine")).rejects.toMatchObject({
      code: "ERR_MDRAID_ENGINE",
      message: expect.stringMatching(/"no-such-engine" can't be loaded: .*npm install no-such-engine$/s),
    });
  });

  test.for<readonly [string, string, string]>([
    ["makes no driver", "export default () => ({});", "its factory did not make a driver"],
    ["is for another contract", plugin("toy").replace("contract: 1", "contract: 99"), "version 99"],
  ])(
    "refuses a plugin that %s, and lets go of those before it",
    async ([, source, message], { workbench }) => {
      await writeFile(workbench.path("good.mjs"), plugin("good"));
      await writeFile(workbench.path("bad.mjs"), source);
      const names = `${workbench.path("good.mjs")},${workbench.path("bad.mjs")}`;
      await expect(openEngines(names)).rejects.toMatchObject({
        code: "ERR_MDRAID_ENGINE",
        message: expect.stringContaining(message),
      });
      expect(removed).toEqual(["good"]);
    },
  );
});
