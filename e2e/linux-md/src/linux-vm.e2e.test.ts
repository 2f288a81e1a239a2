import { expect } from "vitest";
import { describeWithLinux, test } from "./support/linux-test.js";

describeWithLinux("the Linux VM", () => {
  test("runs a script with disks and a shared directory", async ({ workbench }) => {
    await workbench.write("disk, with a comma", Buffer.alloc(4096, "x"));
    await workbench.write("from-host", Buffer.from("hello"));
    const { values } = await workbench.linux(
      [workbench.path("disk, with a comma")],
      `echo "disk=$(head -c 3 /dev/vda)"
       echo "host=$(cat /host/from-host)"
       echo "from the guest" >/host/from-guest`,
    );
    expect(values).toEqual({ disk: "xxx", host: "hello" });
    expect(`${await workbench.read("from-guest")}`).toBe("from the guest\n");
  });

  test("reports a script that fails, with its standard error", async ({ workbench }) => {
    await expect(workbench.linux([], "echo oops >&2; exit 3")).rejects.toMatchObject({
      code: "ERR_GUEST_SCRIPT",
      message: expect.stringMatching(/ended with 3\n.*\noops\n/),
    });
  });

  test("reports a kernel panic, with the console", async ({ workbench }) => {
    await expect(workbench.linux([], "echo c >/proc/sysrq-trigger")).rejects.toMatchObject({
      code: "ERR_VM_DIED",
      message: expect.stringContaining("sysrq_handle_crash"),
    });
  });

  test("ends a guest that doesn't end itself", async ({ workbench }) => {
    await expect(workbench.linux([], "sleep 3600", { timeoutSeconds: 1 })).rejects.toMatchObject({
      code: "ERR_VM_TIMEOUT",
    });
  });
});
