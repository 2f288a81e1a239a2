import { libraryPreset } from "../../tsup.preset.js";

export default libraryPreset({ index: "src/index.ts", driver: "src/driver.ts", node: "src/node/index.ts" });
