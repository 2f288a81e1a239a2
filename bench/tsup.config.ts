import { programPreset } from "../tsup.preset.js";

export default programPreset({ submit: "submit.ts", parity: "parity.ts" });
