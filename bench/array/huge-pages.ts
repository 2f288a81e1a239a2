import { readFileSync, writeFileSync } from "node:fs";

/** Documentation/admin-guide/mm/transhuge.rst of Linux. */
const SETTING = "/sys/kernel/mm/transparent_hugepage/enabled";

/**
 * Has Linux put memory into huge pages as long as the process runs, as it does anyway on Debian and RHEL. Direct I/O names a device each piece of memory that
 * is not beside the one before, so nearly each page of 4 KiB, and some virtual disks are slow with many of them.
 *
 * @returns what there is now, in words
 */
export function useHugePages(): string {
  let before: string | undefined;
  try {
    before = /\[(\w+)\]/.exec(readFileSync(SETTING, "utf8"))?.[1];
  } catch {
    // Another system, or a kernel without them.
  }
  if (before === undefined) return "transparent huge pages: none";
  if (before === "always") return "transparent huge pages: always";
  try {
    writeFileSync(SETTING, "always");
  } catch {
    return `transparent huge pages: ${before}; as root, this run would have made it always, which direct I/O may need to be fast`;
  }
  process.once("exit", () => writeFileSync(SETTING, before));
  return `transparent huge pages: always, for this run; they were ${before}`;
}
