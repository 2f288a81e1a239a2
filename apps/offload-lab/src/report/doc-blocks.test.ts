import { describe, expect, it } from "vitest";
import { fillBlocks } from "./doc-blocks.js";

const PAGE = "Before\n\n<!-- a -->\n\nold\n\n<!-- end of a -->\n\nafter\n";

describe("fillBlocks", () => {
  it("replaces what is between the marks, and nothing else, however often", () => {
    const once = fillBlocks(PAGE, { a: "new" });
    expect(once).toBe("Before\n\n<!-- a -->\n\nnew\n\n<!-- end of a -->\n\nafter\n");
    expect(fillBlocks(once, { a: "new" })).toBe(once);
  });

  it("says which mark is missing", () => {
    expect(() => fillBlocks(PAGE, { b: "new" })).toThrow("expected <!-- b --> in the page");
  });
});
