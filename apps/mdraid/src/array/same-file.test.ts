import { link, symlink, writeFile } from "node:fs/promises";
import { describe, expect } from "vitest";
import { test } from "../testing/workbench.js";
import { refuseSameFile } from "./same-file.js";

describe("refuseSameFile", () => {
  test("knows a file by any name", async ({ workbench }) => {
    const file = workbench.path("file");
    await writeFile(file, "");
    await link(file, workbench.path("hard"));
    await symlink(file, workbench.path("soft"));
    for (const other of [
      file,
      workbench.path("./x/../file"),
      workbench.path("hard"),
      workbench.path("soft"),
    ]) {
      await expect(refuseSameFile([workbench.path("new"), file, other])).rejects.toMatchObject({
        code: "ERR_MDRAID_USAGE",
        message: `${file} and ${other} are the same file or device`,
      });
    }
  });

  test("lets different files pass, and those that don't exist", async ({ workbench }) => {
    const paths = ["a", "b", "c"].map((name) => workbench.path(name));
    await writeFile(paths[0] as string, "");
    await writeFile(paths[1] as string, "");
    await refuseSameFile(paths);
  });
});
