import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

const execFileAsync = promisify(execFile);

/** Debian's meta package; it depends on the newest kernel image of the release. */
const kernelMetaPackage = "linux-image-amd64";

/** The programs that are copied into the guest, and the Debian package of each. */
const guestPrograms = {
  busybox: "busybox-static",
  e2fsck: "e2fsprogs",
  mdadm: "mdadm",
  mke2fs: "e2fsprogs",
} as const;

/** The programs that build the guest and run it. */
const hostPrograms = {
  "apt-get": "apt",
  cpio: "cpio",
  "dpkg-deb": "dpkg",
  modprobe: "kmod",
  "qemu-system-x86_64": "qemu-system-x86",
} as const;

/** What the guest is made of. */
export interface Ingredients {
  /** A kernel image as apt-get takes it: `package=version`. */
  readonly kernelPackage: string;
  /** Paths of the programs that are copied into the guest. */
  readonly programs: readonly string[];
}

/** The search path with the system administrator's folders, where Debian keeps mdadm and e2fsprogs. */
export const searchPath = [process.env["PATH"], "/usr/sbin", "/sbin"].join(delimiter);

/**
 * Looks for everything that building and running the guest needs.
 * @returns the ingredients, or the Debian packages that the machine lacks. The kernel package counts as lacking when
 * apt doesn't know it: no package lists yet, or not Debian's.
 */
export async function findIngredients(): Promise<Ingredients | { missing: string[] }> {
  const missing = new Set<string>();
  const programs: string[] = [];
  for (const [program, debianPackage] of Object.entries(guestPrograms)) {
    const path = await findProgram(program);
    if (path === undefined) {
      missing.add(debianPackage);
    } else {
      programs.push(path);
    }
  }
  for (const [program, debianPackage] of Object.entries(hostPrograms)) {
    if ((await findProgram(program)) === undefined) {
      missing.add(debianPackage);
    }
  }
  const kernelPackage = await newestKernelPackage();
  if (kernelPackage === undefined) {
    missing.add(kernelMetaPackage);
  }
  return kernelPackage === undefined || missing.size > 0
    ? { missing: [...missing].sort() }
    : { kernelPackage, programs };
}

async function findProgram(name: string): Promise<string | undefined> {
  for (const directory of searchPath.split(delimiter)) {
    const path = join(directory, name);
    try {
      await access(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

async function newestKernelPackage(): Promise<string | undefined> {
  try {
    const { stdout } = await execFileAsync("apt-cache", ["show", "--no-all-versions", kernelMetaPackage]);
    // Depends: linux-image-6.1.0-56-amd64 (= 6.1.192-2)
    const depends = /^Depends: (linux-image-\S+) \(= (\S+)\)/m.exec(stdout);
    return depends === null ? undefined : `${depends[1]}=${depends[2]}`;
  } catch {
    // No apt here, or one that doesn't know the package.
    return undefined;
  }
}
