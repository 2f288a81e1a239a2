import { expect, it } from "vitest";
import { DmaError } from "./errors.js";
import { DmaCheckError } from "./mapping/checker/checks.js";

it("recognises errors of another copy of the package, and nothing else", () => {
  const other = Object.assign(new Error("from another copy"), {
    [Symbol.for("@dmaengine/core.error")]: true,
  });
  expect(DmaError.isInstance(other)).toBe(true);
  expect(DmaError.isInstance(new DmaError("ERR_DMA_BUSY", "text"))).toBe(true);
  expect(DmaError.isInstance(new DmaCheckError("overlap", "text"))).toBe(true);
  for (const value of [new Error("text"), null, undefined, "ERR_DMA_BUSY"])
    expect(DmaError.isInstance(value)).toBe(false);
});

it("keeps code, text, cause and name", () => {
  const cause = new Error("first");
  const error = new DmaError("ERR_DMA_LIMIT", "too long", { cause });
  expect(error).toMatchObject({ code: "ERR_DMA_LIMIT", message: "too long", cause, name: "DmaError" });
  expect(new DmaCheckError("overlap", "text", cause)).toMatchObject({
    check: "overlap",
    code: "ERR_DMA_CHECK",
    cause,
  });
});
