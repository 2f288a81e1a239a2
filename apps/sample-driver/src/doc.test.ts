import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../../..");
const guide = readFileSync(join(root, "docs/writing-a-driver.md"), "utf8");
const shown = [...guide.matchAll(/^```(?:ts|json) (\S+)\n(.*?)^```$/gms)].map(([, file, text]) => ({
  file,
  text,
}));

test("the guide shows every file of the driver", () => {
  expect(shown.map(({ file }) => file)).toEqual([
    "src/crc32c.ts",
    "src/checksum.ts",
    "src/driver.ts",
    "src/index.ts",
    "src/driver.test.ts",
    "package.json",
  ]);
});

test.each(shown)("the guide shows $file as it is", ({ file = "", text = "" }) => {
  const original = readFileSync(join(root, "apps/sample-driver", file), "utf8");
  // The formatter breaks the lines of JSON differently within Markdown.
  if (file.endsWith(".json")) expect(JSON.parse(text)).toEqual(JSON.parse(original));
  else expect(text).toBe(original);
});
