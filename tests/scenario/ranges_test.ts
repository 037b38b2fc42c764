/** force_ranges and max_ranges: compared with nginx 1.22.1 by hand. */
import { assert, assertEquals } from "@std/assert";
import { connect, exchange, getRequest, type Response } from "../support/client.ts";
import { inFrontOf, withSluice } from "../support/in_process.ts";
import { answerOf, startRoutes } from "../support/routes.ts";

const BODY = "0123456789";
const FIELDS = [
  "Content-Type: t/x",
  'ETag: "v1"',
  "Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT",
  "Accept-Ranges: none",
];
const LARGE = Array.from({ length: 300_000 }, (_, at) => String.fromCharCode(97 + at % 23)).join(
  "",
);

async function ask(
  requests: readonly (readonly string[])[],
  proxy = "",
  location = "",
): Promise<readonly Response[]> {
  await using origin = await startRoutes({
    "/a": answerOf("200 OK", BODY, ...FIELDS),
    "/404": answerOf("404 Not Found", BODY),
    "/large": answerOf("200 OK", LARGE),
    "/chunked": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n",
  });
  const responses: Response[] = [];
  await withSluice(
    inFrontOf(origin, { proxy: `force_ranges: on${proxy}`, location }),
    async (address) => {
      await using client = await connect(address);
      for (const [path = "/a", ...lines] of requests) {
        await client.send(getRequest(path, ...lines));
        responses.push(await client.readResponse());
      }
    },
  );
  return responses;
}

function told({ status, bodyText, fields }: Response): string {
  return `${status} ${fields.get("Content-Range") ?? fields.get("Accept-Ranges")} ${bodyText}`;
}

Deno.test("force_ranges: one range is cut out, from either end", async () => {
  const responses = await ask(
    [[], ["/a", "Range: bytes=2-4"], ["/a", "Range: bytes=7-"], ["/a", "Range: bytes=-2"]],
  );
  assertEquals(responses.map(told), [
    "200 bytes 0123456789",
    "206 bytes 2-4/10 234",
    "206 bytes 7-9/10 789",
    "206 bytes 8-9/10 89",
  ]);
  assertEquals(responses.map(({ fields }) => fields.get("Content-Type")), Array(4).fill("t/x"));
  assertEquals(responses[1]?.reason, "Partial Content");
});

Deno.test("force_ranges: several ranges are multipart/byteranges; those that go back are the whole", async () => {
  const [parts, back] = await ask([
    ["/a", "Range: bytes=0-0,3-4,-1"],
    ["/a", "Range: bytes=5-6,1-2"],
  ]);
  const [, boundary] =
    /^multipart\/byteranges; boundary=(\d{20})$/.exec(parts!.fields.get("Content-Type") ?? "") ??
      [];
  const part = (range: string, text: string) =>
    `\r\n--${boundary}\r\nContent-Type: t/x\r\nContent-Range: bytes ${range}/10\r\n\r\n${text}`;
  assertEquals(parts!.status, 206);
  assertEquals(
    parts!.bodyText,
    part("0-0", "0") + part("3-4", "34") + part("9-9", "9") + `\r\n--${boundary}--\r\n`,
  );
  assertEquals(told(back!), "200 bytes 0123456789");
});

Deno.test("force_ranges: none of the body is 416, which may have an error page", async () => {
  const [own] = await ask([["/a", "Range: bytes=10-"]]);
  assertEquals([own!.status, own!.fields.get("Content-Range")], [416, "bytes */10"]);
  const [page] = await ask(
    [["/a", "Range: bytes=10-"]],
    "",
    'error_page: { 416: "=200 /chunked" }',
  );
  assertEquals([page!.status, page!.bodyText], [200, BODY]);
});

Deno.test("If-Range: the range only if the ETag or the date is the origin's, else the whole", async () => {
  const conditions = [
    'If-Range: "v1"',
    'If-Range: "v2"',
    'If-Range: W/"v1"',
    "If-Range: Wed, 21 Oct 2015 07:28:00 GMT",
    "If-Range: Wed, 21 Oct 2015 07:28:01 GMT",
  ];
  const responses = await ask(conditions.map((line) => ["/a", "Range: bytes=1-2", line]));
  assertEquals(responses.map(({ status }) => status), [206, 200, 200, 206, 200]);
});

Deno.test("max_ranges: more of them are the whole; 0 serves none", async () => {
  const two = ["/a", "Range: bytes=1-2,4-5"];
  const [over] = await ask([two], "", "max_ranges: 1");
  const [none] = await ask([["/a", "Range: bytes=1-2"]], "", "max_ranges: 0");
  assertEquals([told(over!), told(none!)], ["200 bytes 0123456789", "200 undefined 0123456789"]);
});

Deno.test("force_ranges: other statuses, and bodies of unknown length, stay whole", async () => {
  const responses = await ask([["/404", "Range: bytes=1-2"], ["/chunked", "Range: bytes=1-2"]]);
  assertEquals(responses.map(({ status, bodyText }) => [status, bodyText]), [
    [404, BODY],
    [200, BODY],
  ]);
});

for (const buffering of ["on", "off"]) {
  Deno.test(`force_ranges: parts of a large body, buffering ${buffering}, and the connection goes on`, async () => {
    const requests = [
      ["/large", "Range: bytes=0-9"],
      ["/large", "Range: bytes=150000-150009"],
      ["/large", "Range: bytes=-5"],
      ["/large", "Range: bytes=5-9,100000-200000,299999-"],
      ["/large"],
    ];
    const responses = await ask(requests, `, buffering: ${buffering}`);
    assertEquals(responses[0]?.bodyText, LARGE.slice(0, 10));
    assertEquals(responses[1]?.bodyText, LARGE.slice(150_000, 150_010));
    assertEquals(responses[2]?.bodyText, LARGE.slice(-5));
    assert(responses[3]?.bodyText.includes(LARGE.slice(100_000, 200_001)));
    assertEquals(Number(responses[3]?.fields.get("Content-Length")), responses[3]?.body.length);
    assertEquals(responses[4]?.bodyText, LARGE);
  });
}

Deno.test("without force_ranges a Range is the origin's business", async () => {
  await using origin = await startRoutes({
    "/a": answerOf("200 OK", BODY, "Accept-Ranges: bytes"),
  });
  await withSluice(inFrontOf(origin), async (address) => {
    const response = await exchange(address, getRequest("/a", "Range: bytes=1-2"));
    assertEquals(told(response), "200 bytes 0123456789");
  });
  assertEquals(origin.requests[0]?.fields.get("Range"), "bytes=1-2");
});
