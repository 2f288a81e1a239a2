import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const HTML =
  '<!doctype html><meta charset="utf-8"><title>driver-cpu</title><script type="module" src="/page.js"></script>';

/** With these a page is cross-origin isolated, and has memory to share with workers (HTML standard, 7.1.3 and 7.1.4). */
const ISOLATION = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

/** The page on a port of this machine: isolated at `/isolated`, not isolated at `/plain`. */
export class Site {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(): Promise<Site> {
    const script = await pageScript();
    const server = createServer(({ url }, response) => {
      const isScript = url === "/page.js";
      const type = isScript ? "text/javascript" : "text/html";
      response.writeHead(200, { "content-type": type, ...(url === "/plain" ? {} : ISOLATION) });
      response.end(isScript ? script : HTML);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new Site(server);
  }

  url(path: "/isolated" | "/plain"): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}${path}`;
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

/** Everything in one script. It is made for browsers, so it fails if something imports from Node. */
async function pageScript(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("page.ts", import.meta.url))],
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
    conditions: ["@dmaengine/source"],
  });
  return (outputFiles[0] as { text: string }).text;
}
