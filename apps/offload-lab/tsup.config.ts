import { programPreset } from "../../tsup.preset.js";

export default programPreset({ cli: "src/cli.ts" });
