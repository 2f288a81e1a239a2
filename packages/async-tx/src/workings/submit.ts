import {
  DMA_PREP_FENCE,
  DMA_PREP_INTERRUPT,
  DmaStatus,
  DmaTransResult,
  type DmaTxDescriptor,
} from "@dmaengine/core";
import { AsyncTxDescriptor } from "../descriptor.js";
import { ASYNC_TX_ACK, ASYNC_TX_FENCE } from "../flags.js";
import type { AsyncTxChannel } from "./channel.js";
import type { AsyncTxContext, Submission } from "./context.js";
import { waitFor } from "./wait.js";

/** The flags of a prep call. Only a callback asks for an interrupt. */
export function prepFlags({ flags, cbFn }: Submission): number {
  return (cbFn === null ? 0 : DMA_PREP_INTERRUPT) | ((flags & ASYNC_TX_FENCE) === 0 ? 0 : DMA_PREP_FENCE);
}

/**
 * Hands a prepared transaction in behind what it depends on (`async_tx_submit`): the order of the channel sees to that where both are on one
 * channel, {@link channelSwitch} where they aren't.
 */
export function submitTx(
  context: AsyncTxContext,
  channel: AsyncTxChannel,
  prepared: DmaTxDescriptor,
  submit: Submission,
): Promise<AsyncTxDescriptor> {
  return channel.during(submitBehind(context, channel, prepared, submit));
}

async function submitBehind(
  context: AsyncTxContext,
  channel: AsyncTxChannel,
  prepared: DmaTxDescriptor,
  submit: Submission,
): Promise<AsyncTxDescriptor> {
  const { dependTx } = submit;
  const tx = newTx(context, channel, prepared, submit);
  if (dependTx === null) tx.submit();
  else if (dependTx.channel === channel) follow(tx, dependTx);
  else await channelSwitch(context, tx, dependTx);
  if ((submit.flags & ASYNC_TX_ACK) !== 0) tx.ack();
  if (submit.keepsDependency !== true) dependTx?.ack();
  return tx;
}

function newTx(
  context: AsyncTxContext,
  channel: AsyncTxChannel,
  prepared: DmaTxDescriptor,
  submit?: Submission,
): AsyncTxDescriptor {
  const tx = new AsyncTxDescriptor(channel, prepared, submit?.cbFn, submit?.cbParam);
  prepared.callback = (result) => end(context, tx, result);
  return tx;
}

/** Puts a transaction behind another one of the same channel: submits it, or parks it if that one is not submitted either. */
function follow(tx: AsyncTxDescriptor, dependTx: AsyncTxDescriptor): void {
  depend(tx, dependTx);
  if (dependTx.parked) dependTx.dependents.push(tx);
  else tx.submit();
}

/** What goes wrong with a dependency goes wrong with whatever depends on it. */
function depend(tx: AsyncTxDescriptor, dependTx: AsyncTxDescriptor): void {
  if (dependTx.failed) tx.failed = true;
  if (!dependTx.ended) tx.parent = dependTx;
}

/**
 * Puts a transaction behind one of another channel (`async_tx_channel_switch`): parks it behind an interrupt descriptor at the end of that
 * channel, whose completion submits it. Where there is no such descriptor to be had, waits.
 */
async function channelSwitch(
  context: AsyncTxContext,
  tx: AsyncTxDescriptor,
  dependTx: AsyncTxDescriptor,
): Promise<void> {
  context.channelSwitches += 1;
  const old = dependTx.channel;
  const prepared = old.has("interrupt") ? old.chan.prepInterrupt(DMA_PREP_INTERRUPT) : null;
  if (prepared === null) {
    // A failed dependency can't be helped, and a prepared transaction can't be given back: it runs, and counts as failed.
    depend(tx, dependTx);
    if ((await waitFor(dependTx)) !== DmaStatus.COMPLETE) tx.failed = true;
    tx.submit();
    return;
  }
  const interrupt = newTx(context, old, prepared);
  depend(tx, interrupt);
  interrupt.dependents.push(tx);
  follow(interrupt, dependTx);
  interrupt.ack();
  old.chan.issuePending();
}

/** A transaction has ended. Runs its callback, then submits what waited for it. */
function end(context: AsyncTxContext, tx: AsyncTxDescriptor, result: DmaTransResult): void {
  tx.ended = true;
  if (result !== DmaTransResult.NOERROR || tx.parent?.failed === true) tx.failed = true;
  tx.parent = null;
  tx.leave();
  try {
    context.callBack(tx.cbFn, tx.cbParam, tx.failed);
  } finally {
    runDependencies(tx);
  }
}

/** Submits what waited for a transaction that has ended, with all that follows on the same channel (`dma_run_dependencies`). */
function runDependencies(tx: AsyncTxDescriptor): void {
  for (const dependent of tx.dependents.splice(0)) {
    if (tx.failed) dependent.failed = true;
    dependent.parent = null;
    submitChain(dependent);
    dependent.channel.chan.issuePending();
  }
}

function submitChain(tx: AsyncTxDescriptor): void {
  tx.submit();
  const others: AsyncTxDescriptor[] = [];
  for (const dependent of tx.dependents.splice(0)) {
    if (dependent.channel === tx.channel) submitChain(dependent);
    else others.push(dependent);
  }
  tx.dependents.push(...others);
}
