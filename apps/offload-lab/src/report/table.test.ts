import { describe, expect, it } from "vitest";
import { htmlTable, markdownTable, type Table, textTable } from "./table.js";

const TABLE: Table = { head: ["", "a|b"], rows: [["x < y", "1,000"]] };

describe("a table", () => {
  it("is text with columns for numbers on the right", () => {
    expect(textTable(TABLE)).toContain("│ x < y │ 1,000 │");
  });

  it("is Markdown as it would be formatted", () => {
    expect(markdownTable(TABLE)).toBe("|       |  a\\|b |\n| ----- | ----: |\n| x < y | 1,000 |");
  });

  it("is HTML that shows what the cells say", () => {
    expect(htmlTable(TABLE)).toContain("<td>x &lt; y</td><td>1,000</td>");
  });
});
