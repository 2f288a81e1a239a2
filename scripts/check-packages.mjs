/**
 * Packs the packages exactly as they would be published and checks the tarballs: publint compares the manifest with
 * the files, attw asks what TypeScript makes of it from ESM and from CommonJS. Needs a build.
 */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pnpm, run } from "./workspace.mjs";

const folder = mkdtempSync(join(tmpdir(), "packed-"));
try {
  check(
    pnpm(["--recursive", "--filter=./packages/*", "--filter=./apps/*", "pack", "--pack-destination", folder]),
  );
  for (const name of readdirSync(folder)) {
    const tarball = join(folder, name);
    check(run(["publint", "run", tarball, "--strict"]));
    // node16: packages whose entries are `exports` don't resolve under TypeScript's oldest rules, node10.
    check(run(["attw", tarball, "--profile", "node16", "--format", "ascii", "--no-emoji"]));
  }
} finally {
  rmSync(folder, { recursive: true });
}

/** @param {{ ok: boolean, output: string }} result */
function check(result) {
  if (!result.ok) {
    process.stdout.write(result.output);
    process.exitCode = 1;
  }
}
