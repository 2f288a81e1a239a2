import type {
  ChannelPreps,
  DmaAddr,
  DmaOperation,
  OperationArgs,
  OperationDefinition,
  OperationLimits,
  OperationPort,
  RangeVisitor,
} from "@dmaengine/core";
import { type DmaTx, prepName } from "@dmaengine/core/driver";
import type { Prepared } from "./exercises/exercise.js";

/** In the model, operand i is at (i + 1) * 2^20: aligned to whatever a driver may ask for, and never 0. */
const OPERAND_SHIFT = 20;
/** Longest operand that the model holds. */
const MAX_OPERAND_BYTES = 1 << OPERAND_SHIFT;

/** A part of an operand that the operation reads or writes. */
export interface OperandRange {
  readonly operand: number;
  readonly fromByte: number;
  readonly lengthBytes: number;
}

/** What a transaction must do, by the operation's own definition. */
export interface Expectation {
  readonly reads: readonly OperandRange[];
  readonly writes: readonly OperandRange[];
  /** What the transaction leaves outside memory; undefined if nothing. */
  readonly verdict: ReturnType<NonNullable<Prepared["verdict"]>> | undefined;
}

/**
 * Carries a transaction out on `operands`, with the reference implementation of its operation. `prepare` makes the very call that will be
 * made on the channel.
 */
export function runReference<Op extends DmaOperation>(
  definition: OperationDefinition<Op>,
  limits: OperationLimits<Op>,
  operands: readonly Uint8Array[],
  prepare: (preps: ChannelPreps<Op>, addrs: readonly DmaAddr[]) => Prepared,
): Expectation {
  const port = new ReferencePort(definition, limits);
  const preps = { [prepName(definition.name)]: definition.bind(port) } as unknown as ChannelPreps<Op>;
  const addrs = operands.map((_, i) => (i + 1) << OPERAND_SHIFT);
  const { verdict } = prepare(preps, addrs);
  const { args, flags } = port;

  const reads: OperandRange[] = [];
  const writes: OperandRange[] = [];
  definition.reads(args, flags, collectInto(reads));
  definition.writes(args, flags, collectInto(writes));
  definition.reference(args, flags, {
    read: (addr) => operands[(addr >>> OPERAND_SHIFT) - 1]![addr & (MAX_OPERAND_BYTES - 1)] as number,
    write(addr, value) {
      operands[(addr >>> OPERAND_SHIFT) - 1]![addr & (MAX_OPERAND_BYTES - 1)] = value;
    },
  });
  return { reads, writes, verdict: verdict?.() };
}

function collectInto(ranges: OperandRange[]): RangeVisitor {
  return (addr, lengthBytes) => {
    const operand = (addr >>> OPERAND_SHIFT) - 1;
    ranges.push({ operand, fromByte: addr & (MAX_OPERAND_BYTES - 1), lengthBytes });
  };
}

/** Stands in for a channel: takes the arguments of one prep call and gives them to nobody. */
class ReferencePort<Op extends DmaOperation> implements OperationPort<Op> {
  readonly limits: OperationLimits<Op>;
  readonly slave = null;
  readonly args: OperationArgs<Op>;
  flags = 0;

  constructor(definition: OperationDefinition<Op>, limits: OperationLimits<Op>) {
    this.limits = limits;
    this.args = definition.createArgs(limits);
  }

  begin(flags: number): DmaTx<Op> {
    this.flags = flags;
    return { args: this.args, flags } as DmaTx<Op>;
  }

  end(tx: DmaTx<Op>): DmaTx<Op> {
    return tx;
  }
}
