import { join } from "node:path";
import { DmaEngine } from "@dmaengine/core";
import ts from "typescript";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { AsyncTx, AsyncTx2007, DmaClients } from "./index.js";

describe("the warning", () => {
  const WARNED = Symbol.for("@dmaengine/async-tx.warned");
  const host = globalThis as { [WARNED]?: true };
  beforeEach(() => {
    delete host[WARNED];
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });

  it("comes once in a process, with a code, whatever is made first", () => {
    const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const engine = new DmaEngine();
    new AsyncTx2007(engine);
    new AsyncTx(engine);
    new DmaClients(engine);
    expect(warn).toHaveBeenCalledExactlyOnceWith(
      expect.stringContaining("@dmaengine/async-tx is deprecated"),
      { type: "DeprecationWarning", code: "DMAENGINE_DEP_ASYNC_TX" },
    );
    expect(warn.mock.calls[0]?.[0]).toContain("docs/migrating-from-async-tx.md");
  });

  it("goes to the console where there is no process", () => {
    vi.stubGlobal("process", undefined);
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    new AsyncTx(new DmaEngine());
    new AsyncTx(new DmaEngine());
    expect(warn).toHaveBeenCalledExactlyOnceWith(
      expect.stringMatching(/^\[DMAENGINE_DEP_ASYNC_TX\] DeprecationWarning: /),
    );
  });

  it("does not come when the package is only imported", async () => {
    vi.resetModules();
    const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    await import("./index.js");
    expect(warn).not.toHaveBeenCalled();
  });
});

it("every export and every call is @deprecated, and says what to use", () => {
  const index = join(import.meta.dirname, "index.ts");
  const program = ts.createProgram([index], {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    noLib: true,
    types: [],
  });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(index);
  const module = source && checker.getSymbolAtLocation(source);
  if (module === undefined) throw new Error("expected a module");
  const replacementOf = (symbol: ts.Symbol): string | undefined => {
    const tag = symbol.getJsDocTags(checker).find(({ name }) => name === "deprecated");
    return tag && ts.displayPartsToString(tag.text);
  };
  const lacking: string[] = [];
  let calls = 0;
  for (const exported of checker.getExportsOfModule(module)) {
    const symbol =
      (exported.flags & ts.SymbolFlags.Alias) === 0 ? exported : checker.getAliasedSymbol(exported);
    if (!replacementOf(symbol)) lacking.push(exported.name);
    for (const member of symbol.members?.values() ?? []) {
      if (!/^(async|dma|init)[A-Z]/.test(member.name)) continue;
      calls += 1;
      if (!replacementOf(member)) lacking.push(`${exported.name}.${member.name}`);
    }
  }
  expect(lacking).toEqual([]);
  expect(calls).toBeGreaterThan(20);
});
