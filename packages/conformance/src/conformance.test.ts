import { describe, expect, it } from "vitest";
import { conformance } from "./conformance.js";
import { small } from "./testing/small-driver.js";

conformance({ describe, it, expect }, { name: "a small engine", driver: () => small() });
