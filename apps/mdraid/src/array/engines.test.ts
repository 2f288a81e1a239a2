import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { test } from "../testing/workbench.js";
import { openEngines } from "./engines.js";

/** A plugin without a device, which says when it is let go. */
function plugin(name: string, exported = "export default"): string {
  return `${exported} () => ({
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

  test.for<readonly [string, string]>([
    ["a default export", "export const other = () => 1; export default"],
    ["the only exported function", "export const version = 1; export const make ="],
    ["the function with the name of the package", "export const other = () => 1; export const toy ="],
  ])("takes %s for the factory", async ([, exported], { workbench }) => {
    const folder = workbench.path("node_modules/driver-toy");
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "index.mjs"), plugin("toy", exported));
    await writeFile(join(folder, "package.json"), JSON.stringify({ main: "index.mjs" }));
    vi.spyOn(process, "cwd").mockReturnValue(workbench.folder);
    const { close } = await openEngines("driver-toy");
    await close();
    expect(removed).toEqual(["toy"]);
  });

  test("takes files, relative to the current folder or not, and lets all go in the end", async ({
    workbench,
  }) => {
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
    ["exports nothing", "", "it exports nothing"],
    ["exports several functions", "export const a = () => 1; export const b = () => 2;", "it exports a, b"],
    ["makes no driver", "export default () => ({});", "its factory did not make a driver"],
    ["fails when it is loaded", "throw new Error('no hardware');", "can't be loaded: no hardware"],
    ["is no JavaScript", "export export", "can't be loaded: "],
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
