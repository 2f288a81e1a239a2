import {
  DMA_CTRL_REUSE,
  DMA_PREP_CONTINUE,
  DMA_PREP_PQ_DISABLE_P,
  DMA_PREP_PQ_DISABLE_Q,
  DmaTransResult,
} from "@dmaengine/core";
import type {
  AddressSpace,
  ChannelHost,
  DmaDriver,
  DmaTx,
  MemcpyArgs,
  MemsetArgs,
  PqArgs,
  PqValArgs,
  ReferenceMemory,
  XorArgs,
  XorValArgs,
} from "@dmaengine/core/driver";
import { definitionOf, lengthOf, SLOTS, SmallChannel, type SmallOptions, small } from "./small-driver.js";

/** A driver with one defect, of a kind that real drivers have had. */
export interface Mutant {
  readonly defect: string;
  readonly driver: () => DmaDriver;
  /** Part of the titles of the cases of which one must catch it. */
  readonly caughtBy: string;
}

type ChannelClass = NonNullable<SmallOptions["channel"]>;

function mutant(defect: string, caughtBy: string, channel: ChannelClass): Mutant {
  return { defect, caughtBy, driver: () => small({ channel }) };
}

/** Changes how one operation works on memory. `original` does it right. */
function working<Args>(
  operations: readonly string[],
  change: (tx: DmaTx, args: Args, memory: ReferenceMemory, original: () => void) => void,
): ChannelClass {
  return class extends SmallChannel {
    protected override execute(tx: DmaTx): DmaTransResult {
      if (!operations.includes(tx.operation)) return super.execute(tx);
      let result: DmaTransResult = DmaTransResult.NOERROR;
      change(tx, tx.args as unknown as Args, this.memory(tx), () => {
        result = super.execute(tx);
      });
      return result;
    }
  };
}

/** Changes what one operation reads from memory. */
function reading(
  operations: readonly string[],
  change: (read: (addr: number) => number, addr: number, tx: DmaTx) => number,
): ChannelClass {
  return class extends SmallChannel {
    protected override memory(tx: DmaTx): ReferenceMemory {
      const { read, write } = super.memory(tx);
      if (!operations.includes(tx.operation)) return { read, write };
      return { read: (addr) => change(read, addr, tx), write };
    }
  };
}

/** Changes what one operation writes to memory. */
function writing(
  operations: readonly string[],
  change: (memory: ReferenceMemory, addr: number, value: number, tx: DmaTx) => void,
): ChannelClass {
  return class extends SmallChannel {
    protected override memory(tx: DmaTx): ReferenceMemory {
      const memory = super.memory(tx);
      if (!operations.includes(tx.operation)) return memory;
      return { read: memory.read, write: (addr, value) => change(memory, addr, value, tx) };
    }
  };
}

const DATA: readonly Mutant[] = [
  mutant(
    "memcpy leaves the last byte out",
    "> memcpy >",
    writing(["memcpy"], (memory, addr, value, tx) => {
      const { dst, lengthBytes } = tx.args as MemcpyArgs;
      if (addr < dst + lengthBytes - 1) memory.write(addr, value);
    }),
  ),
  mutant(
    "memcpy writes one byte too many",
    "> memcpy >",
    writing(["memcpy"], (memory, addr, value, tx) => {
      const { dst, lengthBytes } = tx.args as MemcpyArgs;
      memory.write(addr, value);
      if (addr === dst + lengthBytes - 1) memory.write(addr + 1, value);
    }),
  ),
  mutant(
    "memcpy moves whole words only",
    "> memcpy >",
    writing(["memcpy"], (memory, addr, value, tx) => {
      const { dst, lengthBytes } = tx.args as MemcpyArgs;
      if (addr < dst + (lengthBytes & ~3)) memory.write(addr, value);
    }),
  ),
  mutant(
    "memcpy rounds the source's address down to a word",
    "> memcpy >",
    reading(["memcpy"], (read, addr, tx) => {
      const { src } = tx.args as MemcpyArgs;
      return read(addr - (src & 3));
    }),
  ),
  mutant(
    "memcpy clears its source",
    "> memcpy >",
    working<MemcpyArgs>(["memcpy"], (_tx, { src, lengthBytes }, memory, original) => {
      original();
      for (let i = 0; i < lengthBytes; i++) memory.write(src + i, 0);
    }),
  ),
  mutant(
    "memcpy has a length register of 12 bits",
    "> memcpy >",
    writing(["memcpy"], (memory, addr, value, tx) => {
      const { dst, lengthBytes } = tx.args as MemcpyArgs;
      if (addr < dst + (lengthBytes & 0xfff)) memory.write(addr, value);
    }),
  ),
  mutant(
    "memset takes the value for a 7-bit number",
    "> memset >",
    writing(["memset"], (memory, addr, value) => memory.write(addr, value & 0x7f)),
  ),
  mutant(
    "memset always fills with 0",
    "> memset >",
    working<MemsetArgs>(["memset"], (_tx, { dst, lengthBytes }, memory, original) => {
      original();
      for (let i = 0; i < lengthBytes; i++) memory.write(dst + i, 0);
    }),
  ),
  mutant(
    "memset on a list fills the first segment only",
    "> memsetSg >",
    writing(["memsetSg"], (memory, addr, value, tx) => {
      const { addrs, lengthsBytes } = tx.args as unknown as {
        addrs: Float64Array;
        lengthsBytes: Float64Array;
      };
      if (addr >= addrs[0]! && addr < addrs[0]! + lengthsBytes[0]!) memory.write(addr, value);
    }),
  ),
  mutant(
    "immData swaps the two halves",
    "> immData >",
    writing(["immData"], (memory, addr, value, tx) => {
      const { dst } = tx.args as unknown as { dst: number };
      memory.write(dst + ((addr - dst + 4) % 8), value);
    }),
  ),
  mutant(
    "interleaved leaves no gaps at the destination",
    "> interleaved >",
    working<{ dstGapsBytes: Float64Array }>(["interleaved"], (_tx, args, _memory, original) => {
      args.dstGapsBytes.fill(0);
      original();
    }),
  ),
  mutant(
    "xor leaves the last source out",
    "> xor >",
    working<XorArgs>(["xor"], (_tx, args, _memory, original) => {
      args.srcCnt = Math.max(1, args.srcCnt - 1);
      original();
    }),
  ),
  mutant(
    "xor takes the destination for one more source",
    "> xor >",
    writing(["xor"], (memory, addr, value) => memory.write(addr, value ^ memory.read(addr))),
  ),
  mutant(
    "xor clears the destination first, which may be a source",
    "> xor >",
    working<XorArgs>(["xor"], (_tx, { dst, lengthBytes }, memory, original) => {
      for (let i = 0; i < lengthBytes; i++) memory.write(dst + i, 0);
      original();
    }),
  ),
  mutant(
    "xor claims more sources than it has",
    "> xor >",
    working<XorArgs>(["xor"], (_tx, args, _memory, original) => {
      args.srcCnt = Math.min(args.srcCnt, 5);
      original();
    }),
  ),
  mutant(
    "xorVal always says that the sums match",
    "> xorVal >",
    working<XorValArgs>(["xorVal"], (_tx, { result }, _memory, original) => {
      original();
      result.flags = 0;
    }),
  ),
  mutant(
    "xorVal looks at whole words only",
    "> xorVal >",
    working<XorValArgs>(["xorVal"], (_tx, args, _memory, original) => {
      args.lengthBytes &= ~3;
      original();
    }),
  ),
  mutant(
    "xorVal takes a mismatch for a failure",
    "> xorVal >",
    class extends SmallChannel {
      protected override execute(tx: DmaTx): DmaTransResult {
        const result = super.execute(tx);
        if (tx.operation !== "xorVal") return result;
        return (tx.args as XorValArgs).result.flags === 0 ? result : DmaTransResult.READ_FAILED;
      }
    },
  ),
  mutant(
    "xorVal writes the sum over its last source",
    "> xorVal >",
    working<XorValArgs>(["xorVal"], (_tx, args, memory, original) => {
      original();
      memory.write(args.srcs[args.srcCnt - 1]!, 0);
    }),
  ),
  mutant(
    "pq takes all coefficients for 1, which dmatest's patterns can't tell",
    "> pq >",
    working<PqArgs>(["pq"], (_tx, args, _memory, original) => {
      args.coefs.fill(1);
      original();
    }),
  ),
  mutant(
    "pq computes in the field of AES",
    "> pq >",
    working<PqArgs>(["pq"], (tx, args, memory, original) => {
      original();
      if ((tx.flags & DMA_PREP_CONTINUE) !== 0 || tx.flags & DMA_PREP_PQ_DISABLE_Q) return;
      const own = Array.from(args.srcs.subarray(0, args.srcCnt)).some(
        (src) => src === args.p || src === args.q,
      );
      if (own) return;
      for (let at = 0; at < args.lengthBytes; at++) {
        let q = 0;
        for (let i = 0; i < args.srcCnt; i++) q ^= aesMul(args.coefs[i]!, memory.read(args.srcs[i]! + at));
        memory.write(args.q + at, q);
      }
    }),
  ),
  mutant(
    "pq swaps P and Q",
    "> pq >",
    working<PqArgs>(["pq"], (tx, args, _memory, original) => {
      if ((tx.flags & (DMA_PREP_PQ_DISABLE_P | DMA_PREP_PQ_DISABLE_Q)) === 0) {
        [args.p, args.q] = [args.q, args.p];
      }
      original();
    }),
  ),
  mutant(
    "pq starts over where it should continue",
    "> pq >",
    class extends SmallChannel {
      protected override execute(tx: DmaTx): DmaTransResult {
        if (tx.operation !== "pq") return super.execute(tx);
        definitionOf(tx).reference(tx.args, tx.flags & ~DMA_PREP_CONTINUE, this.memory(tx));
        return DmaTransResult.NOERROR;
      }
    },
  ),
  mutant(
    "pq writes P before it has read all sources for Q",
    "> pq >",
    class extends SmallChannel {
      protected override execute(tx: DmaTx): DmaTransResult {
        const both = DMA_PREP_PQ_DISABLE_P | DMA_PREP_PQ_DISABLE_Q;
        if (tx.operation !== "pq" || (tx.flags & both) !== 0) return super.execute(tx);
        if (!this.reaches(tx, "reads") || !this.reaches(tx, "writes")) return super.execute(tx);
        const { reference } = definitionOf(tx);
        reference(tx.args, tx.flags | DMA_PREP_PQ_DISABLE_Q, this.memory(tx));
        reference(tx.args, tx.flags | DMA_PREP_PQ_DISABLE_P, this.memory(tx));
        return DmaTransResult.NOERROR;
      }
    },
  ),
  mutant(
    "pqVal tells of Q when P is wrong, and of P when Q is",
    "> pqVal >",
    working<PqValArgs>(["pqVal"], (_tx, { result }, _memory, original) => {
      original();
      result.flags = ((result.flags & 1) << 1) | (result.flags >> 1);
    }),
  ),
  mutant(
    "pqVal looks at the first 64 bytes only",
    "> pqVal >",
    working<PqValArgs>(["pqVal"], (_tx, args, _memory, original) => {
      args.lengthBytes = Math.min(64, args.lengthBytes);
      original();
    }),
  ),
  mutant(
    "pqVal never tells of Q",
    "> pqVal >",
    working<PqValArgs>(["pqVal"], (_tx, { result }, _memory, original) => {
      original();
      result.flags &= 1;
    }),
  ),
];

const ORDER: readonly Mutant[] = [
  mutant(
    "completes before the data is in place",
    "> callbacks >",
    class extends SmallChannel {
      protected override execute(tx: DmaTx): DmaTransResult {
        if (!this.reaches(tx, "reads") || !this.reaches(tx, "writes")) return super.execute(tx);
        setTimeout(() => super.execute(tx), 0);
        return DmaTransResult.NOERROR;
      }
    },
  ),
  mutant(
    "works through the queue from its end, and completes from its start",
    "> order and completion >",
    class extends SmallChannel {
      protected override step(): void {
        const batch = this.issued.splice(0);
        const results = batch.map(() => DmaTransResult.NOERROR as DmaTransResult);
        for (let i = batch.length - 1; i >= 0; i--) results[i] = this.execute(batch[i]!);
        batch.forEach((tx, i) => {
          this.finish(tx, results[i]!);
        });
      }
    },
  ),
  mutant(
    "carries transactions out in the order in which they were prepared",
    "> order and completion >",
    class extends SmallChannel {
      override submit(tx: DmaTx): void {
        super.submit(tx);
        this.submitted.sort((a, b) => a.index - b.index);
      }
    },
  ),
  mutant(
    "starts one transaction for each issuePending",
    ">",
    class extends SmallChannel {
      override issuePending(): void {
        const rest = this.submitted.splice(1);
        super.issuePending();
        this.submitted.push(...rest);
      }
    },
  ),
  mutant(
    "loses what is submitted while it works",
    ">",
    class extends SmallChannel {
      override issuePending(): void {
        if (this.issued.length > 0) this.submitted.length = 0;
        super.issuePending();
      }
    },
  ),
  mutant(
    "starts nothing until it is polled",
    "without anybody polling",
    class extends SmallChannel {
      protected override schedule(): void {}
    },
  ),
  mutant(
    "never interrupts",
    "without anybody polling",
    class extends SmallChannel {
      protected override finish(tx: DmaTx, result: DmaTransResult): void {
        this.finished.push({ tx, result });
      }
    },
  ),
  mutant(
    "completes nothing without an interrupt",
    ">",
    class extends SmallChannel {
      override poll(): void {}
    },
  ),
  mutant(
    "runs callbacks within issuePending",
    "never run within",
    class extends SmallChannel {
      override issuePending(): void {
        super.issuePending();
        while (this.issued.length > 0) this.step();
        this.completeFinished();
        this.host.runCallbacks();
      }
    },
  ),
  mutant(
    "tells a residue that grows",
    "residue",
    class extends SmallChannel {
      #looks = 0;
      override residue(): number {
        this.#looks += 1;
        return this.#looks;
      }
    },
  ),
  mutant(
    "tells a negative residue",
    "residue",
    class extends SmallChannel {
      override residue(tx: DmaTx): number {
        return -lengthOf(tx);
      }
    },
  ),
];

const ROOM: readonly Mutant[] = [
  mutant(
    "never says that it is full, and loses what doesn't fit",
    "> a full ring >",
    class extends SmallChannel {
      protected override prepare(tx: DmaTx): boolean {
        this.usedSlots += this.slotsOf(tx);
        this.prepared.add(tx);
        return true;
      }
      override submit(tx: DmaTx): void {
        if (this.usedSlots > SLOTS) this.submitted.shift();
        super.submit(tx);
      }
    },
  ),
  mutant(
    "has no room any more after it was full",
    "> a full ring >",
    class extends SmallChannel {
      #full = false;
      protected override prepare(tx: DmaTx): boolean {
        this.#full ||= !super.prepare(tx);
        return !this.#full;
      }
    },
  ),
  mutant(
    "loses a slot with each transaction that takes two",
    "> a full ring >",
    class extends SmallChannel {
      protected override giveBack(_tx: DmaTx): void {
        this.usedSlots -= 1;
      }
    },
  ),
  mutant(
    "loses the room of what fails",
    "> failure >",
    class extends SmallChannel {
      protected override finish(tx: DmaTx, result: DmaTransResult): void {
        if (result !== DmaTransResult.NOERROR) this.usedSlots += 1;
        super.finish(tx, result);
      }
    },
  ),
  mutant(
    "loses the room of what was prepared and terminated",
    "prepared transactions are terminated",
    class extends SmallChannel {
      override terminateAll(): void {
        this.prepared.clear();
        super.terminateAll();
      }
    },
  ),
  mutant(
    "loses the room of what was submitted and terminated",
    "submitted transactions are terminated",
    class extends SmallChannel {
      override terminateAll(): void {
        this.submitted.length = 0;
        this.issued.length = 0;
        super.terminateAll();
      }
    },
  ),
  mutant(
    "keeps the room of descriptors for reuse for ever",
    "> descriptors for reuse >",
    class extends SmallChannel {
      override freeDescriptor(): void {}
    },
  ),
];

const FAILURE: readonly Mutant[] = [
  mutant(
    "reports failed transfers as complete",
    "> failure >",
    class extends SmallChannel {
      protected override execute(tx: DmaTx): DmaTransResult {
        super.execute(tx);
        return DmaTransResult.NOERROR;
      }
    },
  ),
  mutant(
    "reports a failure of the transaction before",
    "> failure >",
    class extends SmallChannel {
      protected override completeFinished(): void {
        for (let i = 1; i < this.finished.length; i++) {
          const { tx, result } = this.finished[i]!;
          if (result === DmaTransResult.NOERROR) continue;
          this.finished[i - 1] = { tx: this.finished[i - 1]!.tx, result };
          this.finished[i] = { tx, result: DmaTransResult.NOERROR };
        }
        super.completeFinished();
      }
      protected override finish(tx: DmaTx, result: DmaTransResult): void {
        this.finished.push({ tx, result });
        if (this.issued.length > 0) return;
        this.host.interrupt();
        this.completeFinished();
      }
    },
  ),
  mutant(
    "halts for good after a failure",
    "> failure >",
    class extends SmallChannel {
      #halted = false;
      override relax(): boolean {
        return !this.#halted && super.relax();
      }
      protected override step(): void {
        if (!this.#halted) super.step();
      }
      protected override schedule(): void {
        if (!this.#halted) super.schedule();
      }
      protected override finish(tx: DmaTx, result: DmaTransResult): void {
        this.#halted ||= result !== DmaTransResult.NOERROR;
        super.finish(tx, result);
      }
    },
  ),
  mutant(
    "forgets what is queued behind a failure",
    "> failure >",
    class extends SmallChannel {
      protected override finish(tx: DmaTx, result: DmaTransResult): void {
        if (result !== DmaTransResult.NOERROR) this.issued.length = 0;
        super.finish(tx, result);
      }
    },
  ),
  mutant(
    "reports everything behind a failure as complete without doing it",
    "> failure >",
    class extends SmallChannel {
      #failed = false;
      protected override execute(tx: DmaTx): DmaTransResult {
        if (this.#failed && this.issued.length > 0) return DmaTransResult.NOERROR;
        const result = super.execute(tx);
        this.#failed = result !== DmaTransResult.NOERROR;
        return result;
      }
    },
  ),
  mutant(
    "calls every failure an abort",
    "> failure >",
    class extends SmallChannel {
      protected override execute(tx: DmaTx): DmaTransResult {
        return super.execute(tx) === DmaTransResult.NOERROR ? DmaTransResult.NOERROR : DmaTransResult.ABORTED;
      }
    },
  ),
  mutant(
    "does not look at the address that it writes to",
    "> failure >",
    class extends SmallChannel {
      protected override execute(tx: DmaTx): DmaTransResult {
        return this.reaches(tx, "writes") ? super.execute(tx) : DmaTransResult.NOERROR;
      }
    },
  ),
];

/** What all channels of the defective engine below have in common, and shouldn't. */
const terminatedTogether = new Set<SmallChannel>();

const CONTROL: readonly Mutant[] = [
  mutant(
    "goes on with what was terminated",
    "> terminate >",
    class extends SmallChannel {
      override terminateAll(): void {
        const going = [...this.issued].map((tx) => ({
          operation: tx.operation,
          args: structuredClone(tx.args),
          flags: tx.flags,
        }));
        super.terminateAll();
        setTimeout(() => {
          for (const tx of going) super.execute(tx as unknown as DmaTx);
        }, 0);
      }
    },
  ),
  mutant(
    "terminates its neighbour too",
    "other channels alone",
    class extends SmallChannel {
      constructor(host: ChannelHost, space: AddressSpace) {
        super(host, space);
        if (terminatedTogether.size === 2) terminatedTogether.clear();
        terminatedTogether.add(this);
      }
      override terminateAll(): void {
        for (const channel of terminatedTogether) SmallChannel.prototype.terminateAll.call(channel);
      }
    },
  ),
  mutant(
    "does not stop when it is terminated",
    "> terminate >",
    class extends SmallChannel {
      override terminateAll(): void {}
    },
  ),
  mutant(
    "stays paused when it is terminated",
    "> pause >",
    class extends SmallChannel {
      override terminateAll(): void {
        const { paused } = this;
        super.terminateAll();
        this.paused = paused;
      }
    },
  ),
  mutant(
    "does not pause",
    "> pause >",
    class extends SmallChannel {
      override pause(): void {}
    },
  ),
  mutant(
    "loses what is issued while it is paused",
    "> pause >",
    class extends SmallChannel {
      override issuePending(): void {
        if (this.paused) this.submitted.length = 0;
        super.issuePending();
      }
    },
  ),
  mutant(
    "does not go on when it is resumed",
    "> pause >",
    class extends SmallChannel {
      override resume(): void {}
    },
  ),
  mutant(
    "carries a descriptor for reuse out once",
    "> descriptors for reuse >",
    class extends SmallChannel {
      readonly #seen = new Set<string>();
      protected override execute(tx: DmaTx): DmaTransResult {
        if ((tx.flags & DMA_CTRL_REUSE) === 0) return super.execute(tx);
        const { dst } = tx.args as MemcpyArgs;
        if (this.#seen.has(`${tx.index} ${dst}`)) return DmaTransResult.NOERROR;
        this.#seen.add(`${tx.index} ${dst}`);
        return super.execute(tx);
      }
    },
  ),
];

const DESCRIPTION: readonly Mutant[] = [
  {
    defect: "finds its hardware once, and not when it is registered again",
    caughtBy: "registered again",
    driver() {
      const driver = small();
      let probed = false;
      return {
        ...driver,
        probe() {
          if (probed) return [];
          probed = true;
          return driver.probe();
        },
      };
    },
  },
  {
    defect: "changes its capability record while it runs",
    caughtBy: ">",
    driver() {
      let xor = { maxSources: 6 };
      class Shrinking extends SmallChannel {
        override submit(tx: DmaTx): void {
          xor = { maxSources: 5 };
          super.submit(tx);
        }
      }
      return small({
        channel: Shrinking,
        describe: (definition) => ({
          ...definition,
          capabilities: {
            ...definition.capabilities,
            get xor() {
              return xor;
            },
          },
        }),
      });
    },
  },
  {
    defect: "claims an alignment that is no power of two",
    caughtBy: ">",
    driver: () =>
      small({
        describe: (definition) => ({
          ...definition,
          capabilities: { ...definition.capabilities, memcpy: { alignBytes: 12 } },
        }),
      }),
  },
  {
    defect: "finds no device",
    caughtBy: "names itself",
    driver: () => ({ ...small(), probe: () => [] }),
  },
  {
    defect: "has no name",
    caughtBy: "names itself",
    driver: () => ({ ...small(), name: "" }),
  },
];

/** Each of them must be caught. */
export const MUTANTS: readonly Mutant[] = [
  ...DATA,
  ...ORDER,
  ...ROOM,
  ...FAILURE,
  ...CONTROL,
  ...DESCRIPTION,
];

/** Multiplication modulo x^8 + x^4 + x^3 + x + 1, the wrong polynomial for RAID-6. */
function aesMul(a: number, b: number): number {
  let product = 0;
  for (let bit = 0, shifted = a; bit < 8; bit++) {
    if ((b >> bit) & 1) product ^= shifted;
    shifted = ((shifted << 1) ^ (shifted & 0x80 ? 0x11b : 0)) & 0xff;
  }
  return product;
}
