/** Which peer a request goes to, by the group's `balance`. */
import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { freePorts } from "../support/free_ports.ts";
import type { CustomBalancer } from "../../mod.ts";
import { type Client, connect, exchange, getRequest } from "../support/client.ts";
import { eventually, inFrontOf, type InProcessSluice, withSluice } from "../support/in_process.ts";
import {
  act,
  expectHead,
  okResponse,
  type Origin,
  pause,
  repeat,
  respondWith,
  send,
  startOrigin,
} from "../support/origin.ts";
import { gate } from "../support/within.ts";

const named = (name: string): Promise<Origin> => respondWith(okResponse(name));

Deno.test("hash: requests with one key have one peer, and another if that one is gone", async () => {
  for (const balance of ["{ hash: $arg_k }", "{ hash: $arg_k, consistent: on }"]) {
    await using one = await named("one");
    await using two = await named("two");
    await using three = await named("three");
    const origins = [one.address, two.address, three.address];
    await withSluice(inFrontOf(origins, { group: `balance: ${balance}` }), async (address) => {
      const ask = async (key: string) =>
        (await exchange(address, getRequest(`/?k=${key}`))).bodyText;
      const keys = Array.from({ length: 30 }, (_, at) => `key${at}`);
      const first = new Map<string, string>();
      for (const key of keys) first.set(key, await ask(key));
      assertEquals(new Set(first.values()).size, 3);
      for (const key of keys) assertEquals(await ask(key), first.get(key));

      await three[Symbol.asyncDispose]();
      for (const key of keys) {
        const name = await ask(key);
        if (first.get(key) === "three") assertNotEquals(name, "three");
        else assertEquals(name, first.get(key));
      }
    });
  }
});

Deno.test("ip_hash: a client's requests have one peer, over all its connections", async () => {
  await using one = await named("one");
  await using two = await named("two");
  const conf = inFrontOf([one.address, two.address], { group: "balance: ip_hash" });
  await withSluice(conf, async (address) => {
    const names = new Set<string>();
    for (let at = 0; at < 6; at++) names.add((await exchange(address, getRequest())).bodyText);
    assertEquals(names.size, 1);
  });
});

Deno.test("least_conn: a peer that is busy is passed by", async () => {
  const isOver = gate();
  await using slow = await startOrigin({
    each: [expectHead(), pause(isOver), send(okResponse("slow"))],
  });
  await using fast = await named("fast");
  const conf = inFrontOf([slow.address, fast.address], { group: "balance: least_conn" });
  await withSluice(conf, async (address) => {
    await using waiting = await connect(address);
    await waiting.send(getRequest());
    await slow.waitForRequest(1);
    for (let at = 0; at < 5; at++) {
      assertEquals((await exchange(address, getRequest())).bodyText, "fast");
    }
    isOver.open();
    assertEquals((await waiting.readResponse()).bodyText, "slow");
  });
});

Deno.test("sticky cookie: a client stays with its peer, and is told when it has another", async () => {
  await using one = await named("one");
  await using two = await named("two");
  const group = "sticky: { cookie: srv, path: /, httponly: on, samesite: lax }";
  const origins = [`${one.address} route=a`, `${two.address} route=b`];
  await withSluice(inFrontOf(origins, { group }), async (address) => {
    const ask = async (cookie: string) => {
      const response = await exchange(address, getRequest("/", `Cookie: ${cookie}`));
      return [response.bodyText, response.fields.get("Set-Cookie")];
    };
    assertEquals(await ask("x=y"), ["one", "srv=a; path=/; httponly; samesite=lax"]);
    for (let at = 0; at < 3; at++) assertEquals(await ask("x=y; srv=b"), ["two", undefined]);
    for (let at = 0; at < 3; at++) assertEquals(await ask("srv=a"), ["one", undefined]);

    await one[Symbol.asyncDispose]();
    assertEquals(await ask("srv=a"), ["two", "srv=b; path=/; httponly; samesite=lax"]);
  });
});

Deno.test("sticky route: a variable names the peer; one that drains has only such requests", async () => {
  await using one = await named("one");
  await using two = await named("two");
  const origins = [`${one.address} route=a`, `${two.address} route=b drain`];
  const group = "sticky: route $arg_to $cookie_to";
  await withSluice(inFrontOf(origins, { group }), async (address) => {
    for (const [path, name] of [["/?to=b", "two"], ["/?to=a", "one"], ["/", "one"], ["/", "one"]]) {
      assertEquals((await exchange(address, getRequest(path))).bodyText, name);
    }
  });
});

Deno.test("least_time, ewma and random two least_time: requests go where answers come soonest", async () => {
  const ways = [
    "least_time header",
    "least_time last_byte",
    "ewma",
    "random two least_time=header",
    "random two least_time=last_byte",
  ];
  for (const balance of ways) {
    const isOver = gate();
    await using slow = await startOrigin({
      each: [expectHead(), pause(isOver), send(okResponse("slow"))],
    });
    await using fast = await named("fast");
    const conf = inFrontOf([slow.address, fast.address], { group: `balance: ${balance}` });
    await withSluice(conf, async (address) => {
      await using clients = new AsyncDisposableStack();
      let waiting: Client;
      do { // chance may send some to the fast one first
        waiting = clients.use(await connect(address));
        const seen = slow.requestsSeen + fast.requestsSeen;
        await waiting.send(getRequest());
        await eventually("it to be asked", () => slow.requestsSeen + fast.requestsSeen > seen);
      } while (slow.requestsSeen === 0);
      const startedAtMs = performance.now();
      while (performance.now() - startedAtMs < 100) {
        assertEquals((await exchange(address, getRequest())).bodyText, "fast");
      }
      isOver.open();
      assertEquals((await waiting.readResponse()).bodyText, "slow");
      for (let at = 0; at < 10; at++) { // it is idle now, but was slow
        assertEquals((await exchange(address, getRequest())).bodyText, "fast");
      }
    });
  }
});

/** Waits until so many requests are in the queue. */
function queued(sluice: InProcessSluice, count: number): Promise<void> {
  const line = `${count} requests that wait for a peer`;
  return eventually(line, () => sluice.stats().outstanding.includes(line));
}

/** Answers its first request when it is told to, and the others at once. */
async function startHeld(): Promise<{ origin: Origin; answer: () => void } & AsyncDisposable> {
  const isOver = gate();
  const next = repeat(expectHead(), send(okResponse("next")));
  const origin = await startOrigin({
    first: [[expectHead(), pause(isOver), send(okResponse("held")), next]],
    each: [next],
  });
  return {
    origin,
    answer: () => isOver.open(),
    [Symbol.asyncDispose]: () => origin[Symbol.asyncDispose](),
  };
}

Deno.test("queue: a request waits for room at a peer; one too many is 502 at once", async () => {
  await using held = await startHeld();
  const conf = inFrontOf(`${held.origin.address} max_conns=1`, { group: "queue: 2" });
  await withSluice(conf, async (address, sluice) => {
    await using first = await connect(address);
    await first.send(getRequest("/1"));
    await held.origin.waitForRequest(1);
    await using second = await connect(address);
    await second.send(getRequest("/2"));
    await using gone = await connect(address);
    await gone.send(getRequest("/gone"));
    await queued(sluice, 2);
    assertEquals((await exchange(address, getRequest("/4"))).status, 502);
    await sluice.errorLine(/no live upstreams .*GET \/4 /);

    await gone.reset(); // its place is free again
    await queued(sluice, 1);
    await using third = await connect(address);
    await third.send(getRequest("/3"));
    await queued(sluice, 2);
    held.answer();
    assertEquals((await first.readResponse()).bodyText, "held");
    assertEquals((await second.readResponse()).bodyText, "next");
    assertEquals((await third.readResponse()).bodyText, "next");
  });
  assertEquals(held.origin.requestsSeen, 3);
});

Deno.test("queue: who has waited long enough is answered with 502", async () => {
  await using held = await startHeld();
  const group = "queue: 5 timeout=50ms";
  const conf = inFrontOf(`${held.origin.address} max_conns=1`, { group });
  await withSluice(conf, async (address, sluice) => {
    await using first = await connect(address);
    await first.send(getRequest("/1"));
    await held.origin.waitForRequest(1);
    const late = await Promise.all([2, 3].map((at) => exchange(address, getRequest(`/${at}`))));
    assertEquals(late.map(({ status }) => status), [502, 502]);
    await sluice.errorLine(/no live upstreams/);
    held.answer();
    assertEquals((await first.readResponse()).bodyText, "held");
    assertEquals((await exchange(address, getRequest("/4"))).bodyText, "next");
  });
});

Deno.test("queue: where no peer is full there is nothing to wait for", async () => {
  const [port] = freePorts(1);
  const origins = [`127.0.0.1:${port} max_conns=1`, `127.0.0.1:${port} max_conns=1 backup`];
  await withSluice(inFrontOf(origins, { group: "queue: 5" }), async (address, sluice) => {
    assertEquals((await exchange(address, getRequest())).status, 502);
    assertEquals((await exchange(address, getRequest())).status, 502);
    await sluice.errorLine(/no live upstreams/);
  });
});

Deno.test("slow_start: a peer that was out gets few requests at first", async () => {
  const next = repeat(expectHead(), send(okResponse("flaky")));
  await using flaky = await startOrigin({
    first: [[
      expectHead(),
      send("HTTP/1.1 500 X\r\nContent-Length: 3\r\n\r\nbad"),
      next,
    ]],
    each: [next],
  });
  await using good = await named("good");
  const origins = [`${flaky.address} slow_start=1h fail_timeout=20ms`, good.address];
  const conf = inFrontOf(origins, { proxy: "next_upstream: http_500" });
  await withSluice(conf, async (address) => {
    const ask = async () => (await exchange(address, getRequest())).bodyText;
    assertEquals([await ask(), flaky.requestsSeen], ["good", 1]);
    let asked = 0;
    while (await ask() !== "flaky") assert(++asked < 10_000, "its trial does not come");
    const names: string[] = [];
    for (let at = 0; at < 60; at++) names.push(await ask());
    assertEquals(names.filter((name) => name === "flaky").length <= 1, true, `${names}`);
  });
});

Deno.test("a balancer of the program: it chooses by a text of the request, and what it throws is said once", async () => {
  await using one = await named("one");
  await using two = await named("two");
  const conf = inFrontOf([`${one.address} route=a`, `${two.address} route=b`], {
    group: 'balance: "mine $arg_to"',
  });
  const mine: CustomBalancer = () => ({
    choose(candidates, { key }) {
      if (key === "bad") throw new Error("no such place");
      return candidates.find(({ route }) => route === key);
    },
  });
  await withSluice(conf, async (address, sluice) => {
    const ask = async (to: string) => (await exchange(address, getRequest(`/?to=${to}`))).bodyText;
    assertEquals(await Promise.all(["b", "b", "a", "b"].map(ask)), ["two", "two", "one", "two"]);
    assertEquals(new Set([await ask("bad"), await ask("bad")]).size, 2);
    const line = await sluice.errorLine(/balancer/);
    assertMatch(line, /\[error\].*balancer mine failed in choose\(\): Error: no such place/);
    const again = sluice.errorLog.filter((text) => text.includes("balancer mine"));
    assertEquals(again.length, 1);
  }, { balancers: { mine } });
});

/** Answers with its name; `/login?s=ID` begins a session there. */
function sessionOrigin(name: string): Promise<Origin> {
  const answer = act("answer", (connection) => {
    const [, session] = /\?s=(\w+)/.exec(connection.requests.at(-1)!.target) ?? [];
    const fields = session === undefined ? [] : [`Set-Cookie: sid=${session}; path=/`];
    return connection.write(okResponse(name, ...fields));
  });
  return startOrigin({ each: [repeat(expectHead(), answer)] });
}

Deno.test("sticky learn: a session goes where it began, by what peers say in their answers", async () => {
  for (const header of ["off", "on"]) {
    await using one = await sessionOrigin("one");
    await using two = await sessionOrigin("two");
    const learn = "create: $upstream_cookie_sid, lookup: [$arg_sid, $cookie_sid], zone: s:64k";
    const conf = inFrontOf([one.address, two.address], {
      group: `sticky: { learn: { ${learn}, header: ${header} } }`,
    });
    await withSluice(conf, async (address) => {
      const ask = async (path: string, ...lines: readonly string[]) =>
        (await exchange(address, getRequest(path, ...lines))).bodyText;
      const began = new Map<string, string>();
      for (const id of ["a", "b", "c", "d"]) began.set(id, await ask(`/login?s=${id}`));
      assertEquals([...began.values()], ["one", "two", "one", "two"]);
      for (const [id, name] of [...began, ...began]) {
        assertEquals(await ask("/", `Cookie: sid=${id}`), name);
        assertEquals(await ask(`/?sid=${id}`), name);
      }
      assertEquals(new Set([await ask("/?sid=x"), await ask("/?sid=x")]).size, 2, "nobody's");

      await one[Symbol.asyncDispose]();
      assertEquals(await ask("/?sid=a&s=a"), "two");
    });
  }
});

Deno.test("sticky learn header: a session is known before its first answer has ended", async () => {
  const isOver = gate();
  const head = "HTTP/1.1 200 OK\r\nSet-Cookie: sid=a\r\nContent-Length: 4\r\n\r\n";
  await using one = await startOrigin({
    first: [[expectHead(), send(head), pause(isOver), send("slow")]],
    each: [repeat(expectHead(), send(okResponse("one")))],
  });
  await using two = await named("two");
  const learn = "create=$upstream_cookie_sid lookup=$cookie_sid zone=s:64k timeout=1h header";
  const conf = inFrontOf([one.address, two.address], { group: `sticky: learn ${learn}` });
  await withSluice(conf, async (address) => {
    await using client = await connect(address);
    await client.send(getRequest());
    await client.readThrough("\r\n\r\n");
    for (let at = 0; at < 3; at++) {
      const response = await exchange(address, getRequest("/", "Cookie: sid=a"));
      assertEquals(response.bodyText, "one");
    }
    isOver.open();
    await client.readThrough("slow");
  });
});

Deno.test("sticky learn: a session that is not asked for during the timeout is forgotten", async () => {
  await using one = await sessionOrigin("one");
  await using two = await sessionOrigin("two");
  const learn = "create: $upstream_cookie_sid, lookup: $arg_sid, zone: s:64k, timeout: 30ms";
  const conf = inFrontOf([one.address, two.address], { group: `sticky: { learn: { ${learn} } }` });
  await withSluice(conf, async (address) => {
    const ask = async (path: string) => (await exchange(address, getRequest(path))).bodyText;
    await ask("/?s=a");
    await new Promise((resolve) => setTimeout(resolve, 60)); // what is tested is that time passes
    assertEquals(new Set([await ask("/?sid=a"), await ask("/?sid=a")]).size, 2);
  });
});

Deno.test("backup: a peer that is one is asked when no other can be", async () => {
  const [closed = 0] = freePorts(1);
  await using one = await respondWith(okResponse("one"));
  await using spare = await respondWith(okResponse("spare"));
  const peers = (first: string) => [first, `{ address: "${spare.address}", backup: on }`];
  await withSluice(inFrontOf(peers(one.address)), async (address) => {
    for (let at = 0; at < 4; at++) {
      assertEquals((await exchange(address, getRequest())).bodyText, "one");
    }
  });
  await withSluice(inFrontOf(peers(`127.0.0.1:${closed}`)), async (address) => {
    assertEquals((await exchange(address, getRequest())).bodyText, "spare");
  });
});

Deno.test("keepalive_time: a connection to a peer that is older is not kept", async () => {
  const connectionsOf = async (group: string) => {
    await using origin = await respondWith(okResponse("ok"));
    await withSluice(inFrontOf(origin, { group }), async (address) => {
      for (let at = 0; at < 3; at++) {
        const startedMs = performance.now();
        await eventually("the clock to go on", () => performance.now() > startedMs + 20);
        await exchange(address, getRequest());
      }
    });
    return origin.connectionsSeen;
  };
  assertEquals(await connectionsOf("keepalive_time: 1h"), 1);
  assert(await connectionsOf("keepalive_time: 1ms") > 1);
});
