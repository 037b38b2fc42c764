/** `store`: responses kept as files, byte for byte, complete or not at all. */
import { assert, assertEquals } from "@std/assert";
import { difference, numbered } from "../support/bodies.ts";
import { connect, exchange, getRequest } from "../support/client.ts";
import { eventually, inFrontOf, type InProcessSluice, withSluice } from "../support/in_process.ts";
import {
  close,
  expectRequest,
  okResponse,
  type Origin,
  pause,
  repeat,
  reset,
  type Script,
  send,
  startOrigin,
} from "../support/origin.ts";
import { tempDir } from "../support/program.ts";
import { startSluice } from "../support/sluice.ts";
import { gate } from "../support/within.ts";

interface Scene {
  readonly address: string;
  readonly sluice: InProcessSluice;
  readonly origin: Origin;
  /** What `store` begins with. */
  readonly root: string;
  readonly temp: string;
}

/** A location that stores to `ROOT$uri`, in front of an origin that plays `script`. */
async function withStore(
  script: Script,
  act: (scene: Scene) => Promise<void>,
  { proxy = "", path = "$uri" } = {},
): Promise<void> {
  await using dir = await tempDir();
  const [root, temp] = [`${dir.path}/www`, `${dir.path}/temp`];
  Deno.mkdirSync(root);
  Deno.mkdirSync(temp);
  await using origin = await startOrigin({ each: script });
  const settings = [`store: "${root}${path}"`, `temp_path: ${temp}`, proxy].filter(Boolean);
  const yaml = inFrontOf(origin, { proxy: settings.join(", ") });
  await withSluice(yaml, async (address, sluice) => {
    await act({ address, sluice, origin, root, temp });
    await sluice.rest();
    assertEquals(filesBelow(temp), []);
    assertEquals(filesBelow(root).filter((name) => name.includes(".sluice")), []);
  });
}

function filesBelow(folder: string): string[] {
  return Array.from(Deno.readDirSync(folder)).flatMap(({ name, isDirectory }) =>
    isDirectory ? filesBelow(`${folder}/${name}`) : [`${folder}/${name}`]
  );
}

/** Asks on a connection of its own; the answer need not be whole. */
const ask = (address: string, target: string) => exchange(address, getRequest(target));

const always = (text: string | Uint8Array): Script => [repeat(expectRequest(), send(text))];
const BODY = numbered(300_000);

for (const proxy of ["", "buffering: off", "max_temp_file_size: 0"]) {
  Deno.test(`store (${proxy || "buffered"}): the file is the body, with the time of Last-Modified`, async () => {
    const date = "Wed, 21 Oct 2015 07:28:00 GMT";
    await withStore(always(okResponse(BODY, `Last-Modified: ${date}`)), async (scene) => {
      const { body } = await ask(scene.address, "/a/b/c.bin?query");
      assertEquals(difference(body, BODY), "");
      const path = `${scene.root}/a/b/c.bin`;
      await eventually("the file", () => filesBelow(scene.root).includes(path));
      assertEquals(difference(Deno.readFileSync(path), BODY), "");
      const { mtime, mode } = Deno.statSync(path);
      assertEquals(mtime?.toUTCString(), date);
      assertEquals(mode! & 0o777, 0o600);
    }, { proxy });
  });
}

Deno.test("store: a small response, a chunked one, an empty one, and one that ends with its connection", async () => {
  const framed = [
    okResponse("small"),
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nsm\r\n3\r\nall\r\n0\r\nT: r\r\n\r\n",
    okResponse(""),
    "HTTP/1.1 200 OK\r\n\r\nsmall",
  ];
  const script = framed.flatMap((text) => [expectRequest(), send(text)]);
  await withStore([...script, close()], async ({ address, root }) => {
    for (let n = 0; n < 4; n++) await ask(address, `/${n}`);
    await eventually("four files", () => filesBelow(root).length === 4);
    const contents = [0, 1, 2, 3].map((n) => Deno.readTextFileSync(`${root}/${n}`));
    assertEquals(contents, ["small", "small", "", "small"]);
  });
});

Deno.test("store_access: of the file, and of the folders that are made for it", async () => {
  await withStore(always(okResponse("x")), async ({ address, root }) => {
    await ask(address, "/new/file");
    await eventually("the file", () => filesBelow(root).length === 1);
    assertEquals(Deno.statSync(`${root}/new/file`).mode! & 0o777, 0o664);
    assertEquals(Deno.statSync(`${root}/new`).mode! & 0o777, 0o775);
  }, { proxy: 'store_access: "user:rw group:rw all:r"' });
});

Deno.test("store: a file that is there is replaced at once", async () => {
  const isReady = gate();
  const script = [
    expectRequest(),
    send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nnew"),
    pause(isReady),
    send("est"),
  ];
  await withStore(script, async ({ address, root }) => {
    Deno.writeTextFileSync(`${root}/x`, "old");
    await using client = await connect(address);
    await client.send(getRequest("/x"));
    await client.readThrough("new");
    assertEquals(Deno.readTextFileSync(`${root}/x`), "old");
    isReady.open();
    await client.readThrough("est");
    await eventually("the new one", () => Deno.readTextFileSync(`${root}/x`) === "newest");
  });
});

for (
  const [what, request, response] of [
    ["a 404", getRequest("/x"), "HTTP/1.1 404 No\r\nContent-Length: 1\r\n\r\nx"],
    ["a part of a file (206)", getRequest("/x"), "HTTP/1.1 206 P\r\nContent-Length: 1\r\n\r\nx"],
    [
      "an answer to HEAD",
      "HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n",
    ],
    [
      "an answer to POST",
      "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
      okResponse("x"),
    ],
    ["a path that ends in a slash", getRequest("/x/"), okResponse("x")],
    ["a name that is not UTF-8", getRequest("/%ff"), okResponse("x")],
  ] as const
) {
  Deno.test(`store: ${what} is passed on and not stored`, async () => {
    await withStore(always(response), async ({ address, sluice, root }) => {
      const { status } = await exchange(address, request, { method: request.split(" ")[0]! });
      assert([200, 206, 404].includes(status));
      await sluice.accessLine(1);
      assertEquals(filesBelow(root), []);
    });
  });
}

for (
  const target of [
    "/..",
    "/../x",
    "/a/../../x",
    "/%2e%2e/x",
    "/x?name=/../../x",
    "/x?name=../../x",
    "/x?name=..",
    "/x?name=/..",
  ]
) {
  Deno.test(`store: nothing leads out of its folder (${target})`, async () => {
    await withStore(always(okResponse("x")), async ({ address, sluice, root }) => {
      await ask(address, target);
      await sluice.accessLine(1);
      const outside = filesBelow(`${root}/..`).filter((path) => path.endsWith("x"));
      assertEquals(outside, []);
    }, { path: "/$arg_name" });
  });
}

for (const [how, step] of [["closes", close()], ["resets", reset()]] as const) {
  for (const proxy of ["", "buffering: off"]) {
    Deno.test(`store: an origin that ${how} in the middle leaves no file (${proxy || "buffered"})`, async () => {
      const script = [
        expectRequest(),
        send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
        step,
      ];
      await withStore(script, async ({ address, sluice, root }) => {
        assertEquals((await ask(address, "/x")).isComplete, false);
        await sluice.accessLine(1);
        assertEquals(filesBelow(root), []);
      }, { proxy });
    });
  }
}

for (const proxy of ["", "buffering: off", "max_temp_file_size: 0", "limit_rate: 1g"]) {
  for (const leaving of ["close", "reset"] as const) {
    Deno.test(`store: a client that leaves (${leaving}) does not end the fetching (${proxy || "buffered"})`, async () => {
      const body = numbered(16 << 20);
      await withStore(always(okResponse(body)), async ({ address, sluice, root }) => {
        await using client = await connect(address);
        await client.send(getRequest("/x"));
        await client.readThrough("\r\n\r\n");
        client.pause();
        await client[leaving]();
        await eventually("the file", () => filesBelow(root).length === 1);
        assertEquals(difference(Deno.readFileSync(`${root}/x`), body), "");
        await sluice.accessLine(1);
        await eventually("the connection to be kept", () => sluice.stats().idle === 1);
      }, { proxy });
    });
  }
}

Deno.test("store: a client that left before the answer came: it is stored", async () => {
  const isReady = gate();
  const script = [expectRequest(), pause(isReady), send(okResponse(BODY))];
  await withStore(script, async ({ address, root, origin }) => {
    const client = await connect(address);
    await client.send(getRequest("/x"));
    await origin.waitForRequest(1);
    await client.reset();
    isReady.open();
    await eventually("the file", () => filesBelow(root).length === 1);
    assertEquals(difference(Deno.readFileSync(`${root}/x`), BODY), "");
  });
});

Deno.test("store: a temp_path that is missing is told, and the response passes", async () => {
  await withStore(always(okResponse("x")), async ({ address, sluice, root, temp }) => {
    Deno.removeSync(temp);
    assertEquals((await ask(address, "/x")).bodyText, "x");
    await sluice.errorLine(/\[crit\].*cannot store ".*\/www\/x": No such file/);
    assertEquals(filesBelow(root), []);
    Deno.mkdirSync(temp);
  });
});

Deno.test("store: a place that cannot be taken is told, and the response passes", async () => {
  await withStore(always(okResponse("x")), async ({ address, sluice, root }) => {
    Deno.mkdirSync(`${root}/x`);
    assertEquals((await ask(address, "/x")).bodyText, "x");
    await sluice.errorLine(/\[crit\].*cannot store ".*\/www\/x": Is a directory/);
    Deno.writeTextFileSync(`${root}/y`, "");
    assertEquals((await ask(address, "/y/z")).bodyText, "x");
    await sluice.errorLine(/\[crit\].*cannot store ".*\/www\/y\/z": Not a directory/);
  });
});

Deno.test("store: onto another file system than that of temp_path", async () => {
  const root = await Deno.makeTempDir({ dir: "/dev/shm" });
  try {
    await using origin = await startOrigin({ each: always(okResponse(BODY)) });
    const proxy = `store: "${root}$uri", temp_path: /tmp`;
    await withSluice(inFrontOf(origin, { proxy }), async (address) => {
      await ask(address, "/a/x");
      await eventually("the file", () => filesBelow(root).includes(`${root}/a/x`));
      assertEquals(difference(Deno.readFileSync(`${root}/a/x`), BODY), "");
      assertEquals(Deno.statSync(`${root}/a/x`).mode! & 0o777, 0o600);
      assertEquals(filesBelow(root), [`${root}/a/x`]);
    });
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("store: a proxy that is killed leaves no half-stored file, and the next one clears up", async () => {
  await using dir = await tempDir();
  Deno.mkdirSync(`${dir.path}/www`);
  const half = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";
  await using origin = await startOrigin({ each: [expectRequest(), send(half)] });
  const yaml = `
servers:
  - listen: 127.0.0.1:0
    locations:
      /: { proxy: { pass: "http://${origin.address}", store: "${dir.path}/www$uri", temp_path: "${dir.path}" } }
`;
  const temps = () => filesBelow(dir.path).map((path) => path.slice(dir.path.length + 1));
  {
    await using sluice = await startSluice(yaml);
    await using client = await connect(sluice.address);
    await client.send(getRequest("/x"));
    await client.readThrough("half");
    {
      await using other = await startSluice(yaml); // must not take it for left behind
      assertEquals(other.addresses.length, 1);
      assertEquals(temps().length, 1);
    }
    Deno.kill(sluice.pid, "SIGKILL");
    await client.ended;
  }
  assertEquals(temps().map((name) => name.startsWith(".sluice-store-")), [true]);
  await using sluice = await startSluice(yaml);
  assertEquals([sluice.addresses.length, temps()], [1, []]);
});

Deno.test("store: a server that is stopped in the middle keeps nothing", async () => {
  const half = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";
  await withStore([expectRequest(), send(half)], async ({ address, sluice, root, temp }) => {
    await using client = await connect(address);
    await client.send(getRequest("/x"));
    await client.readThrough("half");
    await sluice.server.stop();
    assertEquals([filesBelow(root), filesBelow(temp)], [[], []]);
  });
});
