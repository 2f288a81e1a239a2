import { open } from "node:fs/promises";
import { PassThrough, Readable } from "node:stream";
import { describe, expect } from "vitest";
import { randomBytes, test, type Workbench } from "../testing/workbench.js";
import { type DemoOptions, runDemo } from "./demo.js";
import { nodeAndSources } from "./file-tree.js";

const LENGTH = 3_000_001;

function options(workbench: Workbench): DemoOptions {
  const tree = {
    files: 2,
    lengthBytes: LENGTH,
    async *content() {
      yield randomBytes(LENGTH, 1).subarray(0, 1_000_000);
      yield randomBytes(LENGTH, 1).subarray(1_000_000);
    },
  };
  return { folder: workbench.folder, tree, engine: "ioat,cpu", memberBytes: 4 * 1024 * 1024 };
}

/** Runs the demo with `meanwhile` called for each piece of its output. */
async function demo(
  workbench: Workbench,
  meanwhile: (text: string) => Promise<void> = async () => {},
): Promise<string> {
  const texts: string[] = [];
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const pending: Promise<void>[] = [];
  stdout.on("data", (text) => {
    texts.push(String(text));
    pending.push(meanwhile(String(text)));
  });
  const { signal } = new AbortController();
  await runDemo({ stdin: Readable.from([]), stdout, stderr, signal }, options(workbench));
  await Promise.all(pending);
  return texts.join("");
}

describe("the demo", () => {
  test("runs through all steps, with parity made by the simulated I/OAT", async ({ workbench }) => {
    const output = await demo(workbench);
    expect(output.match(/^\d\. .*/gm)).toHaveLength(8);
    expect(output.match(/SHA-256 [0-9a-f]{64}: the same/g)).toHaveLength(2);
    expect(output).toContain("no mismatches");
    expect(output).toMatch(/ioat0 +dma0chan0 +\w+ +[1-9]/);
    expect(output).toContain("Scenario 1 for RAID-6 over 6 members: ioat0");
  });

  test("notices when what it reads back is not what it stored", async ({ workbench }) => {
    const damage = async (text: string): Promise<void> => {
      if (!text.includes("Lose the members")) return;
      const file = await open(workbench.path("member0.img"), "r+");
      await file.write(randomBytes(100_000, 2), 0, 100_000, 1024 * 1024);
      await file.close();
    };
    await expect(demo(workbench, damage)).rejects.toMatchObject({
      code: "ERR_MDRAID_DEMO",
      message: expect.stringContaining("is not that of what was stored"),
    });
  });

  test("notices when parity does not fit", async ({ workbench }) => {
    const damage = async (text: string): Promise<void> => {
      if (!text.includes("Check: compare")) return;
      const file = await open(workbench.path("member5.img"), "r+");
      await file.write(randomBytes(100_000, 2), 0, 100_000, 3 * 1024 * 1024);
      await file.close();
    };
    await expect(demo(workbench, damage)).rejects.toMatchObject({
      code: "ERR_MDRAID_DEMO",
      message: expect.stringContaining("parity does not match the data"),
    });
  });
});

describe("nodeAndSources", () => {
  test("is a stream of as many bytes as it says", async () => {
    const tree = await nodeAndSources();
    let length = 0;
    for await (const chunk of tree.content()) length += chunk.length;
    expect(length).toBe(tree.lengthBytes);
    expect(tree.files).toBeGreaterThan(100);
  });
});
