/**
 * Where Sluice differs from nginx beside what its directives say of themselves. Seen by
 * running nginx 1.22.1 and Sluice with the same configuration, unless a line says otherwise.
 *
 * @module
 */

/** One difference, and why. */
export interface Difference {
  readonly what: string;
  readonly nginx: string;
  readonly sluice: string;
  readonly why: string;
}

/** By what they are about. */
export const DIFFERENCES: Readonly<Record<string, readonly Difference[]>> = {
  "Names and addresses": [
    {
      what: "`pass` with variables that hold a blank or a line end",
      nginx: "passes it raw",
      sluice: "escapes it (`%20`)",
      why: "it would end the request line, or begin another one",
    },
    {
      what: "`localhost` in a variable",
      nginx: "asks DNS, 502",
      sluice: "the loopback address",
      why: "RFC 6761",
    },
    {
      what: "variables in `pass` without a resolver",
      nginx: "502",
      sluice: "the system's resolver, asked again after 30 s",
      why: "it is what people mean",
    },
    {
      what: "a resolver that fails, SERVFAIL or REFUSED",
      nginx: "asks once; the request fails",
      sluice: "asks the next server, or once more; an answer that was known is kept",
      why: "a failing resolver says nothing about the name",
    },
    {
      what: "connections to targets with variables",
      nginx: "closed",
      sluice: "kept, for the 1,000 targets used last",
      why: "they cost as much to open",
    },
    {
      what: "several addresses of one name",
      nginx: "begins at a random one",
      sluice: "round robin from the first",
      why: "no reason to differ between them",
    },
  ],
  "Logs": [
    {
      what: "a line of the access log",
      nginx: "written as it comes, unless `buffer` says otherwise",
      sluice: "gathered: 64 KB or a second; `buffer=0` writes it as it comes",
      why: "a write for each request costs more than the line",
    },
    {
      what: "logs of one file with different `buffer` or `flush`",
      nginx: "refuses them",
      sluice: "the smallest and shortest count",
      why: "no line waits longer than any of them allows",
    },
    {
      what: "a path with variables that has `..` or control characters in it by then",
      nginx: "opens it",
      sluice: "loses the line, says so once and counts it",
      why: "a client may name it: no file outside of the folder is written",
    },
    {
      what: "a path with variables and the folder of `root`",
      nginx: "writes only while the folder of `root` exists",
      sluice: "does not look at it",
      why: "what it is to keep from being made is kept by permissions",
    },
    {
      what: "a log that cannot be written",
      nginx: "says so once a second or for each line; a full disk may hold a worker up",
      sluice: "says so once, counts the lines (`sluice_log_lines_lost_total`), goes on",
      why: "a log never holds traffic up",
    },
    {
      what: "`escape=json` and bytes that are no UTF-8",
      nginx: "as they are",
      sluice: "`\\u00XX`",
      why: "the line is JSON then",
    },
    {
      what: "`error_log` at the top of nginx.conf and in `http`",
      nginx: "requests have those of `http`, the process those of the top",
      sluice: "all of them are of one level, for both",
      why: "they are one place in YAML",
    },
    {
      what: "the default `tag` of a syslog",
      nginx: "`nginx`",
      sluice: "`sluice`",
      why: "it says which program it was",
    },
    {
      what: "`syslog:server=` with the name of a host",
      nginx: "looked up at the start",
      sluice: "refused, but for `localhost`: an address is needed",
      why: "logs do not wait for DNS",
    },
  ],
  "The process": [
    {
      what: "a reload and idle connections to clients",
      nginx: "closes them",
      sluice: "keeps them: their next request has the new configuration",
      why: "a client whose request is on its way would lose it",
    },
    {
      what: "SIGQUIT and idle connections to clients",
      nginx: "closes them at once",
      sluice: "the same; one that was at work within the last second may send one more request",
      why: "it may be on its way",
    },
    {
      what: "a reload and the state of peers",
      nginx: "forgotten, but for groups with `zone`",
      sluice: "kept for peers with the same group and address",
      why: "a reload should not send requests to a peer that is known to be dead",
    },
    {
      what: "a reload that changes `backlog`",
      nginx: "changes it",
      sluice: "waits for the next start, and says so",
      why: "Deno cannot change an open socket",
    },
    {
      what: "the signal that opens the logs again",
      nginx: "USR1",
      sluice: "USR2",
      why: "Deno opens its inspector on USR1",
    },
    {
      what: "replacing the program",
      nginx: "USR2, the new process inherits the sockets",
      sluice: "a second process beside the first, with `listen … reuseport`",
      why: "Deno cannot pass on a socket",
    },
    {
      what: "`pid`",
      nginx: "has a default; one of a process that runs is written over",
      sluice: "none unless named; one of a process that runs is an error",
      why: "two processes with one file: the second could not be told anything",
    },
    {
      what: "an address in use at the start",
      nginx: "tries five times in 2.5 s",
      sluice: "an error at once",
      why: "a supervisor tries again",
    },
    {
      what: "`worker_processes`",
      nginx: "processes, with a master process even for one",
      sluice: "threads of one process; 1 (the default) is the main thread itself",
      why: "Deno shares memory and listening sockets between threads, not between processes",
    },
    {
      what: "a reload that changes `worker_processes`",
      nginx: "changes it",
      sluice: "waits for the next start, and says so",
      why: "shared memory has a column for each worker",
    },
    {
      what: "a unix socket with several workers",
      nginx: "all of them accept there",
      sluice: "the first one does",
      why: "the runtime cannot share a unix socket between threads",
    },
    {
      what: "`zone` of a group with several workers",
      nginx: "without it each worker has a state of peers of its own",
      sluice: "one state, always; the turns of round robin and averages are each worker's own",
      why: "`max_conns` and `fail_timeout` are meant for the peer, however many workers there are",
    },
    {
      what: "`user` when started by root",
      nginx: "workers become that user",
      sluice: "an error that says how to start it as that user",
      why: "Deno cannot change the user of a process",
    },
  ],
  "Connections to peers": [
    {
      what: "a peer whose `fail_timeout` is over, with nobody else left",
      nginx: "gets one request, and until that has ended all others are 502",
      sluice: "gets up to eight at a time",
      why: "a request that has just lost its peer would fail beside one that may well live",
    },
    {
      what: "TLS: a chain that is too deep",
      nginx: "error 20",
      sluice: "error 22",
      why: "OpenSSL's own number for it",
    },
    {
      what: "TLS 1.3: a client certificate that the peer misses",
      nginx: "`SSL_do_handshake() failed`, crit",
      sluice: "`SSL_read() failed`, error",
      why: "the handshake is over by then",
    },
    {
      what: "`bind` to an address that the machine has not",
      nginx: "errno 99",
      sluice: "errno 22",
      why: "the runtime loses the number",
    },
    {
      what: "an idle connection that the peer closes as a request is sent on it",
      nginx: "counts as a failure of the peer",
      sluice: "tried again on a fresh one where that is safe; never counts",
      why: "it says nothing against the peer",
    },
  ],
  "Messages": [
    {
      what: "garbage, `HTTP/2 200`, status 600, a bare LF, duplicate lengths, both lengths",
      nginx: "forwards it in part",
      sluice: "502",
      why: "two readers could read it in two ways",
    },
    {
      what: "103 Early Hints from a peer",
      nginx: "the final answer",
      sluice: "forwarded; the final answer follows",
      why: "RFC 8297",
    },
    {
      what: "101 that was not asked for",
      nginx: "forwards it",
      sluice: "502",
      why: "the connection would carry what nobody has looked at",
    },
    {
      what: "204 with a Content-Length",
      nginx: "forwards the length",
      sluice: "leaves it out",
      why: "a client may wait for the body",
    },
    {
      what: "several fields of one name in `$upstream_http_NAME`",
      nginx: "the first",
      sluice: "all, joined with a comma",
      why: "as in `$http_NAME`",
    },
    {
      what: "a client that leaves while its body is read",
      nginx: "400",
      sluice: "499",
      why: "it is what happened",
    },
    {
      what: "`Expect: 100-continue` of a request without a body, or whose body has come already",
      nginx: "sends `100 Continue`, and counts it in `$body_bytes_sent`",
      sluice: "sends none; an interim response counts in `$bytes_sent` alone",
      why: "RFC 9110, 10.1.1: nobody is waiting for it",
    },
  ],
  "Variables and rewriting": [
    {
      what: "`$nginx_version`",
      nginx: "nginx's version",
      sluice: "Sluice's",
      why: "that is what answers",
    },
    {
      what: "`$tcpinfo_*`, `$proxy_protocol_tlv_*`",
      nginx: "what the system knows of a connection, and what a balancer adds",
      sluice: "not there; a configuration that uses them is refused",
      why: "the runtime does not tell; nobody has asked for them",
    },
    {
      what: "`$http_NAME` of several fields",
      nginx: "the first one (1.22), all of them (1.23 and later)",
      sluice: "all of them, with commas",
      why: "as nginx's mainline",
    },
    {
      what: "`$body_bytes_sent` of a chunked response",
      nginx: "has the framing of the chunks in it",
      sluice: "counts the body; `$bytes_sent` has all of it",
      why: "the same response is as long however it is framed",
    },
    {
      what: "`$ssl_*`, `$http2`, `$http3`, `$upstream_cache_*`",
      nginx: "what there is of it",
      sluice:
        "`$ssl_protocol`, `$ssl_cipher` and a few others that stand in log formats: empty; others are refused",
      why: "there is no TLS and HTTP/2 towards clients, and no cache",
    },
    {
      what: "`$status` before anything is answered, in the text of `return`",
      nginx: "the status of that `return`",
      sluice: "`000`",
      why: "nothing is sent yet",
    },
    {
      what: "a header of the PROXY protocol, version 2, with an unknown command",
      nginx: "taken as one that tells nothing",
      sluice: "the connection is closed",
      why: "the protocol's specification asks for that",
    },
    {
      what: "`set_real_ip_from` with the name of a host",
      nginx: "looked up when the configuration is read",
      sluice: "refused",
      why: "who is trusted should not depend on DNS",
    },
    {
      what: "`$1` of a group that is repeated, and of which the last round took another branch",
      nginx: "what an earlier round caught",
      sluice: "empty",
      why: "so do the runtime's regexes",
    },
    {
      what: "a line end in a redirect that variables are in",
      nginx: "ends the field: the response is split",
      sluice: "escaped",
      why: "it comes from the client",
    },
  ],
  "Access": [
    {
      what: "`auth_basic` without `auth_basic_user_file`",
      nginx: "lets everybody in (from its source)",
      sluice: "an error of the configuration",
      why: "nobody means it",
    },
    {
      what: "keys of limits that are very long",
      nginx: "not limited, and logged",
      sluice: "limited like any other",
      why: "who is limited often chooses the key",
    },
    {
      what: "a `limit_req` zone that is full",
      nginx: "drops up to two old keys; 503 if that is not enough",
      sluice: "drops one of the oldest keys",
      why: "a table without locks, of a fixed size",
    },
    {
      what: "a password whose hash takes long (bcrypt, crypt)",
      nginx: "holds up all connections of the worker meanwhile",
      sluice: "is calculated beside other requests; 503 when 128 wait",
      why: "one login should not stop traffic",
    },
  ],
  "Subrequests": [
    {
      what: "a mirror that is slow",
      nginx: "holds the connection's next request",
      sluice: "holds nothing",
      why: "its slowness should be harmless",
    },
    {
      what: "`auth_request` and its answer's body",
      nginx: "goes on at the head (from its source)",
      sluice: "reads it up to the bound",
      why: "so that the connection can be kept",
    },
  ],
  "Buffers": [
    {
      what: "temporary files",
      nginx: "have names in levels of folders",
      sluice: "have no name once they are open",
      why: "nothing is left behind, whatever ends the process",
    },
    {
      what: "a disk that is full while a response is buffered",
      nginx: "ends the response",
      sluice: "goes on at the client's pace, and logs it",
      why: "the response is not the disk's",
    },
    {
      what: "small pieces of a buffered response",
      nginx: "may wait for more",
      sluice: "leave at once",
      why: "events should not be late because buffering is on",
    },
  ],
  "Files and filters": [
    {
      what: "`alias` without a slash at its end, in a location without one: `/i../x`",
      nginx: "leads out of the folder",
      sluice: "404, and a line in the error log",
      why: "nobody means it, and it is often found by attackers first",
    },
    {
      what: "a variable in `root` or `alias` that brings `..`",
      nginx: "leads out of the folder",
      sluice: "404, and a line in the error log",
      why: "what a client sends should not choose a folder above",
    },
    {
      what: "names of files that are not UTF-8",
      nginx: "served",
      sluice: "404, and left out of `autoindex`",
      why: "the runtime has texts for names",
    },
    {
      what: "media types where no `types` are set",
      nginx: "those of `html`, `gif` and `jpg`",
      sluice: "the usual ones of the web",
      why: "a stylesheet that is `text/plain` is not used by browsers",
    },
    {
      what: "`try_files` with an `alias` in a location with a regex",
      nginx: "puts the one behind the other",
      sluice: "refused when the configuration is read",
      why: "the alias is the whole path of a file: there is nothing to try",
    },
    {
      what: "a file that `disable_symlinks` looks at",
      nginx: "opened part by part (`openat`)",
      sluice: "looked at part by part, before and after it is opened",
      why: "the runtime opens whole paths",
    },
    {
      what: "a FIFO or a device in the place of a file",
      nginx: "opened without waiting, then refused",
      sluice: "looked at, and refused unopened",
      why: "the runtime cannot open without waiting",
    },
    {
      what: "several codings that a client accepts",
      nginx: "by the order of the modules",
      sluice: "the one with the largest `q`; among equals Brotli, Zstandard, gzip",
      why: "that is what the client asks for",
    },
    {
      what: "a small body that becomes a very large one by `gunzip`",
      nginx: "waits when `gunzip_buffers` are full",
      sluice: "waits when 128 KB are on their way",
      why: "cells of the pool take the place of those buffers",
    },
    {
      what: "a file's bytes on their way",
      nginx: "`sendfile`, `aio` or `output_buffers`, as is set",
      sluice: "always through `output_buffers`, read at once from the kernel's cache",
      why: "the runtime has no `sendfile`; a read in another thread costs five times as much",
    },
  ],
  "Listening": [
    {
      what: "`listen [::]:80` without an IPv4 address of the same port",
      nginx: "IPv6 alone (`ipv6only=on`)",
      sluice: "IPv4 too, where the system's `bindv6only` is 0",
      why: "the runtime does not let a program choose; with `listen 80` beside it each has its own",
    },
  ],
  "Answers of our own": [
    {
      what: "a path of which no location and no `root` says anything",
      nginx: "a file of the folder `html`",
      sluice:
        "the same for nginx.conf, also for one that was converted from YAML; in YAML it is 404",
      why: "a folder that nobody has named should not be served",
    },
    {
      what:
        "conditions (`If-None-Match: *`, `If-Unmodified-Since`) of a request that `return 200` answers",
      nginx: "304, to a PUT even, or 412",
      sluice: "200",
      why: "that answer has neither ETag nor Last-Modified that they could be about",
    },
    {
      what: "`add_header` and `expires` with 416",
      nginx: "those that 200 would have had",
      sluice: "as with other errors",
      why: "a refusal that a browser may keep for a day is no help",
    },
    {
      what: "the reason phrase of 418, 422, 451 and others",
      nginx: "none",
      sluice: "the standard's",
      why: "it helps a reader",
    },
  ],
};
