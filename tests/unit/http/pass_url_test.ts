import { assert, assertEquals } from "@std/assert";
import { parsePassUrl } from "../../../src/http/pass_url.ts";

Deno.test("pass with variables: what a rendered URL says", () => {
  const cases: readonly [
    url: string,
    host: string,
    port: string,
    to: string,
    uri: string | undefined,
  ][] = [
    ["http://a.test", "a.test", "80", "a.test:80", undefined],
    ["HTTP://A.test:80/", "a.test", "80", "a.test:80", "/"],
    ["https://a.test", "a.test", "443", "a.test:443", undefined],
    ["https://a.test:80?x=1", "a.test:80", "80", "a.test:80", "/?x=1"],
    ["http://[::1]:9000/x y", "[::1]:9000", "9000", "::1:9000", "/x%20y"],
    ["http://10.0.0.1/a\r\nb", "10.0.0.1", "80", "10.0.0.1:80", "/a%0D%0Ab"],
    ["http://unix:/run/a.sock", "localhost", "", "/run/a.sock", undefined],
    ["http://unix:/run/a.sock:/x?y", "localhost", "", "/run/a.sock", "/x?y"],
  ];
  for (const [url, host, port, to, uri] of cases) {
    const parsed = parsePassUrl(url);
    assert(typeof parsed !== "string", url);
    const place = parsed.to.kind === "socket"
      ? parsed.to.path
      : `${parsed.to.hostname}:${parsed.to.port}`;
    assertEquals(
      [parsed.proxyHost, parsed.proxyPort, place, parsed.uri],
      [host, port, to, uri],
      url,
    );
  }
});

Deno.test("pass with variables: what is wrong, in nginx's words", () => {
  const cases: readonly [url: string, wrong: string][] = [
    ["", 'invalid URL prefix in ""'],
    ["http://", 'invalid URL prefix in "http://"'],
    ["ftp://a", 'invalid URL prefix in "ftp://a"'],
    ["http://:80/x", 'no host in upstream ":80/x"'],
    ["http:///x", 'no host in upstream "/x"'],
    ["http://a:", 'invalid port in upstream "a:"'],
    ["http://a:0", 'invalid port in upstream "a:0"'],
    ["http://a:65536", 'invalid port in upstream "a:65536"'],
    ["http://a@b", 'invalid host in upstream "a@b"'],
    ["http://1.2.3", 'invalid host in upstream "1.2.3"'],
    ["http://unix:x", 'invalid unix socket in upstream "unix:x"'],
  ];
  for (const [url, wrong] of cases) assertEquals(parsePassUrl(url), wrong, url);
});
