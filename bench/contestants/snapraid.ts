import { spawnSync } from "node:child_process";

/** The lines of SnapRAID's own speed test that have to do with parity; or why there are none. */
export function snapraid(): string[] {
  const { stdout, error } = spawnSync("snapraid", ["--speed-test"], { encoding: "utf8" });
  if (error) return [`snapraid is not measured: ${error.message}; its package is called snapraid too`];
  const lines = stdout.split("\n").map((line) => line.trimEnd());
  const setting = lines.filter((line) => /^(CPU |Speed test )/.test(line));
  const tables = lines.filter((line) => /^(RAID functions| +best| +gen[12] | +rec2 )/.test(line));
  return [
    "snapraid --speed-test, in MB/s of data disks (gen1 is xor, gen2 P+Q, rec2 recovery):",
    ...setting,
    ...tables,
  ];
}
