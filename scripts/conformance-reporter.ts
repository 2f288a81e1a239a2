import { relative, sep } from "node:path";
import type { Reporter, TestCase, TestModule, Vitest } from "vitest/node";
import { type Outcome, rowsOf, tableOf } from "./conformance-table.js";

/** Prints what the conformance tests have to tell, and nothing else. */
export default class ConformanceReporter implements Reporter {
  readonly #json: boolean;
  #root = "";

  constructor({ json }: { readonly json: boolean }) {
    this.#json = json;
  }

  onInit(vitest: Vitest): void {
    this.#root = vitest.config.root;
  }

  onTestRunEnd(
    modules: readonly TestModule[],
    unhandled: Parameters<NonNullable<Reporter["onTestRunEnd"]>>[1],
  ): void {
    const outcomes = modules.flatMap((module) => {
      const driver = relative(this.#root, module.moduleId).split(sep)[1] ?? "";
      return [...module.children.allTests()].map((test) => outcomeOf(driver, test));
    });
    const rows = rowsOf(outcomes);
    console.log(this.#json ? JSON.stringify(rows, null, 2) : tableOf(rows));
    // What went wrong outside of any test.
    for (const module of modules) {
      for (const { message } of module.errors()) console.error(`${module.moduleId}: ${message}`);
    }
    for (const { message } of unhandled) console.error(message);
  }
}

function outcomeOf(driver: string, test: TestCase): Outcome {
  const titles = [test.name];
  for (let above = test.parent; above.type === "suite"; above = above.parent) titles.unshift(above.name);
  const result = test.result();
  if (result.state === "passed") return { driver, titles, state: "passed", reason: "" };
  if (result.state === "failed") {
    const reason = result.errors.map(({ message }) => message).join("; ");
    return { driver, titles, state: "failed", reason };
  }
  const reason = result.state === "skipped" ? (result.note ?? "") : "";
  return { driver, titles, state: "skipped", reason };
}
