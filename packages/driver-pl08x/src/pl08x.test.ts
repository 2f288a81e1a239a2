import {
  DMA_CTRL_ACK,
  DMA_PREP_FENCE,
  DMA_PREP_INTERRUPT,
  type DmaChan,
  type DmaDevice,
  DmaDirection,
  DmaEngine,
  DmaStatus,
  DmaTransferDirection,
  DmaTransResult,
  type DmaTxDescriptor,
  Scatterlist,
} from "@dmaengine/core";
import { BUILT_IN_OPERATIONS, type OperationDefinition } from "@dmaengine/core/driver";
import { type IrqLine, Platform } from "@dmaengine/sim";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { FifoPeripheral, type FifoPeripheralOptions } from "./hw/fifo-peripheral.js";
import { DmaRequestLine } from "./hw/request-line.js";
import { type Pl08xOptions, pl08x } from "./pl08x.js";
import { PL08X_VARIANTS, type Pl08xVersion } from "./variant.js";

const VERSIONS = Object.keys(PL08X_VARIANTS) as Pl08xVersion[];
const NEVER_MAPPED = 0x10;
const { MEM_TO_DEV, DEV_TO_MEM } = DmaTransferDirection;

/** An engine with one controller, and memory that is mapped for as long as the test runs. */
async function rig(options: Pl08xOptions & { arenaBytes?: number } = {}) {
  const { arenaBytes = 65536, ...own } = options;
  const platform = options.platform ?? new Platform({ clock: "stepped" });
  const lines: IrqLine[] = [];
  const line = platform.irqs.line.bind(platform.irqs);
  vi.spyOn(platform.irqs, "line").mockImplementation((name) => {
    const made = line(name);
    lines.push(made);
    return made;
  });
  const uncaught: unknown[] = [];
  const engine = new DmaEngine({ onUncaught: (error) => uncaught.push(error) });
  const driver = pl08x({ ...own, platform });
  const devices = await engine.register(driver);
  const arena = new Uint8Array(arenaBytes);
  const base = (devices[0] as DmaDevice).mapSingle(arena, DmaDirection.BIDIRECTIONAL);
  return {
    platform,
    clock: platform.clock,
    engine,
    driver,
    devices,
    arena,
    base,
    uncaught,
    irq: lines[0] as IrqLine,
    copier: (): DmaChan<"memcpy"> => engine.requestChannel(["memcpy"]),
    slave: (name: string): DmaChan<"slaveSg" | "cyclic"> =>
      engine.requestChannel(["slaveSg", "cyclic"], { filter: (device) => device.name === name }),
  };
}

/** A prepared transaction, where room is not in question. */
function ready(tx: DmaTxDescriptor | null): DmaTxDescriptor {
  if (tx === null) throw new Error("no room");
  return tx;
}

function fillWithNoise(bytes: Uint8Array): void {
  let state = 0x9e3779b9;
  for (let i = 0; i < bytes.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
}

const memcpy = BUILT_IN_OPERATIONS.find(
  ({ name }) => name === "memcpy",
) as unknown as OperationDefinition<"memcpy">;

describe.each(VERSIONS)("any copies, on a %s", (version) => {
  const SLOT_BYTES = 8192;
  const SLOTS = 8;
  const slot = fc.nat(SLOTS - 1);
  const offset = fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, fc.nat(7));
  const copy = fc
    .record({
      src: slot,
      dst: slot,
      srcOffset: offset,
      dstOffset: offset,
      length: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(4092, 4095, 4096, 8000)),
      flags: fc
        .subarray([DMA_PREP_INTERRUPT, DMA_PREP_FENCE])
        .map((flags) => flags.reduce((a, b) => a | b, 0)),
      issue: fc.boolean(),
      channel: fc.constantFrom(0, 1),
    })
    .filter(({ src, dst }) => src !== dst);

  it.each(["free", "stepped"] as const)("do what they should, %s", async (mode) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(copy, { minLength: 1, maxLength: 30 }),
        fc.constantFrom(1, 2, 4),
        fc.constantFrom(1, 16, 256),
        async (copies, memcpyWidthBytes, memcpyBurst) => {
          const platform = new Platform({ clock: mode });
          const engine = new DmaEngine({ checker: true });
          const burst = mode === "free" ? 256 : (memcpyBurst as 1 | 16 | 256);
          const driver = pl08x({
            platform,
            version,
            ringSize: 8,
            memcpyWidthBytes: memcpyWidthBytes as 1 | 2 | 4,
            memcpyBurst: burst,
          });
          const [device] = (await engine.register(driver)) as [DmaDevice];
          const chan = engine.requestChannel(["memcpy"]);
          const arena = new Uint8Array(SLOTS * SLOT_BYTES);
          fillWithNoise(arena);
          const expected = arena.slice();
          const base = device.mapSingle(arena, DmaDirection.BIDIRECTIONAL);
          let last = 0;
          for (const { src, dst, srcOffset, dstOffset, length, flags, issue } of copies) {
            const args = {
              dst: base + dst * SLOT_BYTES + dstOffset,
              src: base + src * SLOT_BYTES + srcOffset,
              lengthBytes: length,
            };
            let tx = chan.prepMemcpy(args.dst, args.src, length, flags | DMA_CTRL_ACK);
            while (tx === null) {
              chan.issuePending();
              platform.clock.runNext();
              tx = chan.prepMemcpy(args.dst, args.src, length, flags | DMA_CTRL_ACK);
            }
            last = tx.submit();
            if (issue) chan.issuePending();
            memcpy.reference(args, flags, {
              read: (addr) => expected[addr - base] as number,
              write: (addr, value) => {
                expected[addr - base] = value;
              },
            });
          }
          chan.issuePending();
          while (chan.txStatus(last) === DmaStatus.IN_PROGRESS) platform.clock.runNext();
          expect(chan.txStatus(last)).toBe(DmaStatus.COMPLETE);
          device.unmapSingle(base, arena.length, DmaDirection.BIDIRECTIONAL);
          expect(Buffer.compare(arena, expected)).toBe(0);
          chan.release();
          await engine.unregister(driver, { signal: AbortSignal.abort() });
        },
      ),
      { numRuns: mode === "free" ? 40 : 15 },
    );
  });
});

describe("errors", () => {
  const BURST = 16;
  const LENGTH = 64;
  type Fault = "read" | "write";
  const result = { read: DmaTransResult.READ_FAILED, write: DmaTransResult.WRITE_FAILED };

  it.each(VERSIONS.flatMap((version) => (["read", "write"] as const).map((fault) => ({ version, fault }))))(
    "$version: a $fault error anywhere in a burst fails its transaction and no other",
    async ({ version, fault }: { version: Pl08xVersion; fault: Fault }) => {
      for (let position = 0; position < BURST; position++) {
        const { arena, base, copier, clock } = await rig({ version });
        fillWithNoise(arena);
        const chan = copier();
        const results: [number, number][] = [];
        const cookies = Array.from({ length: BURST }, (_, i) => {
          const src = i === position && fault === "read" ? NEVER_MAPPED : base + i * LENGTH;
          const dst = i === position && fault === "write" ? NEVER_MAPPED : base + 32768 + i * LENGTH;
          const tx = ready(chan.prepMemcpy(dst, src, LENGTH));
          tx.callback = (outcome, _param, residueBytes) => results.push([outcome, residueBytes]);
          return tx.submit();
        });
        chan.issuePending();
        while (clock.runNext());
        await Promise.resolve();
        expect(results).toEqual(
          cookies.map((_, i) => (i === position ? [result[fault], LENGTH] : [DmaTransResult.NOERROR, 0])),
        );
        for (let i = 0; i < BURST; i++) {
          const failed = i === position;
          expect(chan.txStatus(cookies[i] as number)).toBe(failed ? DmaStatus.ERROR : DmaStatus.COMPLETE);
          const copied = arena.subarray(32768 + i * LENGTH, 32768 + (i + 1) * LENGTH);
          const moved = Buffer.compare(copied, arena.subarray(i * LENGTH, (i + 1) * LENGTH)) === 0;
          expect(moved).toBe(!failed);
        }
      }
    },
  );

  it("an item that can't be fetched aborts its transaction, and the channel goes on", async () => {
    const { arena, base, copier, clock, platform } = await rig();
    fillWithNoise(arena);
    const chan = copier();
    const bad = ready(chan.prepMemcpy(base + 32768, base, 20_000));
    const good = ready(chan.prepMemcpy(base + 32768, base, 20_000));
    let outcome: number | null = null;
    bad.callback = (how) => {
      outcome = how;
    };
    const cookies = [bad.submit(), good.submit()];
    chan.issuePending();
    // The first channel's LLI register tells where the next item is; break the link behind that one.
    const lli = platform.bus.read32(0xfe00_0108);
    const window = platform.memory.locate(lli & ~3, 16);
    if (window === null) throw new Error("no item");
    new DataView(window.bytes.buffer, window.bytes.byteOffset).setUint32(
      (lli & ~3) - window.base + 8,
      NEVER_MAPPED,
      true,
    );
    while (clock.runNext());
    await Promise.resolve();
    expect(outcome).toBe(DmaTransResult.ABORTED);
    expect(chan.txStatus(cookies[0] as number)).toBe(DmaStatus.ERROR);
    expect(chan.txStatus(cookies[1] as number)).toBe(DmaStatus.COMPLETE);
    expect(Buffer.compare(arena.subarray(32768, 52768), arena.subarray(0, 20_000))).toBe(0);
  });
});

describe("interrupts and polling", () => {
  it("interrupts once for each transaction, whether asked to or not, and calls back from a tasklet", async () => {
    const { engine, base, copier, clock, platform } = await rig();
    const chan = copier();
    const contexts: string[] = [];
    for (const flags of [DMA_CTRL_ACK, DMA_CTRL_ACK | DMA_PREP_INTERRUPT]) {
      const tx = ready(chan.prepMemcpy(base, base + 100, 100, flags));
      tx.callback = () => contexts.push(platform.irqs.context);
      tx.submit();
    }
    chan.issuePending();
    while (clock.runNext());
    expect(contexts).toEqual(["softirq", "softirq"]);
    expect(platform.irqs.hardIrqs).toBe(2);
    expect(engine.stats().devices["pl08x0"]?.channels[chan.name]?.interrupts).toBe(2);
  });

  it("a poll finds what a lost interrupt would have told", async () => {
    const { base, copier, clock, irq, arena } = await rig();
    fillWithNoise(arena);
    const chan = copier();
    irq.free();
    irq.request(() => {});
    const cookies = [0, 1].map((i) => ready(chan.prepMemcpy(base + 32768 + i, base, 1000)).submit());
    chan.issuePending();
    while (clock.runNext());
    expect(chan.txStatus(cookies[0] as number)).toBe(DmaStatus.COMPLETE);
    expect(chan.txStatus(cookies[1] as number)).toBe(DmaStatus.IN_PROGRESS);
    while (clock.runNext());
    expect(chan.txStatus(cookies[1] as number)).toBe(DmaStatus.COMPLETE);
  });

  it("a callback may prepare, submit and issue", async () => {
    const { base, copier } = await rig({ platform: new Platform() });
    const chan = copier();
    let left = 5;
    await new Promise<void>((resolve) => {
      const go = (): void => {
        const tx = ready(chan.prepMemcpy(base, base + 100, 10));
        tx.callback = () => (--left > 0 ? go() : resolve());
        tx.submit();
        chan.issuePending();
      };
      go();
    });
    expect(left).toBe(0);
  });
});

describe("room", () => {
  it("ends with the ring, and comes back", async () => {
    const { base, copier, clock } = await rig({ ringSize: 3 });
    const chan = copier();
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 3; i++) ready(chan.prepMemcpy(base, base + 100, 10)).submit();
      expect(chan.prepMemcpy(base, base + 100, 10)).toBeNull();
      chan.issuePending();
      while (clock.runNext());
    }
  });

  it("is for the longest transaction, aligned or not", async () => {
    const { base, copier, arena, clock } = await rig({
      version: "pl081",
      arenaBytes: 5_000_000,
      memcpyWidthBytes: 4,
    });
    const chan = copier();
    const longest = chan.limits.memcpy.maxLengthBytes as number;
    expect(() => chan.prepMemcpy(base, base, longest + 1)).toThrow(/ERR|expected a length/);
    arena.fill(1, 1, 1 + longest);
    const cookie = ready(chan.prepMemcpy(base + 2_500_002, base + 1, longest)).submit();
    chan.issuePending();
    while (clock.runNext());
    expect(chan.txStatus(cookie)).toBe(DmaStatus.COMPLETE);
    expect(arena.subarray(2_500_002, 2_500_002 + longest).every((byte) => byte === 1)).toBe(true);
    expect(arena[2_500_001]).toBe(0);
    expect(arena[2_500_002 + longest]).toBe(0);
  });
});

describe("more channels than the hardware has", () => {
  /** A PL081, of whose two channels each is taken by a connection that nothing ever moves on. */
  async function crowded() {
    const signals = [0, 1, 2].map((signal) => ({
      name: `p${signal}`,
      signal,
      requests: new DmaRequestLine(),
    }));
    const r = await rig({ version: "pl081", slaveChannels: signals });
    const slaves = [0, 1, 2].map((n) => {
      const chan = r.slave(`pl08x0-p${n}`);
      chan.config({ dstAddr: 0xfff0_0000, dstAddrWidth: 1, dstMaxburst: 1 });
      return chan;
    });
    const sgl = new Scatterlist(1).add(r.arena, 0, 4);
    sgl.dmaAddr[0] = r.base;
    sgl.dmaLengthBytes[0] = 4;
    const wait = (n: number): number => {
      const chan = slaves[n] as (typeof slaves)[0];
      const cookie = ready(chan.prepSlaveSg(sgl, 1, MEM_TO_DEV)).submit();
      chan.issuePending();
      return cookie;
    };
    /** Channels of the hardware that are enabled. */
    const enabled = (): number => r.platform.bus.read32(0xfe00_001c);
    return { ...r, slaves, wait, enabled };
  }

  it("those that copy memory go first when one becomes free, then the others in order", async () => {
    const { slaves, wait, enabled, copier, base, clock, arena } = await crowded();
    arena.set([1, 2, 3, 4]);
    wait(0);
    expect(enabled()).toBe(1);
    wait(1);
    expect(enabled()).toBe(3);
    const third = wait(2);
    const copy = copier();
    const cookie = ready(copy.prepMemcpy(base + 100, base, 4)).submit();
    copy.issuePending();
    while (clock.runNext());
    expect(copy.txStatus(cookie)).toBe(DmaStatus.IN_PROGRESS);
    slaves[1]?.terminate();
    while (clock.runNext());
    expect(copy.txStatus(cookie)).toBe(DmaStatus.COMPLETE);
    expect([...arena.subarray(100, 104)]).toEqual([1, 2, 3, 4]);
    // The copy has ended, so it is the third connection's turn.
    expect(enabled()).toBe(3);
    expect(slaves[2]?.txStatus(third)).toBe(DmaStatus.IN_PROGRESS);
  });

  it("one that waits can be terminated, and paused", async () => {
    const { slaves, wait, enabled, copier, base, clock } = await crowded();
    wait(0);
    wait(1);
    const cookie = wait(2);
    slaves[2]?.terminate();
    expect(slaves[2]?.txStatus(cookie)).toBe(DmaStatus.ERROR);
    const copy = copier();
    const copied = ready(copy.prepMemcpy(base + 100, base, 4)).submit();
    copy.issuePending();
    copy.pause();
    slaves[1]?.terminate();
    expect(enabled()).toBe(1);
    while (clock.runNext());
    expect(copy.txStatus(copied)).toBe(DmaStatus.PAUSED);
    copy.resume();
    while (clock.runNext());
    expect(copy.txStatus(copied)).toBe(DmaStatus.COMPLETE);
  });

  it("a busy one keeps its channel while it has work", async () => {
    const { slaves, wait, copier, base, clock } = await crowded();
    wait(0);
    const copy = copier();
    const cookies = Array.from({ length: 3 }, () => ready(copy.prepMemcpy(base + 100, base, 4)).submit());
    copy.issuePending();
    const other = wait(1);
    let done = 0;
    while (clock.runNext()) {
      done = cookies.filter((cookie) => copy.txStatus(cookie) === DmaStatus.COMPLETE).length;
    }
    expect(done).toBe(3);
    expect(slaves[1]?.txStatus(other)).toBe(DmaStatus.IN_PROGRESS);
  });
});

describe("pause, residue, terminate", () => {
  it("pause stops between bursts and loses nothing; the residue tells what is left", async () => {
    const { base, copier, clock, arena } = await rig();
    fillWithNoise(arena);
    const chan = copier();
    const state = { last: 0, used: 0, residue: 0 };
    const first = ready(chan.prepMemcpy(base + 32768, base, 20_000)).submit();
    const second = ready(chan.prepMemcpy(base + 60_000, base, 100)).submit();
    chan.issuePending();
    expect(chan.txStatus(first, state)).toBe(DmaStatus.IN_PROGRESS);
    expect(state.residue).toBe(20_000);
    clock.runNext();
    chan.txStatus(first, state);
    expect(state.residue).toBe(20_000 - 1024);
    chan.pause();
    // The burst that was under way has drained.
    expect(chan.txStatus(first, state)).toBe(DmaStatus.PAUSED);
    expect(state.residue).toBe(20_000 - 2048);
    expect(clock.runNext()).toBe(false);
    chan.resume();
    // 16380 bytes are one item.
    while (clock.runNext() && chan.txStatus(first, state) === DmaStatus.IN_PROGRESS && state.residue > 3620);
    expect(state.residue).toBe(3620);
    chan.txStatus(second, state);
    expect(state.residue).toBe(100);
    while (clock.runNext());
    expect(chan.txStatus(second)).toBe(DmaStatus.COMPLETE);
    expect(Buffer.compare(arena.subarray(32768, 52768), arena.subarray(0, 20_000))).toBe(0);
  });

  it("a transaction whose last burst drains into a pause is complete, and the next one starts at resume", async () => {
    const { base, copier, clock } = await rig();
    const chan = copier();
    const cookies = [0, 1].map(() => ready(chan.prepMemcpy(base + 1000, base, 100)).submit());
    chan.issuePending();
    chan.pause();
    while (clock.runNext());
    expect(chan.txStatus(cookies[0] as number)).toBe(DmaStatus.COMPLETE);
    expect(chan.txStatus(cookies[1] as number)).toBe(DmaStatus.PAUSED);
    chan.resume();
    while (clock.runNext());
    expect(chan.txStatus(cookies[1] as number)).toBe(DmaStatus.COMPLETE);
  });

  it("terminate in flight leaves memory alone from then on, and the channel works", async () => {
    const { base, copier, clock, arena } = await rig();
    arena.fill(7, 0, 4096);
    const chan = copier();
    const cookie = ready(chan.prepMemcpy(base + 32768, base, 4096)).submit();
    chan.issuePending();
    clock.runNext();
    clock.advance(1);
    chan.terminate();
    const before = arena.slice();
    while (clock.runNext());
    expect(Buffer.compare(arena, before)).toBe(0);
    expect(chan.txStatus(cookie)).toBe(DmaStatus.ERROR);
    const again = ready(chan.prepMemcpy(base + 32768, base, 4096)).submit();
    chan.issuePending();
    while (clock.runNext());
    expect(chan.txStatus(again)).toBe(DmaStatus.COMPLETE);
    expect(arena.subarray(32768, 32768 + 4096).every((byte) => byte === 7)).toBe(true);
  });
});

describe("transfers from and to a peripheral", () => {
  async function serial(options: Partial<FifoPeripheralOptions> = {}, more: Pl08xOptions = {}) {
    const platform = new Platform({ clock: "stepped" });
    const fifo = new FifoPeripheral(platform, { name: "uart0", ...options });
    const r = await rig({
      platform,
      slaveChannels: [
        { name: "uart0_tx", signal: 14, requests: fifo.txRequests },
        { name: "uart0_rx", signal: 15, requests: fifo.rxRequests },
      ],
      ...more,
    });
    const width = options.widthBytes ?? 1;
    const [tx, rx] = [r.slave("pl08x0-uart0_tx"), r.slave("pl08x0-uart0_rx")];
    const configure = (deviceFc = false): void => {
      tx.config({ dstAddr: fifo.addr, dstAddrWidth: width, dstMaxburst: 4, deviceFc });
      rx.config({ srcAddr: fifo.addr, srcAddrWidth: width, srcMaxburst: 4, deviceFc });
    };
    configure();
    /** A list of pieces of the arena, mapped by hand. */
    const list = (...pieces: [number, number][]): Scatterlist => {
      const sgl = new Scatterlist(pieces.length);
      pieces.forEach(([at, length], i) => {
        sgl.add(r.arena, at, length);
        sgl.dmaAddr[i] = r.base + at;
        sgl.dmaLengthBytes[i] = length;
      });
      return sgl;
    };
    return { ...r, fifo, tx, rx, list, configure };
  }

  it.each(VERSIONS.flatMap((version) => ([1, 2, 4] as const).map((widthBytes) => ({ version, widthBytes }))))(
    "$version, $widthBytes bytes wide: sends and receives segments, however they are aligned",
    async ({ version, widthBytes }) => {
      const { arena, clock, fifo, tx, rx, list } = await serial({ widthBytes }, { version });
      fillWithNoise(arena);
      const out = list([100, 40], [201, 4 * widthBytes], [302, 100]);
      const back = list([1001, 60], [2000, 80 + 4 * widthBytes]);
      const sent = ready(tx.prepSlaveSg(out, 3, MEM_TO_DEV)).submit();
      const received = ready(rx.prepSlaveSg(back, 2, DEV_TO_MEM)).submit();
      tx.issuePending();
      rx.issuePending();
      const expected = [100, 201, 302].flatMap((at, i) => [
        ...arena.subarray(at, at + out.dmaLengthBytes[i]!),
      ]);
      const incoming = Uint8Array.from({ length: 140 + 4 * widthBytes }, (_, i) => i + 1);
      fifo.receive(incoming);
      while (clock.runNext());
      expect([tx.txStatus(sent), rx.txStatus(received)]).toEqual([DmaStatus.COMPLETE, DmaStatus.COMPLETE]);
      expect([...fifo.sent]).toEqual(expected);
      expect([...arena.subarray(1001, 1061)]).toEqual([...incoming.subarray(0, 60)]);
      expect([...arena.subarray(2000, 2080 + 4 * widthBytes)]).toEqual([...incoming.subarray(60)]);
      expect([fifo.overruns, fifo.underruns]).toEqual([0, 0]);
    },
  );

  it("waits for the peripheral, with the residue standing still", async () => {
    const { clock, fifo, rx, list } = await serial();
    const state = { last: 0, used: 0, residue: 0 };
    const cookie = ready(rx.prepSlaveSg(list([0, 16]), 1, DEV_TO_MEM)).submit();
    rx.issuePending();
    fifo.receive(new Uint8Array(10));
    while (clock.runNext());
    expect(rx.txStatus(cookie, state)).toBe(DmaStatus.IN_PROGRESS);
    expect(state.residue).toBe(6);
    fifo.receive(new Uint8Array(6));
    while (clock.runNext());
    expect(rx.txStatus(cookie)).toBe(DmaStatus.COMPLETE);
  });

  it("a peripheral that controls the flow ends the transfer with its message", async () => {
    const { arena, clock, fifo, rx, tx, list, configure } = await serial({ messageAccesses: 10 });
    configure(true);
    fillWithNoise(arena);
    const sent = ready(tx.prepSlaveSg(list([0, 4000]), 1, MEM_TO_DEV)).submit();
    const received = ready(rx.prepSlaveSg(list([8000, 4000]), 1, DEV_TO_MEM)).submit();
    tx.issuePending();
    rx.issuePending();
    fifo.receive(Uint8Array.from({ length: 10 }, (_, i) => 100 + i));
    while (clock.runNext());
    expect([tx.txStatus(sent), rx.txStatus(received)]).toEqual([DmaStatus.COMPLETE, DmaStatus.COMPLETE]);
    expect([...fifo.sent]).toEqual([...arena.subarray(0, 10)]);
    expect([...arena.subarray(8000, 8010)]).toEqual(Array.from({ length: 10 }, (_, i) => 100 + i));
  });

  it.each([
    ["to", MEM_TO_DEV],
    ["from", DEV_TO_MEM],
  ] as const)(
    "cyclic, %s the peripheral: calls back once a period, round and round, until it is terminated",
    async (_title, direction) => {
      // With 2 bytes a period is more than one item of 4095 accesses of a byte, as the memory is not aligned.
      const { arena, base, clock, fifo, tx, rx } = await serial({ widthBytes: 2, accessNanos: 100 });
      const [PERIOD, PERIODS, AT] = [5000, 3, 1001];
      fillWithNoise(arena);
      const before = arena.slice(AT, AT + PERIOD * PERIODS);
      const chan = direction === MEM_TO_DEV ? tx : rx;
      const transfer = ready(chan.prepCyclic(base + AT, PERIOD * PERIODS, PERIOD, direction));
      const residues: number[] = [];
      const state = { last: 0, used: 0, residue: 0 };
      let cookie = 0;
      transfer.callback = () => {
        chan.txStatus(cookie, state);
        residues.push(Math.ceil(state.residue / PERIOD));
        if (residues.length === 7) chan.terminate();
      };
      cookie = transfer.submit();
      chan.issuePending();
      const incoming = new Uint8Array(PERIOD * 8);
      fillWithNoise(incoming);
      if (direction === DEV_TO_MEM) fifo.receive(incoming);
      while (clock.runNext());
      expect(residues).toEqual([2, 1, 3, 2, 1, 3, 2]);
      expect(chan.txStatus(cookie)).toBe(DmaStatus.ERROR);
      if (direction === MEM_TO_DEV) {
        const { sent } = fifo;
        expect(sent.length).toBeGreaterThanOrEqual(PERIOD * 7 - 32);
        expect(Buffer.compare(sent.subarray(0, PERIOD * 3), before)).toBe(0);
        expect(Buffer.compare(sent.subarray(PERIOD * 3, PERIOD * 6), before)).toBe(0);
      } else {
        const last = incoming.subarray(PERIOD * 6, PERIOD * 7);
        expect(Buffer.compare(arena.subarray(AT, AT + PERIOD), last)).toBe(0);
      }
    },
  );

  it("fails where there is no register at the address, and goes on", async () => {
    const { clock, tx, rx, list, configure, fifo } = await serial();
    tx.config({ dstAddr: 0xfff0_0000, dstAddrWidth: 1 });
    rx.config({ srcAddr: 0xfff0_0000, srcAddrWidth: 1 });
    const results: number[] = [];
    for (const [chan, direction] of [
      [tx, MEM_TO_DEV],
      [rx, DEV_TO_MEM],
    ] as const) {
      const bad = ready(chan.prepSlaveSg(list([0, 4]), 1, direction));
      bad.callback = (result) => results.push(result);
      bad.submit();
      chan.issuePending();
    }
    fifo.receive(new Uint8Array(4));
    while (clock.runNext());
    expect(results).toEqual([DmaTransResult.WRITE_FAILED, DmaTransResult.READ_FAILED]);
    configure();
    const cookie = ready(tx.prepSlaveSg(list([0, 4]), 1, MEM_TO_DEV)).submit();
    tx.issuePending();
    while (clock.runNext());
    expect(tx.txStatus(cookie)).toBe(DmaStatus.COMPLETE);
  });

  it("single requests only, where the connection says so", async () => {
    const platform = new Platform({ clock: "stepped" });
    const fifo = new FifoPeripheral(platform, { name: "uart0", burst: 1 });
    const { slave, base, clock, arena } = await rig({
      platform,
      slaveChannels: [{ name: "tx", signal: 0, requests: fifo.txRequests, single: true }],
    });
    arena.set([1, 2, 3, 4, 5]);
    const chan = slave("pl08x0-tx");
    chan.config({ dstAddr: fifo.addr, dstAddrWidth: 1, dstMaxburst: 256 });
    const sgl = new Scatterlist(1).add(arena, 0, 5);
    sgl.dmaAddr[0] = base;
    sgl.dmaLengthBytes[0] = 5;
    ready(chan.prepSlaveSg(sgl, 1, MEM_TO_DEV)).submit();
    chan.issuePending();
    expect(platform.bus.read32(0xfe01_010c) & (0x3f << 12)).toBe(0);
    while (clock.runNext());
    expect([...fifo.sent]).toEqual([1, 2, 3, 4, 5]);
  });

  it("goes through the masters that reach it", async () => {
    for (const periphBuses of [1, 2] as const) {
      const platform = new Platform({ clock: "stepped" });
      const fifo = new FifoPeripheral(platform, { name: "uart0" });
      const { slave, base, clock, arena } = await rig({
        platform,
        memBuses: 1,
        lliBuses: 2,
        slaveChannels: [{ name: "tx", signal: 0, requests: fifo.txRequests, periphBuses }],
      });
      const chan = slave("pl08x0-tx");
      chan.config({ dstAddr: fifo.addr, dstAddrWidth: 1, dstMaxburst: 4 });
      const sgl = new Scatterlist(2).add(arena, 0, 5).add(arena, 100, 5);
      sgl.dmaAddr.set([base, base + 100]);
      sgl.dmaLengthBytes.fill(5);
      const cookie = ready(chan.prepSlaveSg(sgl, 2, MEM_TO_DEV)).submit();
      chan.issuePending();
      while (clock.runNext());
      expect(chan.txStatus(cookie)).toBe(DmaStatus.COMPLETE);
      expect(fifo.sent.length).toBe(10);
    }
  });

  describe("what it refuses", () => {
    it("widths and addresses that there are none of, and flow control that the part does not have", async () => {
      const { tx } = await serial();
      expect(() => tx.config({ dstAddr: 0x1000, dstAddrWidth: 8 })).toThrow(
        /dstAddrWidth of 1, 2, 4 bytes, got 8/,
      );
      expect(() => tx.config({ dstAddr: 0x1002, dstAddrWidth: 4 })).toThrow(/aligned to 4 bytes, got 0x1002/);
      expect(() => tx.config({ dstAddr: 2 ** 32, dstAddrWidth: 4 })).toThrow(/address of 32 bits/);
      const other = await serial({}, { version: "pl080s" });
      expect(() => other.configure(true)).toThrow(/no flow control by peripherals/);
    });

    it("a transfer before config, and lengths that are no whole accesses", async () => {
      const { tx, list } = await serial();
      tx.config({ srcAddr: 0x1000, srcAddrWidth: 4 });
      expect(() => tx.prepSlaveSg(list([0, 4]), 1, MEM_TO_DEV)).toThrow(
        /config\(\) it with dstAddr and dstAddrWidth/,
      );
      tx.config({ dstAddr: 0x1000, dstAddrWidth: 4 });
      expect(() => tx.prepSlaveSg(list([0, 6]), 1, MEM_TO_DEV)).toThrow(/lengths in steps of 4 bytes, got 6/);
      expect(() => tx.prepSlaveSg(list([0, 4]), 1, DmaTransferDirection.MEM_TO_MEM)).toThrow(
        /MEM_TO_DEV, DEV_TO_MEM/,
      );
    });
  });
});

describe("options", () => {
  const requests = new DmaRequestLine();

  it.each<[Pl08xOptions, RegExp]>([
    [{ version: "pl999" as Pl08xVersion }, /expected version from pl080s, pl080, pl081, got pl999/],
    [{ ringSize: 0 }, /expected ringSize from 1 to 65536, got 0/],
    [{ memcpyBurst: 5 as 4 }, /expected memcpyBurst from 1, 4, 8, 16, 32, 64, 128, 256, got 5/],
    [{ memcpyWidthBytes: 8 as 4 }, /expected memcpyWidthBytes from 1, 2, 4, got 8/],
    [{ memBuses: 0 as 1 }, /expected memBuses from 1 \(AHB1\), 2 \(AHB2\), 3 \(both\), got 0/],
    [{ version: "pl081", lliBuses: 2 }, /expected lliBuses from 1: this part has one master, got 2/],
    [
      { slaveChannels: [{ name: "p", signal: 16, requests }] },
      /expected signal from 0 to 15, each once, got 16/,
    ],
    [
      { slaveChannels: [0, 1].map(() => ({ name: "p", signal: 3, requests })) },
      /expected signal from 0 to 15, each once, got 3/,
    ],
  ])("%o", (options, message) => {
    expect(() => pl08x(options)).toThrow(message);
  });

  it("a part that it does not know is refused, and taken off the platform", async () => {
    const platform = new Platform();
    const read32 = platform.bus.read32.bind(platform.bus);
    vi.spyOn(platform.bus, "read32").mockImplementation((addr) =>
      addr % 0x1000 === 0xfe0 ? 0x90 : read32(addr),
    );
    const engine = new DmaEngine();
    await expect(engine.register(pl08x({ platform }))).rejects.toThrow(
      /found a part with the identification 0x41090/,
    );
    expect(() => read32(0xfe00_0000)).toThrow(/no register/);
  });

  it("has the channels of the part, as many to copy memory", async () => {
    for (const version of VERSIONS) {
      const { engine } = await rig({ version });
      const count = PL08X_VARIANTS[version].channels;
      expect(engine.findChannels(["memcpy"])).toHaveLength(count);
    }
  });
});
