/**
 * `npm start` runs the demo, `npm start -- <words>` the mdraid command line with these words, in the folder the user
 * called from. First it installs and builds what is missing; that speaks on stderr only, so that stdout is mdraid's.
 */
import { spawnSync } from "node:child_process";
import { constants } from "node:os";
import { join } from "node:path";
import { install, root, turbo } from "./workspace.mjs";

const words = process.argv.slice(2);

setUp("install", install);
setUp("build", () => turbo(["build", "--filter=@dmaengine/mdraid"]));

const program = join(root, "apps/mdraid/dist", words.length === 0 ? "demo.js" : "cli.js");
const { error, status, signal } = spawnSync(process.execPath, [program, ...words], {
  // npm runs scripts in the project's folder and keeps the caller's here.
  cwd: process.env["INIT_CWD"] ?? process.cwd(),
  stdio: "inherit",
});
if (error) {
  throw error;
}
process.exitCode = signal === null ? status : 128 + constants.signals[signal];

/** Does one step, or ends the script with the step's own output. */
function setUp(name, step) {
  const { ok, output } = step();
  if (!ok) {
    process.stderr.write(`${output}\nnpm start: the ${name} step failed; its output is above.\n`);
    process.exit(1);
  }
}
