import { programPreset } from "../tsup.preset.js";

export default programPreset({ submit: "submit.ts", parity: "parity.ts", sim: "sim.ts", array: "array.ts" });
