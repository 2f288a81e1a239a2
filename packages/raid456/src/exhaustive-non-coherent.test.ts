import { describeExhaustively } from "./testing/exhaustive-suite.js";
import { TEST_PLATFORMS } from "./testing/platforms.js";

describeExhaustively(
  TEST_PLATFORMS.filter(({ platform }) => (platform()?.coherence ?? "coherent") !== "coherent"),
  process.env,
);
