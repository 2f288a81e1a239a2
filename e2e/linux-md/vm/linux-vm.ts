import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { LinuxVmError } from "./linux-vm-error.js";
import { findIngredients, type Ingredients } from "./requirements.js";

const execFileAsync = promisify(execFile);

const buildScript = join(import.meta.dirname, "build.sh");
const initScript = join(import.meta.dirname, "init");
const cacheDirectory = join(import.meta.dirname, "../node_modules/.cache/linux-vm");

export interface RunOptions {
  /** Raw images on the host, which the guest sees as /dev/vda, /dev/vdb, … in this order. */
  readonly disks: readonly string[];
  /** A directory on the host, which the guest sees as /host. Its entry `.guest` is the VM's own. */
  readonly sharedDirectory: string;
  /** Seconds from power-on to power-off. Default 120; a boot and power-off take 5 to 10. */
  readonly timeoutSeconds?: number;
}

export interface RunResult {
  /** What the script wrote to its standard output. */
  readonly stdout: string;
  /** The kernel's messages. */
  readonly console: string;
}

/**
 * A Linux kernel with md and mdadm in QEMU.
 *
 * Every {@link run} boots the same kernel and initramfs afresh: nothing outlives it but what is on the disks and in
 * the shared directory.
 */
export class LinuxVm {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** The Debian packages that this machine lacks for building and running the guest; empty when it has all. */
  static async missing(): Promise<string[]> {
    const found = await findIngredients();
    return "missing" in found ? found.missing : [];
  }

  /**
   * Builds the guest, or takes it from the cache if one was built from the same kernel package, scripts and programs.
   * @throws LinuxVmError `ERR_VM_MISSING` when the machine lacks something, `ERR_VM_BUILD` when building fails.
   */
  static async build(): Promise<LinuxVm> {
    const found = await findIngredients();
    if ("missing" in found) {
      throw new LinuxVmError(
        "ERR_VM_MISSING",
        `the Linux VM needs Debian packages that this machine lacks: ${found.missing.join(" ")}. ` +
          "Run apt-get update, and apt-get install for all but the kernel",
      );
    }
    const directory = join(cacheDirectory, await cacheKey(found));
    try {
      // Returns at once when the directory is complete. Two builds of the same directory wait for each other.
      await execFileAsync("bash", [buildScript, directory, found.kernelPackage, ...found.programs]);
    } catch (cause) {
      throw new LinuxVmError("ERR_VM_BUILD", `the Linux VM can't be built: ${(cause as Error).message}`, {
        cause,
      });
    }
    return new LinuxVm(directory);
  }

  /**
   * Boots the guest, runs `script` there as root with busybox's sh in /host, and powers the guest off.
   * @throws LinuxVmError `ERR_GUEST_SCRIPT` when the script's exit status isn't 0, `ERR_VM_TIMEOUT` when time is up,
   * `ERR_VM_DIED` when the guest or QEMU ended before the script did. The message holds the end of the script's
   * standard error and of the console.
   */
  async run(
    script: string,
    { disks, sharedDirectory, timeoutSeconds = 120 }: RunOptions,
  ): Promise<RunResult> {
    // /host/.guest in the guest, where `init` takes the script from and leaves what came of it.
    const exchange = join(sharedDirectory, ".guest");
    await rm(exchange, { recursive: true, force: true });
    await mkdir(exchange);
    await writeFile(join(exchange, "script"), script);

    const qemu = await endOf("timeout", [
      // timeout(1) rather than a timer here: it ends QEMU even if this process is killed meanwhile.
      ...["--signal=KILL", `${timeoutSeconds}`, "qemu-system-x86_64"],
      // Hardware acceleration can be there and yet hang, in a container or VM for example. A newer CPU would make
      // raid6_pq measure more routines at every boot; rdrand has the random number generator ready from the start.
      ...["-accel", "tcg", "-cpu", "Nehalem,+rdrand", "-smp", "1", "-m", "512"],
      ...["-nodefaults", "-no-reboot", "-display", "none", "-serial", `file:${join(exchange, "console")}`],
      ...["-kernel", join(this.#directory, "vmlinuz"), "-initrd", join(this.#directory, "initramfs.gz")],
      ...["-append", "console=ttyS0 quiet panic=-1 random.trust_cpu=on"],
      ...["-virtfs", `local,path=${qemuValue(sharedDirectory)},mount_tag=host,security_model=none`],
      ...disks.flatMap((disk) => ["-drive", `file=${qemuValue(disk)},format=raw,if=virtio,cache=unsafe`]),
    ]);

    const result = {
      stdout: await readIfThere(exchange, "stdout"),
      console: await readIfThere(exchange, "console"),
    };
    const exitCode = (await readIfThere(exchange, "exit-code")).trim();
    if (exitCode === "0") {
      return result;
    }
    const details =
      section("qemu", qemu.stderr) +
      section("standard error of the script", await readIfThere(exchange, "stderr")) +
      section("console", result.console);
    if (exitCode !== "") {
      throw new LinuxVmError("ERR_GUEST_SCRIPT", `the script in the guest ended with ${exitCode}${details}`);
    }
    if (qemu.killed) {
      throw new LinuxVmError(
        "ERR_VM_TIMEOUT",
        `the guest didn't power off within ${timeoutSeconds} s${details}`,
      );
    }
    throw new LinuxVmError("ERR_VM_DIED", `the guest ended before its script did${details}`);
  }
}

/** How a program ended. Never rejects. */
function endOf(program: string, args: readonly string[]): Promise<{ stderr: string; killed: boolean }> {
  return new Promise((resolve) => {
    execFile(program, args, (error, _stdout, stderr) => {
      resolve({ stderr: stderr || (error?.message ?? ""), killed: error?.signal === "SIGKILL" });
    });
  });
}

/** QEMU's options are lists with commas; a comma inside a value is doubled. */
function qemuValue(path: string): string {
  return path.replaceAll(",", ",,");
}

async function readIfThere(directory: string, name: string): Promise<string> {
  try {
    return await readFile(join(directory, name), "utf8");
  } catch {
    // The guest ended before it wrote the file.
    return "";
  }
}

function section(title: string, text: string): string {
  const lines = text.trimEnd().split("\n").slice(-60).join("\n");
  return lines === "" ? "" : `\n--- ${title} ---\n${lines}`;
}

async function cacheKey({ kernelPackage, programs }: Ingredients): Promise<string> {
  const hash = createHash("sha256");
  for (const path of [buildScript, initScript, ...programs]) {
    hash.update(await readFile(path));
  }
  return `${kernelPackage}-${hash.digest("hex").slice(0, 16)}`;
}
