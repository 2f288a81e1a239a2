import { test as base, describe } from "vitest";
import { LinuxVm } from "../../vm/linux-vm.js";
import { Workbench } from "./workbench.js";

const missing = await LinuxVm.missing();
const required = process.env["DMAENGINE_REQUIRE_LINUX"] === "1";

/** A describe whose tests are skipped where Linux can't be run, unless DMAENGINE_REQUIRE_LINUX=1 lets them fail. */
export function describeWithLinux(title: string, tests: () => void): void {
  // Emulated boots, several in a test and perhaps two tests at a time.
  const options = { timeout: 600_000 };
  if (missing.length === 0 || required) {
    describe(title, options, tests);
  } else {
    describe.skip(
      `${title} (needs Debian packages that are missing here: ${missing.join(", ")})`,
      options,
      tests,
    );
  }
}

export const test = base
  // Fails, and each test with it, where Linux can't be run.
  .extend("vm", { scope: "file" }, () => LinuxVm.build())
  .extend("workbench", async ({ vm }, { onCleanup }) => {
    const workbench = await Workbench.make(vm);
    onCleanup(() => workbench.remove());
    return workbench;
  });
