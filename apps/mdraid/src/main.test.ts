import { describe, expect } from "vitest";
import { test } from "./testing/workbench.js";

describe("mdraid", () => {
  test.for(["create", "examine", "detail", "read", "write", "add", "check", "repair"])(
    "explains %s",
    async (command, { workbench }) => {
      const { stdout } = await workbench.succeed([command, "--help"]);
      expect(`${stdout}`).toMatch(new RegExp(`^Usage: mdraid ${command} `));
    },
  );

  test("explains itself and tells its version", async ({ workbench }) => {
    expect((await workbench.succeed(["--help"])).stdout.toString()).toContain("Exit status: 0 fine; 1");
    expect((await workbench.succeed(["--version"])).stdout.toString()).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  describe("ends with 2 for words that make no sense:", () => {
    test.for([
      ["no command", [], "Usage: mdraid"],
      ["an unknown command", ["exmaine", "x"], "unknown command 'exmaine'"],
      ["no members", ["detail"], "missing required argument 'members'"],
      ["an unknown option", ["read", "x", "--ofset", "1"], "unknown option '--ofset'"],
      ["a size that is none", ["read", "x", "--offset", "12Q"], "expected a number of bytes"],
      ["a level that is none", ["create", "-l", "7", "-n", "3", "x"], "expected 4, 5 or 6"],
      ["a number that is none", ["create", "-l", "5", "-n", "three", "x"], "expected a number"],
      ["no level", ["create", "-n", "3", "x"], "required option '-l, --level <level>' not specified"],
      [
        "metadata that is not made",
        ["create", "-l", "5", "-n", "3", "-e", "0.90", "x"],
        "Allowed choices are 1.2",
      ],
      ["no members to add to", ["add", "x"], "required option '--to <members...>' not specified"],
    ] as const)("%s", async ([, words, message], { workbench }) => {
      const { status, stderr, stdout } = await workbench.run(words);
      expect([status, stdout.length]).toEqual([2, 0]);
      expect(stderr).toContain(message);
    });
  });
});
