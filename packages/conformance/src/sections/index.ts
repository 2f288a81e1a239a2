import type { Exercise } from "../exercises/exercise.js";
import { callbacks } from "./callbacks.js";
import { departure } from "./departure.js";
import { failure } from "./failure.js";
import { operation } from "./operation.js";
import { order } from "./order.js";
import { patterns } from "./patterns.js";
import { pause } from "./pause.js";
import { recovery } from "./recovery.js";
import { registration } from "./registration.js";
import { reuse } from "./reuse.js";
import { ring } from "./ring.js";
import type { Section } from "./section.js";
import { states } from "./states.js";
import { terminate } from "./terminate.js";

/** The whole suite for a set of operations. */
export function allSections(exercises: readonly Exercise[]): readonly Section[] {
  return [
    registration,
    ...exercises.map((exercise) => operation(exercise)),
    patterns,
    recovery,
    order,
    callbacks,
    ring,
    failure,
    terminate,
    departure,
    pause,
    reuse,
    states(exercises),
  ];
}
