import type { DmaEngine } from "@dmaengine/core";
import type { RaidArray } from "@dmaengine/raid456";
import type { Memory } from "./memory.js";
import { openArray, type Rig } from "./rig.js";
import { type Contestant, timed } from "./turns.js";
import type { Work } from "./works.js";

/** Plain reads and writes. */
export class PlainContestant implements Contestant {
  readonly name: string;
  readonly warmUps: number;
  readonly #rig: Rig;
  readonly #work: Work;

  constructor(name: string, rig: Rig, work: Work) {
    this.name = name;
    this.warmUps = rig.warmUps;
    this.#rig = rig;
    this.#work = work;
  }

  round(): Promise<number> {
    return timed(() => this.#work.plain(this.#rig));
  }

  close(): void {}
}

/** An array whose arithmetic an engine does. */
export class ArrayContestant implements Contestant {
  readonly name: string;
  readonly warmUps: number;
  readonly #rig: Rig;
  readonly #work: Work;
  readonly #engine: DmaEngine;
  readonly #memory: Memory;
  #array: RaidArray | null = null;

  constructor(name: string, rig: Rig, work: Work, engine: DmaEngine, memory: Memory) {
    this.name = name;
    this.warmUps = rig.warmUps;
    this.#rig = rig;
    this.#work = work;
    this.#engine = engine;
    this.#memory = memory;
  }

  async round(): Promise<number> {
    const work = this.#work;
    if (work.reopened) this.close();
    this.#array ??= openArray(this.#rig, this.#engine, work.state);
    const array = this.#array;
    await work.ready?.(array, this.#rig);
    const millis = await timed(() => work.array(array, this.#rig, this.#memory));
    work.check?.(this.#memory);
    return millis;
  }

  close(): void {
    this.#array?.close();
    this.#array = null;
  }
}
