import { libraryPreset } from "../../tsup.preset.js";

export default libraryPreset({ index: "src/index.ts", node: "src/node/index.ts" });
