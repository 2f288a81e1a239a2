import { libraryPreset } from "../../tsup.preset.js";

export default libraryPreset({ index: "src/index.ts" });
