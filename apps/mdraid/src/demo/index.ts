import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { processIo } from "../process-io.js";
import { reportFailure } from "../report-failure.js";
import { runDemo } from "./demo.js";
import { nodeAndSources } from "./file-tree.js";

const io = processIo();
const folder = mkdtempSync(join(tmpdir(), "mdraid-demo-"));
// However the process ends.
process.on("exit", () => rmSync(folder, { recursive: true }));

try {
  const tree = await nodeAndSources();
  await runDemo(io, { folder, tree, engine: "ioat,cpu", memberBytes: 64 * 1024 * 1024 });
} catch (error) {
  process.exitCode = reportFailure(io, error, false);
}
