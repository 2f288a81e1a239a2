import { DmaDirection } from "@dmaengine/core";
import type { Block } from "../member/member-io.js";
import type { PageOp } from "../offload/page-op.js";
import type { StripeContext } from "./context.js";
import { firstPageOffset, piecesIn, type Span } from "./span.js";
import type { StripeHead } from "./stripe-head.js";
import { reconstruct } from "./syndrome.js";
import {
  addChangedBlocks,
  drainOf,
  forgetParity,
  parityWithoutMember,
  type WritePlan,
} from "./write-plan.js";

/** One request writes all data of a stripe: parity is made from that, and nothing has to be read. */
export class FullWrite implements WritePlan {
  readonly stripe: StripeHead;
  readonly #context: StripeContext;
  readonly #request: Span;
  readonly #parityGone: ReadonlySet<number>;
  #chain: readonly PageOp[] | null = null;

  constructor(context: StripeContext, stripe: StripeHead, request: Span) {
    this.stripe = stripe;
    this.#context = context;
    this.#request = request;
    this.#parityGone = parityWithoutMember(stripe, context.members);
    context.counters.fullWrites += 1;
  }

  addWanted(): void {}

  get chain(): readonly PageOp[] {
    this.#chain ??= this.#makeChain();
    return this.#chain;
  }

  addChanged(blocks: Block[]): void {
    const { stripe } = this;
    const { row, wholePage } = stripe;
    const gone = this.#parityGone;
    forgetParity(stripe, gone);
    addChangedBlocks(stripe, row.data, wholePage, gone, blocks);
    addChangedBlocks(stripe, row.parity, wholePage, gone, blocks);
  }

  #makeChain(): readonly PageOp[] {
    const { stripe } = this;
    const { geometry, offload } = this.#context;
    const parity = reconstruct(stripe, stripe.wholePage, this.#parityGone);
    if (offload.pageMemory.takesRequests) {
      this.#borrowPages();
      return parity;
    }
    const drains = piecesIn(geometry, stripe, [this.#request]).map((piece) => drainOf(stripe, piece));
    return [...drains, ...parity];
  }

  /** Has the request's memory stand in for the stripe's own: it is written, and parity is made, from where it is. */
  #borrowPages(): void {
    const { stripe } = this;
    const { geometry } = this.#context;
    const { data } = stripe.row;
    let at = firstPageOffset(geometry, stripe.stripeBytes, stripe.number) - this.#request.offset;
    for (let i = 0; i < data.length; i++) {
      stripe.borrow(data[i] as number, this.#request.memory, at, DmaDirection.TO_DEVICE);
      at += geometry.chunkBytes;
    }
  }
}
