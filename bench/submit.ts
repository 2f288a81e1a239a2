/**
 * What a small operation costs on the inline channel of the software engine: operations per second on one core, and bytes
 * allocated for each. The framework promises 2 million per second and less than one byte.
 */
import { type DmaChan, DmaDirection, DmaEngine, DmaStatus, type DmaTxDescriptor } from "@dmaengine/core";
import { cpu } from "@dmaengine/driver-cpu";
import { measure, type Workload } from "./measure.js";

const OPERATIONS = 10_000_000;
const BATCH = 32;
const BLOCK_BYTES = 64;
const SOURCES = 4;

const engine = new DmaEngine();
await engine.register(cpu());
const chan: DmaChan<"memcpy" | "xor"> = engine.requestChannel(["memcpy", "xor"]);
const memory = chan.device.alloc(BLOCK_BYTES * (SOURCES + 1));
const base = chan.device.mapSingle(memory, DmaDirection.BIDIRECTIONAL);
const dst = base + BLOCK_BYTES * SOURCES;
const srcs = Float64Array.from({ length: SOURCES }, (_, i) => base + BLOCK_BYTES * i);

function prepared(tx: DmaTxDescriptor | null): DmaTxDescriptor {
  if (tx === null) throw new Error("the channel is full although it has completed everything");
  return tx;
}

function mustBeComplete(cookie: number): void {
  const status = chan.txStatus(cookie);
  if (status !== DmaStatus.COMPLETE) throw new Error(`expected a complete transaction, got status ${status}`);
}

const copy = (): DmaTxDescriptor => prepared(chan.prepMemcpy(dst, base, BLOCK_BYTES));
const xor = (): DmaTxDescriptor => prepared(chan.prepXor(dst, srcs, SOURCES, BLOCK_BYTES));

/** Submits in batches, then issues and polls once for each batch, as a stripe cache does. */
function batched(prepare: () => DmaTxDescriptor): Workload {
  return (count) => {
    for (let done = 0; done < count; done += BATCH) {
      let cookie = 0;
      for (let i = 0; i < BATCH; i++) cookie = prepare().submit();
      chan.issuePending();
      mustBeComplete(cookie);
    }
  };
}

function oneByOne(prepare: () => DmaTxDescriptor): Workload {
  return (count) => {
    for (let i = 0; i < count; i++) {
      const cookie = prepare().submit();
      chan.issuePending();
      mustBeComplete(cookie);
    }
  };
}

/** Every transaction maps its memory, and unmaps it by its unmap record. */
const mapped: Workload = (count) => {
  const { device } = chan;
  for (let done = 0; done < count; done += BATCH) {
    let cookie = 0;
    for (let i = 0; i < BATCH; i++) {
      const unmap = device.getUnmapData(2);
      unmap.len = BLOCK_BYTES;
      unmap.toCnt = 1;
      unmap.addr[0] = device.mapPage(memory, 0, BLOCK_BYTES, DmaDirection.TO_DEVICE);
      unmap.fromCnt = 1;
      unmap.addr[1] = device.mapPage(memory, BLOCK_BYTES, BLOCK_BYTES, DmaDirection.FROM_DEVICE);
      const tx = prepared(chan.prepMemcpy(unmap.addr[1], unmap.addr[0], BLOCK_BYTES));
      tx.setUnmap(unmap);
      cookie = tx.submit();
      unmap.put();
    }
    chan.issuePending();
    mustBeComplete(cookie);
  }
};

/** Every transaction has a callback, and the last one of a batch submits the next batch. */
const calledBack: Workload = (count) =>
  new Promise((resolve) => {
    let calls = 0;
    const onComplete = (): void => {
      calls += 1;
      if (calls % BATCH !== 0) return;
      if (calls < count) submitBatch();
      else resolve();
    };
    const submitBatch = (): void => {
      for (let i = 0; i < BATCH; i++) {
        const tx = copy();
        tx.callback = onComplete;
        tx.submit();
      }
      chan.issuePending();
    };
    submitBatch();
  });

const workloads: Record<string, Workload> = {
  [`memcpy ${BLOCK_BYTES} B, ${BATCH} at a time`]: batched(copy),
  [`memcpy ${BLOCK_BYTES} B, one at a time`]: oneByOne(copy),
  [`xor ${SOURCES} x ${BLOCK_BYTES} B, ${BATCH} at a time`]: batched(xor),
  [`memcpy ${BLOCK_BYTES} B, ${BATCH} at a time, mapped each`]: mapped,
  [`memcpy ${BLOCK_BYTES} B, ${BATCH} at a time, called back each`]: calledBack,
};

console.log(`${OPERATIONS.toLocaleString("en")} operations of each kind, Node ${process.versions.node}\n`);
for (const [name, workload] of Object.entries(workloads)) {
  const { nanos, bytes } = await measure(workload, OPERATIONS);
  const millions = (1000 / nanos).toFixed(2);
  console.log(
    `${name.padEnd(48)} ${millions.padStart(6)} million/s ${bytes.toFixed(3).padStart(9)} bytes each`,
  );
}
