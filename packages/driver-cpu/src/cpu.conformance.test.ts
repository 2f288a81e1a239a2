import { conformance } from "@dmaengine/conformance";
import { describe, expect, it } from "vitest";
import { cpu } from "./index.js";

conformance(
  { describe, it, expect },
  { name: "driver-cpu", driver: () => cpu(), long: process.env["DMAENGINE_LONG"] === "1" },
);
