import type { DmaChan } from "@dmaengine/core";
import { ioat } from "@dmaengine/driver-ioat";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AsyncTx, type DmaClient, DmaClients, DmaState, DmaStateClient } from "./index.js";
import { machine, takeApart } from "./testing/engine-sets.js";
import { refused } from "./testing/refused.js";

const { ACK, DUP, NAK } = DmaStateClient;
const SWITCHING = "copy and xor on different engines (IOP33x)";
const IOAT = "everything on one engine (I/OAT)";

/** A client that answers as `answer` says, and notes what it hears. */
function clientOf<Op extends "memcpy" | "xor">(
  capMask: readonly Op[],
  answer: (chan: DmaChan<Op>, state: DmaState) => DmaStateClient,
) {
  const heard: [name: string, state: DmaState][] = [];
  const client: DmaClient<Op> = {
    capMask,
    eventCallback(_client, chan, state) {
      heard.push([chan.name, state]);
      return answer(chan, state);
    },
  };
  return { client, heard };
}

const available = (...names: string[]) => names.map((name) => [name, DmaState.RESOURCE_AVAILABLE]);
const holders = (engine: Awaited<ReturnType<typeof machine>>["engine"]) =>
  Object.values(engine.stats().devices).flatMap(({ channels }) =>
    Object.entries(channels).flatMap(([name, of]) => (of.holders > 0 ? [name] : [])),
  );

describe("a client", () => {
  it("is offered every channel that has what it needs, and has those that it acks, to work with", async () => {
    const m = await machine(SWITCHING);
    const clients = new DmaClients(m.engine);
    const taken: DmaChan<"memcpy">[] = [];
    const { client, heard } = clientOf(["memcpy"], (chan) => {
      taken.push(chan);
      return ACK;
    });
    clients.dmaAsyncClientRegister(client);
    expect(heard).toEqual([]);
    clients.dmaAsyncClientChanRequest(client);
    expect(heard).toEqual(available("dma0chan0", "dma1chan0"));
    expect(holders(m.engine)).toEqual(["dma0chan0", "dma1chan0"]);
    const [chan] = taken;
    if (chan === undefined) throw new Error("expected a channel");
    const memory = new Uint8Array(512).fill(7, 0, 256);
    const at = chan.device.mapSingle(memory, 0);
    expect(await chan.syncWait(chan.prepMemcpy(at + 256, at, 256)?.submit() ?? 0)).toBe(0);
    chan.device.unmapSingle(at, 512, 0);
    expect(memory).toEqual(new Uint8Array(512).fill(7));
    clients.dmaAsyncClientUnregister(client);
    expect(holders(m.engine)).toEqual([]);
    await takeApart(m);
  });

  it("passes channels over with DUP and ends the offers with NAK", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(ACK, DUP, NAK), { minLength: 4, maxLength: 4 }),
        async (answers) => {
          const m = await machine(IOAT);
          const clients = new DmaClients(m.engine);
          const channels = ["dma0chan0", "dma0chan1", "dma0chan2", "dma0chan3"];
          const { client, heard } = clientOf(
            ["xor"],
            (chan) => answers[channels.indexOf(chan.name)] as DmaStateClient,
          );
          clients.dmaAsyncClientRegister(client);
          clients.dmaAsyncClientChanRequest(client);
          const end = answers.includes(NAK) ? answers.indexOf(NAK) + 1 : 4;
          expect(heard).toEqual(available(...channels.slice(0, end)));
          expect(holders(m.engine)).toEqual(channels.slice(0, end).filter((_, i) => answers[i] === ACK));
          // Asked again, it is offered what it has not got.
          heard.length = 0;
          clients.dmaAsyncClientChanRequest(client);
          const free = channels.filter((_, i) => !(i < end && answers[i] === ACK));
          expect(heard.map(([name]) => name)).toEqual(free.slice(0, heard.length));
          clients.close();
          expect(holders(m.engine)).toEqual([]);
          await takeApart(m);
        },
      ),
      { numRuns: 81 },
    );
  });

  it("that needs nothing in particular is offered every channel", async () => {
    const m = await machine(SWITCHING);
    const clients = new DmaClients(m.engine);
    const { client, heard } = clientOf([], () => DUP);
    clients.dmaAsyncClientRegister(client);
    clients.dmaAsyncClientChanRequest(client);
    expect(heard).toEqual(available("dma0chan0", "dma1chan0", "dma2chan0"));
    clients.close();
    await takeApart(m);
  });

  it("filters by what its platform knows of a device, as the original's documentation shows", async () => {
    const m = await machine(SWITCHING);
    const clients = new DmaClients(m.engine);
    const { client } = clientOf(["memcpy"], (chan) => (chan.device.name === "iop-adma.1" ? ACK : DUP));
    clients.dmaAsyncClientRegister(client);
    clients.dmaAsyncClientChanRequest(client);
    expect(holders(m.engine)).toEqual(["dma1chan0"]);
    clients.close();
  });

  it("is not offered what another has, or what async_tx shares", async () => {
    const m = await machine(IOAT);
    const clients = new DmaClients(m.engine);
    const first = clientOf(["memcpy"], (chan) => (chan.name === "dma0chan1" ? ACK : DUP));
    const second = clientOf(["memcpy"], () => DUP);
    for (const { client } of [first, second]) {
      clients.dmaAsyncClientRegister(client);
      clients.dmaAsyncClientChanRequest(client);
    }
    expect(second.heard).toEqual(available("dma0chan0", "dma0chan2", "dma0chan3"));
    const atx = new AsyncTx(m.engine);
    second.heard.length = 0;
    clients.dmaAsyncClientChanRequest(second.client);
    expect(second.heard).toEqual([]);
    await atx.close();
    clients.dmaAsyncClientChanRequest(second.client);
    expect(second.heard).toEqual(available("dma0chan0", "dma0chan2", "dma0chan3"));
    clients.close();
    await takeApart(m);
  });

  it("loses nothing when its callback throws", async () => {
    const m = await machine(IOAT);
    const clients = new DmaClients(m.engine);
    const { client } = clientOf(["memcpy"], () => {
      throw new Error("a client's own");
    });
    clients.dmaAsyncClientRegister(client);
    expect(() => clients.dmaAsyncClientChanRequest(client)).toThrow("a client's own");
    expect(holders(m.engine)).toEqual([]);
    clients.close();
    await takeApart(m);
  });
});

describe("when devices come and go", () => {
  it("offers new channels to those that asked for some", async () => {
    const m = await machine("no engine");
    const clients = new DmaClients(m.engine);
    const asked = clientOf(["memcpy"], () => ACK);
    const silent = clientOf(["memcpy"], () => ACK);
    clients.dmaAsyncClientRegister(asked.client);
    clients.dmaAsyncClientRegister(silent.client);
    clients.dmaAsyncClientChanRequest(asked.client);
    expect(asked.heard).toEqual([]);
    await m.engine.register(ioat({ channels: 2 }));
    expect(asked.heard).toEqual(available("dma0chan0", "dma0chan1"));
    expect(silent.heard).toEqual([]);
    clients.close();
  });

  it.each(["unregister", "remove"] as const)(
    "takes channels away with REMOVED on %s: those that are acked",
    async (how) => {
      const m = await machine(IOAT);
      const clients = new DmaClients(m.engine);
      const { client, heard } = clientOf(["memcpy"], (chan, state) =>
        state === DmaState.RESOURCE_AVAILABLE || chan.name !== "dma0chan2" ? ACK : DUP,
      );
      clients.dmaAsyncClientRegister(client);
      clients.dmaAsyncClientChanRequest(client);
      heard.length = 0;
      const gone = m.engine[how](m.drivers[0] as (typeof m.drivers)[0]);
      expect(heard.map(([, state]) => state)).toEqual(new Array(4).fill(DmaState.RESOURCE_REMOVED));
      expect(holders(m.engine)).toEqual(["dma0chan2"]);
      // The driver waits for the client that did not let go.
      clients.dmaAsyncClientUnregister(client);
      await gone;
      clients.close();
    },
  );
});

it("knows its clients", async () => {
  const m = await machine("no engine");
  const clients = new DmaClients(m.engine);
  const { client } = clientOf(["memcpy"], () => ACK);
  for (const call of ["dmaAsyncClientChanRequest", "dmaAsyncClientUnregister"] as const) {
    await refused("ERR_ASYNC_TX_CLIENT", (async () => clients[call](client))());
  }
  clients.dmaAsyncClientRegister(client);
  await refused("ERR_ASYNC_TX_CLIENT", (async () => clients.dmaAsyncClientRegister(client))());
  clients.dmaAsyncClientUnregister(client);
  clients.dmaAsyncClientRegister(client);
});
