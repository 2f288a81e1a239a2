import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { loadDriver } from "./load-driver.js";

const importHere = (specifier: string): Promise<Record<string, unknown>> => import(specifier);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "load-driver-"));
  vi.spyOn(process, "cwd").mockReturnValue(folder);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true });
});

/** The source of a plugin. */
function plugin(name: string, exported = "export default"): string {
  return `${exported} () => ({ name: "${name}", contract: 1, probe: () => [] });\n`;
}

describe("loadDriver", () => {
  it.each([
    ["a default export", "export const other = () => 1; export default"],
    ["the only exported function", "export const version = 1; export const make ="],
    ["the function with the name of the package", "export const other = () => 1; export const toy ="],
  ])("takes %s for the factory", async (_, exported) => {
    const home = join(folder, "node_modules/driver-toy");
    await mkdir(home, { recursive: true });
    await writeFile(join(home, "index.mjs"), plugin("toy", exported));
    await writeFile(join(home, "package.json"), JSON.stringify({ main: "index.mjs" }));
    expect(await loadDriver("driver-toy", importHere)).toMatchObject({ name: "toy" });
  });

  it("waits for a factory that takes its time", async () => {
    await writeFile(
      join(folder, "slow.mjs"),
      plugin("slow").replace("export default ()", "export default async ()"),
    );
    expect(await loadDriver("./slow.mjs", importHere)).toMatchObject({ name: "slow" });
  });

  it("takes files, relative to the current folder or not", async () => {
    await writeFile(join(folder, "one.mjs"), plugin("one"));
    expect(await loadDriver("./one.mjs", importHere)).toMatchObject({ name: "one" });
    expect(await loadDriver(join(folder, "one.mjs"), importHere)).toMatchObject({ name: "one" });
  });

  it("takes a single word for a driver of this project", async () => {
    const asked: string[] = [];
    const driver = { name: "ioat", contract: 1, probe: () => [] };
    const loaded = await loadDriver("ioat", async (specifier) => {
      asked.push(specifier);
      return { ioat: () => driver };
    });
    expect([loaded, asked]).toEqual([driver, ["@dmaengine/driver-ioat"]]);
  });

  it("says how to get a package that is missing", async () => {
    await expect(loadDriver("no-such-driver", importHere)).rejects.toMatchObject({
      code: "ERR_DMA_PLUGIN",
      message: expect.stringMatching(/"no-such-driver" can't be loaded: .*npm install no-such-driver$/s),
    });
  });

  it.each([
    ["exports nothing", "", "it exports nothing"],
    ["exports several functions", "export const a = () => 1; export const b = () => 2;", "it exports a, b"],
    ["makes no driver", "export default () => ({});", "its factory did not make a driver"],
    ["fails when it is loaded", "throw new Error('no hardware');", "can't be loaded: no hardware"],
    ["is no JavaScript", "export export", "can't be loaded: "],
  ])("refuses a plugin that %s", async (_, source, message) => {
    await writeFile(join(folder, "bad.mjs"), source);
    await expect(loadDriver("./bad.mjs", importHere)).rejects.toMatchObject({
      code: "ERR_DMA_PLUGIN",
      message: expect.stringContaining(message),
    });
  });
});
