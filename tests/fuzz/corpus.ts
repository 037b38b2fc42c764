/**
 * Messages that are tried first, always: those in which a difference was found once, here or in
 * the programs beside Sluice, and one of each kind that smuggling lives on.
 *
 * @module
 */

const HIDDEN = "GET /hidden HTTP/1.1\r\nHost: hidden\r\n\r\n";

/** What clients send. */
export const REQUESTS: readonly string[] = [
  // Content-Length against Transfer-Encoding, both ways round.
  `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG`,
  `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n26\r\n${HIDDEN}\r\n0\r\n\r\n`,
  `POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${HIDDEN}`,
  // Fields that are taken away by Connection, and one that is forged.
  `POST / HTTP/1.1\r\nHost: a\r\nConnection: content-length\r\nContent-Length: 38\r\n\r\n${HIDDEN}`,
  `POST / HTTP/1.1\r\nHost: a\r\nConnection: transfer-encoding, host, x-fuzz\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n${HIDDEN}`,
  `GET / HTTP/1.1\r\nHost: a\r\nX-Fuzz: forged\r\n\r\n${HIDDEN}`,
  // The end of a chunk, of an extension, of the trailers.
  `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloxx0\r\n\r\n${HIDDEN}`,
  `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;\n0\r\nhello\r\n0\r\n\r\n${HIDDEN}`,
  `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 38\r\n\r\n${HIDDEN}`,
  `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000005\r\nhello\r\n0\r\n\r\n`,
  // A body nobody expects, and a body in two readings of HTTP/1.0.
  `GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 38\r\n\r\n${HIDDEN}`,
  `HEAD / HTTP/1.0\r\n\r\n${HIDDEN}`,
  `POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 38\r\n\r\n${HIDDEN}`,
  // nginx has "?x" as this one's $request_uri, Sluice "/?x".
  "HEAD http://other?x HTTP/1.1\r\nHost: a\r\n\r\n",
  // Methods that Node does not know, and one that a log has for none.
  "M-X https://[::1]/ HTTP/1.1\r\nHost: a\r\n\r\n",
  "- /a HTTP/1.1\r\nHost: a\r\n\r\n",
  // Node leaves this connection open for ever, directly.
  "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n-0\r\n\r\n",
  // nginx refuses what is said twice, and so does Sluice since this was found.
  ...["Expect: 100-continue", "Authorization: Basic YTph", 'If-Match: "a"', "Content-Range: a"].map(
    (field) => `GET / HTTP/1.1\r\nHost: a\r\n${field}\r\n${field}\r\n\r\n`,
  ),
  "GET / HTTP/1.1\r\nHost:\ta\r\n\r\n",
  "GET https://[::1]/ HTTP/1.1\r\nHost: a\t\r\n\r\n",
  // Sluice writes its own Host where the client has none.
  `POST / HTTP/1.0\r\nX-HTTP-Method-Override: PUT\r\n\r\n${HIDDEN}`,
];

/** What origins send. */
export const RESPONSES: readonly string[] = [
  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
  // Two lengths, or one that no two programs read the same.
  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 3\r\n\r\nhello",
  "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello",
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n",
  "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
  // Too short, too long, without an end.
  "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
  "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhello",
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloxx0\r\n\r\n",
  "HTTP/1.1 200 OK\r\n\r\nhello",
  // Another response where none may be.
  "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello",
  "HTTP/1.1 304 Not Modified\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
  "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
  "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
  // llhttp takes the length of an interim response for that of a body.
  "HTTP/1.1 108 x\r\nTE: 100-continue\r\nContent-Length: 5\r\n\r\nGET / HTTP/1.1\r\n\r\n",
  "HTTP/1.1 103 x\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhello",
  // A head in a body, a body in a head.
  "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
  "HTTP/1.1 200 OK\r\nX: a\r\n Content-Length: 0\r\n\r\nhello",
  "HTTP/1.1 200 OK\r\nConnection: content-length\r\nContent-Length: 5\r\n\r\nhello",
];
