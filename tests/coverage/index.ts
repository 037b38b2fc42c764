/**
 * Which scenario test stands for which directive: it fails where the directive is ignored, which
 * `deno task directives` tries, and CI does for a few.
 *
 * @module
 */

/** A file of `tests/scenario/`, without `_test.ts`, and how the names of its tests begin. */
export type Standing = readonly [file: string, test: string];

/** By {@linkcode Entry.id} of the table. */
export const COVERAGE: Readonly<Record<string, Standing>> = {
  "core: worker_processes": ["workers", "workers: 2: two threads answer"],
  "core: worker_connections": ["client_keepalive", "worker_connections: the clients beyond"],
  "core: daemon": ["unsupported_settings", "check: all that cannot be done"],
  "core: user": ["unsupported_settings", "user: root is told"],
  "core: worker_rlimit_nofile": ["unsupported_settings", "worker_rlimit_nofile: a process"],
  "core: pid": ["life", "pid: the file is there while everything listens, and gone at"],
  "core: worker_shutdown_timeout": [
    "reload",
    "worker_shutdown_timeout cuts off what still runs with the old",
  ],
  "core: buffer_memory": ["memory_pressure", "buffer_memory 4m: 200 requests at once"],
  "core: temp_disk": ["temp_disk", "temp_disk: a body that does not fit is 503"],
  "core: shed_load": ["shed_load", "shed_load: the share is what is said"],
  "log: error_log": ["logs", "error_log: a location's requests tell their troubles to its own"],
  "log: access_log": ["logs", "access_log: all of a level's logs are written, and an inner"],
  "log: status_zone": ["admin", "status_zone: requests are counted under its name, in place of"],
  "log: open_log_file_cache": ["logs", "open_log_file_cache: max files stay open"],
  "log: log_format": ["logs", "no byte of a request can forge a line: logs are escaped as"],
  "log: error_log path": ["static", "no path leads out of root or alias"],
  "log: error_log level": [
    "health_check",
    "health_check: what is known of a peer stays over a reload, and",
  ],
  "log: access_log path": ["logs", "access_log: all of a level's logs are written, and an inner"],
  "log: access_log format": ["logs", "access_log: all of a level's logs are written, and an inner"],
  "log: access_log buffer": ["logs", "access_log buffer and flush"],
  "log: access_log gzip": ["logs", "access_log gzip: what is written can be read at any time"],
  "log: access_log if": ["logs", "access_log if: a request for which the text is empty or 0 has"],
  "log: access_log flush": ["logs", "access_log buffer and flush"],
  "log: open_log_file_cache max": ["logs", "open_log_file_cache: max files stay open"],
  "log: open_log_file_cache inactive": ["logs", "open_log_file_cache: a file that is not used"],
  "log: open_log_file_cache min_uses": ["logs", "open_log_file_cache: one that was moved"],
  "log: open_log_file_cache valid": ["logs", "open_log_file_cache: one that was moved"],
  "admin: admin": ["admin", "status prints what the admin listener tells, also at a unix"],
  "admin: admin listen": ["admin", "status prints what the admin listener tells, also at a unix"],
  "admin: admin token": ["admin", "actions need the token; looking needs it where the"],
  "admin: admin token_file": ["admin", "the token is read from a file, again with each reload"],
  "admin: admin token_for": ["admin", "actions need the token; looking needs it where the"],
  "server: listen": ["real_ip", "listen proxy_protocol: both versions, byte by byte, and what"],
  "server: server_name": [
    "rewrite",
    "server_name: a regex's captures are variables; exact names come",
  ],
  "server: return": ["auth_request", "auth_request: off below a level that has it; return answers"],
  "server: empty_gif": ["pages", "empty_gif: one pixel, which the client may have already"],
  "server: stub_status": ["pages", "stub_status: nginx's text and numbers"],
  "server: internal": ["error_page", "internal: 404 from outside, whatever it would do"],
  "server: listen address": [
    "life",
    "a wrong configuration at the start: status 1, its errors are in",
  ],
  "server: listen default_server": ["redirect", "default_server answers"],
  "server: listen backlog": [
    "reload",
    "a backlog that changes waits for the next start, and the log",
  ],
  "server: listen proxy_protocol": [
    "real_ip",
    "listen proxy_protocol: both versions, byte by byte, and what",
  ],
  "server: listen reuseport": [
    "rolling",
    "listen reuseport: a second process takes over, and no request",
  ],
  "files: root": ["static", "root: a path is a file, with its type, length, time and entity"],
  "files: alias": ["static", "alias: takes the place of the location's prefix, or of the"],
  "files: index": ["static", "index: leads to the first file that is there, or to a path"],
  "files: try_files": [
    "try_files",
    "try_files: the first file or folder that is there, else a path",
  ],
  "files: autoindex": [
    "autoindex",
    "autoindex: a page with folders first, escaped names and sizes",
  ],
  "files: autoindex_format": ["autoindex", "autoindex_format: json, jsonp and xml"],
  "files: autoindex_exact_size": [
    "autoindex",
    "autoindex: a page with folders first, escaped names and sizes",
  ],
  "files: autoindex_localtime": ["autoindex", "autoindex_localtime"],
  "files: etag": ["static", "if_modified_since and etag: before, off, and no entity tag"],
  "files: if_modified_since": [
    "static",
    "if_modified_since and etag: before, off, and no entity tag",
  ],
  "files: log_not_found": [
    "static",
    "log_not_found off: a file that is not there is not told to the",
  ],
  "files: gzip_static": [
    "autoindex",
    "gzip_static: x.gz in the place of x, with x's type and its own",
  ],
  "files: disable_symlinks": [
    "try_files",
    "disable_symlinks: on refuses links behind from=, if_not_owner",
  ],
  "files: output_buffers": [
    "static",
    "a large file: constant memory, every byte, in both framings of",
  ],
  "files: types": ["static", "types and default_type: what a level sets replaces all of the"],
  "files: default_type": [
    "static",
    "types and default_type: what a level sets replaces all of the",
  ],
  "response: expires": ["expires", "expires: a time, a negative one, none, and nginx's words"],
  "response: charset": ["expires", "charset: is told with the types that it is for, whoever the"],
  "response: charset_types": [
    "expires",
    "charset: is told with the types that it is for, whoever the",
  ],
  "response: userid": ["pages", "userid: a client without one is given one, and is known by it"],
  "response: userid_name": ["pages", "userid: its attributes, its mark and P3P"],
  "response: userid_domain": ["pages", "userid: its attributes, its mark and P3P"],
  "response: userid_path": ["pages", "userid: its attributes, its mark and P3P"],
  "response: userid_expires": [
    "pages",
    "userid: a client without one is given one, and is known by it",
  ],
  "response: userid_flags": ["pages", "userid: its attributes, its mark and P3P"],
  "response: userid_mark": ["pages", "userid: its attributes, its mark and P3P"],
  "response: userid_service": ["pages", "userid: its attributes"],
  "response: userid_p3p": ["pages", "userid: its attributes, its mark and P3P"],
  "response: add_trailer": [
    "compression",
    "add_trailer: behind a chunked body, its variables looked at",
  ],
  "response: gzip": ["compression", "gzip: a file for who accepts it, without length and ranges"],
  "response: gzip_types": [
    "compression",
    "gzip: own pages, return and whole answers of handlers too",
  ],
  "response: gzip_min_length": ["compression", "gzip_types, gzip_min_length and gzip_comp_level"],
  "response: gzip_comp_level": ["compression", "gzip_types, gzip_min_length and gzip_comp_level"],
  "response: gzip_vary": [
    "autoindex",
    "gzip_static: x.gz in the place of x, with x's type and its own",
  ],
  "response: gzip_proxied": [
    "compression",
    "gzip_http_version, gzip_disable and gzip_proxied: for whom",
  ],
  "response: gzip_http_version": [
    "compression",
    "gzip_http_version, gzip_disable and gzip_proxied: for whom",
  ],
  "response: gzip_disable": [
    "compression",
    "gzip_http_version, gzip_disable and gzip_proxied: for whom",
  ],
  "response: gzip_buffers": ["unsupported_settings", "check: all that cannot be done"],
  "response: gunzip": [
    "compression",
    "gunzip: for who does not accept gzip; broken and endless ones",
  ],
  "response: gunzip_buffers": ["unsupported_settings", "check: all that cannot be done"],
  "response: brotli": [
    "compression",
    "brotli and zstd: the coding that the client likes best, then",
  ],
  "response: brotli_types": [
    "compression",
    "brotli_types, brotli_min_length and brotli_comp_level",
  ],
  "response: brotli_min_length": [
    "compression",
    "brotli_types, brotli_min_length and brotli_comp_level",
  ],
  "response: brotli_comp_level": [
    "compression",
    "brotli_types, brotli_min_length and brotli_comp_level",
  ],
  "response: zstd": ["compression", "brotli and zstd: the coding that the client likes best, then"],
  "response: zstd_types": ["compression", "zstd_types, zstd_min_length and zstd_comp_level"],
  "response: zstd_min_length": ["compression", "zstd_types, zstd_min_length and zstd_comp_level"],
  "response: zstd_comp_level": ["compression", "zstd_types, zstd_min_length and zstd_comp_level"],
  "response: add_header": [
    "response_headers",
    "add_header: for its statuses, with always for all; empty adds",
  ],
  "response: add_header_inherit": [
    "expires",
    "add_header_inherit and add_trailer_inherit: merge adds to one's",
  ],
  "response: add_trailer_inherit": [
    "expires",
    "add_header_inherit and add_trailer_inherit: merge adds to one's",
  ],
  "response: error_page": [
    "access",
    "deny: error_page answers, and is let in or not by its own rules",
  ],
  "response: recursive_error_pages": [
    "error_page",
    "recursive_error_pages: off, an error page's own error has no",
  ],
  "response: absolute_redirect": ["redirect", "redirects to a path name the host"],
  "response: port_in_redirect": [
    "response_headers",
    "add_header: our own pages and return have it too; a location's",
  ],
  "response: server_name_in_redirect": ["redirect", "redirects to a path name the host"],
  "response: max_ranges": ["ranges", "max_ranges: more of them are the whole; 0 serves none"],
  "client: client_header_timeout": [
    "timeouts",
    "client_header_timeout: a head that is not complete in time ends",
  ],
  "client: client_header_buffer_size": ["refused_request", "client_header_buffer_size and large"],
  "client: large_client_header_buffers": ["refused_request", "client_header_buffer_size and large"],
  "client: max_connections_per_address": [
    "slow_client",
    "max_connections_per_address: one address has so many",
  ],
  "client: underscores_in_headers": [
    "head_names",
    "fields with an underscore, or something worse in their names",
  ],
  "client: ignore_invalid_headers": [
    "head_names",
    "fields with an underscore, or something worse in their names",
  ],
  "client: merge_slashes": [
    "head_names",
    "merge_slashes off: a path keeps its slashes, and dots go up by",
  ],
  "client: max_headers": ["refused_request", "too many fields"],
  "client: client_body_timeout": ["timeouts", "client_body_timeout, request_buffering "],
  "client: client_body_min_rate": ["slow_client", "client_body_min_rate: four bytes"],
  "client: client_max_body_size": [
    "request_body",
    "client_max_body_size: too long a body is 413 before a byte of",
  ],
  "client: client_body_buffer_size": [
    "mirror",
    "mirror: a body over client_body_buffer_size passes whole, and",
  ],
  "client: client_body_temp_path": [
    "send_request",
    "client_body_temp_path is not there: 500, the log says where",
  ],
  "client: client_body_in_file_only": [
    "upstream_variables",
    "fields, cookies and trailers of a response, and the request's",
  ],
  "client: limit_rate": [
    "handler",
    "handler: limit_rate holds for what a handler sends, from memory",
  ],
  "client: limit_rate_after": ["respond_rate", "limit_rate_after: what comes first is not counted"],
  "client: send_timeout": ["timeouts", "send_timeout, buffering "],
  "client: send_min_rate": ["slow_client", "send_min_rate"],
  "client: keepalive_timeout": ["client_keepalive", "keepalive_timeout: a second time"],
  "client: keepalive_time": ["client_keepalive", "keepalive_time: a connection that is older"],
  "client: keepalive_requests": ["client_keepalive", "keepalive_requests: the last one says close"],
  "client: lingering_close": ["refused_request", "lingering_close: off resets"],
  "client: lingering_time": [
    "refused_request",
    "lingering_time: a client that never stops sending is left at",
  ],
  "client: lingering_timeout": ["refused_request", "lingering_timeout: a client that neither"],
  "client: chunked_transfer_encoding": ["respond_framing", "chunked_transfer_encoding off"],
  "client: server_tokens": ["redirect", "server_tokens off"],
  "access: allow": ["access", "allow and deny: the first rule that has the client's address"],
  "access: deny": ["access", "allow and deny: the first rule"],
  "access: auth_basic": [
    "access",
    "auth_basic: who has the right password is let in, whichever way",
  ],
  "access: auth_basic_user_file": [
    "access",
    "auth_basic: who has the right password is let in, whichever way",
  ],
  "access: satisfy": ["access", "satisfy any: one that lets in is enough; all have to otherwise"],
  "access: auth_delay": ["access", "auth_delay: who is not authorized waits to be told; a client"],
  "access: secure_link": ["pages", "secure_link: 1 with the right checksum, 0 when it is out of"],
  "access: secure_link_md5": [
    "pages",
    "secure_link: 1 with the right checksum, 0 when it is out of",
  ],
  "access: secure_link_secret": ["pages", "secure_link_secret: the link behind the right checksum"],
  "limit: limit_req_zone": [
    "limit",
    "limit_req: what a zone knows outlives a reload, if its name and",
  ],
  "limit: limit_conn_zone": ["admin", "what limits have decided is counted by zone"],
  "limit: limit_req": ["limit", "limit_req: a request too many is 503, a key without text is not"],
  "limit: limit_req_dry_run": [
    "limit",
    "limit_req_dry_run: nobody is held up or refused, the log and",
  ],
  "limit: limit_req_status": [
    "limit",
    "limit_req: burst with nodelay lets so many pass at once; with",
  ],
  "limit: limit_req_log_level": [
    "limit",
    "limit_req: burst with nodelay lets so many pass at once; with",
  ],
  "limit: limit_conn": ["limit", "limit_conn: so many requests at once, and another one when one"],
  "limit: limit_conn_dry_run": [
    "limit",
    "limit_conn: one that is refused is counted nowhere; dry run",
  ],
  "limit: limit_conn_status": [
    "limit",
    "limit_conn: one that is refused is counted nowhere; dry run",
  ],
  "limit: limit_conn_log_level": [
    "limit",
    "limit_conn: one that is refused is counted nowhere; dry run",
  ],
  "limit: limit_req_zone key": [
    "limit",
    "limit_req: a request too many is 503, a key without text is not",
  ],
  "limit: limit_req_zone zone": [
    "limit",
    "limit_req: what a zone knows outlives a reload, if its name and",
  ],
  "limit: limit_req_zone rate": [
    "limit",
    "limit_req: what a zone knows outlives a reload, if its name and",
  ],
  "limit: limit_conn_zone key": ["limit", "limit_conn: one that is refused is counted nowhere"],
  "limit: limit_conn_zone zone": ["admin", "what limits have decided is counted by zone"],
  "limit: limit_req zone": [
    "limit",
    "limit_req: what a zone knows outlives a reload, if its name and",
  ],
  "limit: limit_req burst": [
    "limit",
    "limit_req: burst with nodelay lets so many pass at once; with",
  ],
  "limit: limit_req delay": [
    "limit",
    "limit_req: burst with nodelay lets so many pass at once; with",
  ],
  "limit: limit_req nodelay": [
    "limit",
    "limit_req: burst with nodelay lets so many pass at once; with",
  ],
  "limit: limit_conn zone": ["admin", "what limits have decided is counted by zone"],
  "limit: limit_conn number": ["limit", "limit_conn: one that is refused is counted nowhere"],
  "proxy: proxy_pass": ["access", "allow: unix: is every client at a unix socket"],
  "proxy: proxy_connect_timeout": [
    "timeouts",
    "connect_timeout: 504, and the next peer is asked if there is one",
  ],
  "proxy: proxy_send_timeout": ["timeouts", "send_timeout of proxy"],
  "proxy: proxy_read_timeout": [
    "mirror",
    "mirror: a copy that is never answered holds up neither the",
  ],
  "proxy: proxy_buffer_size": [
    "upstream_failure",
    "a response head that is too large with what is added to it",
  ],
  "proxy: proxy_buffering": [
    "compression",
    "gzip: each event of a peer's stream reaches the client before",
  ],
  "proxy: proxy_buffers": ["respond_buffered", "buffers: as much as that"],
  "proxy: proxy_busy_buffers_size": ["unsupported_settings", "check: all that cannot be done"],
  "proxy: proxy_max_temp_file_size": [
    "respond_buffered",
    "max_temp_file_size 0: the origin is held back, memory does not",
  ],
  "proxy: proxy_temp_file_write_size": ["unsupported_settings", "check: all that cannot be done"],
  "proxy: proxy_temp_path": [
    "respond_buffered",
    "cyclic_temp_file: the file is filled again and again, and never",
  ],
  "proxy: proxy_cyclic_temp_file": ["respond_buffered", "cyclic_temp_file: the file"],
  "proxy: proxy_limit_rate": ["respond_rate", "proxy limit_rate: the peer"],
  "proxy: proxy_pass_trailers": [
    "compression",
    "gzip: large bodies of peers, buffered and not, chunked and not",
  ],
  "proxy: proxy_request_buffering": [
    "error_page",
    "error_page: a body that went to the first peer unbuffered is",
  ],
  "proxy: proxy_store": [
    "respond_store",
    "store: a small response, a chunked one, an empty one, and one",
  ],
  "proxy: proxy_store_access": [
    "respond_store",
    "store_access: of the file, and of the folders that are made for",
  ],
  "proxy: proxy_bind": [
    "upstream_connect",
    "bind: connections come from that address, and are kept",
  ],
  "proxy: proxy_socket_keepalive": [
    "upstream_connect",
    "socket_keepalive: the system probes the connection",
  ],
  "proxy: proxy_protocol": ["real_ip", "proxy_protocol: a peer is told"],
  "proxy: proxy_ssl_server_name": [
    "resolve",
    "pass with variables: the scheme decides on TLS, and the name",
  ],
  "proxy: proxy_ssl_name": [
    "upstream_tls",
    "ssl_server_name: the peer is told the name, or nothing",
  ],
  "proxy: proxy_ssl_verify": [
    "resolve",
    "pass with variables: the scheme decides on TLS, and the name",
  ],
  "proxy: proxy_ssl_verify_depth": [
    "upstream_tls",
    "ssl_verify_depth counts the certificates in between",
  ],
  "proxy: proxy_ssl_trusted_certificate": [
    "resolve",
    "pass with variables: the scheme decides on TLS, and the name",
  ],
  "proxy: proxy_ssl_certificate": [
    "upstream_connect",
    "files for TLS that are no good are told of before anything",
  ],
  "proxy: proxy_ssl_certificate_key": [
    "upstream_connect",
    "files for TLS that are no good are told of before anything",
  ],
  "proxy: proxy_ssl_protocols": ["upstream_tls", "ssl_protocols: no version in common is 502"],
  "proxy: proxy_ssl_session_reuse": ["unsupported_settings", "check: all that cannot be done"],
  "proxy: proxy_ssl_ciphers": ["unsupported_settings", "check: all that cannot be done"],
  "proxy: proxy_ssl_conf_command": ["unsupported_settings", "check: all that cannot be done"],
  "proxy: proxy_ssl_crl": ["unsupported_settings", "check: all that cannot be done"],
  "proxy: proxy_ssl_password_file": ["unsupported_settings", "check: all that cannot be done"],
  "proxy: proxy_next_upstream": [
    "balancers",
    "slow_start: a peer that was out gets few requests at first",
  ],
  "proxy: proxy_next_upstream_tries": ["next_upstream", "next_upstream_tries bounds the tries"],
  "proxy: proxy_next_upstream_timeout": [
    "next_upstream",
    "next_upstream_timeout: nobody else is asked when it is over",
  ],
  "proxy: proxy_ignore_client_abort": [
    "client_gone",
    "ignore_client_abort: the origin finishes, and its connection is",
  ],
  "proxy: proxy_set_header": [
    "auth_request",
    "auth_request_set: the answer's fields are variables of the",
  ],
  "proxy: proxy_pass_request_headers": [
    "response_headers",
    "pass_request_headers off: the peer gets what set_header sets",
  ],
  "proxy: proxy_hide_header": [
    "response_headers",
    "hide_header: hides known and unknown names in any case",
  ],
  "proxy: proxy_pass_header": [
    "response_headers",
    "hide_header: hides known and unknown names in any case",
  ],
  "proxy: proxy_ignore_headers": [
    "respond_unbuffered",
    "ignore_headers: X-Accel-Buffering is not heeded",
  ],
  "proxy: proxy_redirect": [
    "response_headers",
    "redirect: by default what pass says becomes what the location",
  ],
  "proxy: proxy_cookie_domain": [
    "response_headers",
    "cookie_domain, cookie_path and cookie_flags rewrite what they",
  ],
  "proxy: proxy_cookie_path": [
    "response_headers",
    "cookie_domain, cookie_path and cookie_flags rewrite what they",
  ],
  "proxy: proxy_cookie_flags": [
    "response_headers",
    "cookie_domain, cookie_path and cookie_flags rewrite what they",
  ],
  "proxy: proxy_intercept_errors": [
    "error_page",
    "error_page: a body that went to the first peer unbuffered is",
  ],
  "proxy: proxy_force_ranges": ["ranges", "force_ranges: one range is cut out, from either end"],
  "proxy: proxy_method": ["reshaped_request", "a method that is none"],
  "proxy: proxy_pass_request_body": ["reshaped_request", "pass_request_body: off"],
  "proxy: proxy_set_body": ["reshaped_request", "set_body: "],
  "proxy: proxy_failure_header": [
    "upstream_variables",
    "failure_header: a response that had trouble on its way says",
  ],
  "proxy: proxy_send_lowat": ["unsupported_settings", "check: all that cannot be done"],
  "proxy: proxy_http_version": [
    "pass_request",
    "http_version 1.0: the origin gets an HTTP/1.0 request that",
  ],
  "subrequest: auth_request": [
    "auth_request",
    "auth_request: the question has the client's fields, and neither",
  ],
  "subrequest: auth_request_set": [
    "auth_request",
    "auth_request_set: the answer's fields are variables of the",
  ],
  "subrequest: mirror": ["mirror", "mirror: another location gets a copy with method and fields"],
  "subrequest: mirror_request_body": [
    "mirror",
    "mirror_request_body off: a copy has no body, and does not wait",
  ],
  "subrequest: mirror_limit": [
    "mirror",
    "mirror_limit: while so many copies are under way, further",
  ],
  "subrequest: log_subrequest": [
    "handler",
    "handler: several locations are asked at once for one answer",
  ],
  "subrequest: subrequest_output_buffer_size": [
    "handler",
    "handler: an answer over subrequest_output_buffer_size is a 502",
  ],
  "subrequest: handler": [
    "compression",
    "gzip: own pages, return and whole answers of handlers too",
  ],
  "subrequest: handler_timeout": [
    "handler",
    "handler_timeout: a handler that never answers is a 504, a",
  ],
  "upstream: server": ["upstream_tls", "a failed handshake is an error for next_upstream"],
  "upstream: balance": [
    "balancers",
    "a balancer of the program: it chooses by a text of the request",
  ],
  "upstream: least_conn": ["balancers", "least_conn: a peer that is busy"],
  "upstream: least_time": ["balancers", "least_time, ewma and random"],
  "upstream: ip_hash": ["balancers", "ip_hash: a client's requests"],
  "upstream: random": ["balancers", "least_time, ewma and random"],
  "upstream: hash": ["balancers", "hash: requests with one key"],
  "upstream: sticky": [
    "balancers",
    "sticky cookie: a client stays with its peer, and is told when",
  ],
  "upstream: queue": [
    "balancers",
    "queue: a request waits for room at a peer; one too many is 502",
  ],
  "upstream: keepalive": [
    "pass_request",
    "keepalive 0: the origin is told that the connection closes",
  ],
  "upstream: keepalive_requests": [
    "timeouts",
    "keepalive_requests of the group: the connection to the origin",
  ],
  "upstream: keepalive_time": ["balancers", "keepalive_time: a connection to a peer"],
  "upstream: keepalive_timeout": [
    "timeouts",
    "keepalive_timeout of the group: an idle connection to the",
  ],
  "upstream: server address": [
    "slow_client",
    "max_connections_per_address: one address has so many",
  ],
  "upstream: server weight": [
    "next_upstream",
    "weights: five to one of six requests, spread evenly",
  ],
  "upstream: server max_conns": [
    "reload",
    "a peer that is out stays out, and requests that run count for",
  ],
  "upstream: server max_fails": [
    "outliers",
    "retry_budget: when it is spent a request is not tried again",
  ],
  "upstream: server fail_timeout": [
    "next_upstream",
    "max_fails: a peer that failed is left out, and comes back after",
  ],
  "upstream: server backup": ["balancers", "backup: a peer that is one"],
  "upstream: server down": [
    "upstream_connect",
    "no peer that could be asked is 502, and no live upstreams",
  ],
  "upstream: server drain": [
    "balancers",
    "sticky route: a variable names the peer; one that drains has",
  ],
  "upstream: server slow_start": [
    "balancers",
    "slow_start: a peer that was out gets few requests at first",
  ],
  "upstream: server route": [
    "balancers",
    "sticky route: a variable names the peer; one that drains has",
  ],
  "upstream: server resolve": [
    "resolve",
    "a peer with resolve: its name is asked for again, traffic",
  ],
  "upstream: server service": [
    "resolve",
    "a service: ports and weights are those of its SRV records, and",
  ],
  "upstream: queue requests": ["balancers", "queue: a request waits for room"],
  "upstream: queue timeout": [
    "balancers",
    "queue: who has waited long enough is answered with 502",
  ],
  "health: health_check": [
    "health_check",
    "health_check: a peer that fails is out until it passes again",
  ],
  "health: outlier_detection": [
    "outliers",
    "outlier_detection: a peer with bad answers is ejected, and",
  ],
  "health: retry_budget": [
    "outliers",
    "retry_budget: when it is spent a request is not tried again",
  ],
  "health: panic_threshold": [
    "outliers",
    "panic_threshold: when too few peers are healthy all are asked",
  ],
  "health: health_check type": ["health_check", "health_check type tcp"],
  "health: health_check path": [
    "health_check",
    "health_check: a peer that fails is out until it passes again",
  ],
  "health: health_check method": ["health_check", "health_check: what is sent"],
  "health: health_check host": ["health_check", "health_check: what is sent"],
  "health: health_check headers": ["health_check", "health_check: what is sent"],
  "health: health_check status": [
    "health_check",
    "health_check: a peer that fails is out until it passes again",
  ],
  "health: health_check body": ["health_check", "health_check: the log says why, "],
  "health: health_check interval": [
    "health_check",
    "health_check: a peer that fails is out until it passes again",
  ],
  "health: health_check jitter": ["health_check", "health_check jitter"],
  "health: health_check timeout": [
    "health_check",
    "health_check: a peer that says nothing has until the timeout",
  ],
  "health: health_check fails": [
    "health_check",
    "health_check: a peer that fails is out until it passes again",
  ],
  "health: health_check passes": [
    "health_check",
    "health_check: a peer that fails is out until it passes again",
  ],
  "health: health_check port": [
    "health_check",
    "health_check: tcp is about connections alone; port is another",
  ],
  "health: health_check mandatory": [
    "health_check",
    "health_check mandatory: a peer is not used before its first",
  ],
  "health: health_check keepalive_time": [
    "health_check",
    "health_check keepalive_time: checks share a connection; one",
  ],
  "health: health_check tls": ["health_check", "health_check tls: the certificate is verified"],
  "health: health_check ssl_name": ["health_check", "health_check tls: names, versions"],
  "health: health_check ssl_server_name": ["health_check", "health_check tls: names, versions"],
  "health: health_check ssl_verify": [
    "health_check",
    "health_check tls: the certificate is verified",
  ],
  "health: health_check ssl_trusted_certificate": [
    "health_check",
    "health_check tls: the certificate is verified",
  ],
  "health: health_check ssl_certificate": ["health_check", "health_check tls: names, versions"],
  "health: health_check ssl_certificate_key": ["health_check", "health_check tls: names, versions"],
  "health: health_check ssl_protocols": ["health_check", "health_check tls: names, versions"],
  "health: outlier_detection consecutive_5xx": [
    "outliers",
    "outlier_detection: a peer with bad answers is ejected, and",
  ],
  "health: outlier_detection consecutive_gateway_failure": [
    "outliers",
    "outlier_detection: gateway failures",
  ],
  "health: outlier_detection consecutive_errors": [
    "outliers",
    "outlier_detection: gateway failures",
  ],
  "health: outlier_detection interval": ["outliers", "outlier_detection: after each interval"],
  "health: outlier_detection success_rate_minimum_hosts": [
    "outliers",
    "outlier_detection: after each interval",
  ],
  "health: outlier_detection success_rate_request_volume": [
    "outliers",
    "outlier_detection: after each interval",
  ],
  "health: outlier_detection success_rate_stdev_factor": [
    "outliers",
    "outlier_detection: after each interval",
  ],
  "health: outlier_detection base_ejection_time": [
    "outliers",
    "outlier_detection: a peer with bad answers is ejected, and",
  ],
  "health: outlier_detection max_ejection_time": [
    "outliers",
    "outlier_detection: max_ejection_percent",
  ],
  "health: outlier_detection max_ejection_percent": [
    "outliers",
    "outlier_detection: max_ejection_percent",
  ],
  "health: retry_budget percent": [
    "outliers",
    "retry_budget: when it is spent a request is not tried again",
  ],
  "health: retry_budget min_per_second": [
    "outliers",
    "retry_budget: when it is spent a request is not tried again",
  ],
  "realip: set_real_ip_from": [
    "real_ip",
    "set_real_ip_from: the last address that a trusted proxy names",
  ],
  "realip: real_ip_header": [
    "real_ip",
    "set_real_ip_from: the last address that a trusted proxy names",
  ],
  "realip: real_ip_recursive": [
    "real_ip",
    "real_ip_recursive: the last that is not trusted itself, else",
  ],
  "realip: valid_referers": [
    "real_ip",
    "valid_referers: none, blocked, the server's names, names with a",
  ],
  "rewrite: rewrite": ["rewrite", "rewrite: last looks for the location again, break stays, none"],
  "rewrite: set": ["rewrite", "set: of variables of its own"],
  "rewrite: if": ["rewrite", "if: every condition"],
  "rewrite: break": ["rewrite", "rewrite: last looks for"],
  "rewrite: return": ["rewrite", "if: every condition"],
  "rewrite: rewrite_log": ["rewrite", "uninitialized_variable_warn and rewrite_log"],
  "rewrite: uninitialized_variable_warn": [
    "rewrite",
    "uninitialized_variable_warn and rewrite_log",
  ],
  "variables: map": ["variables", "map: texts in any case, the first regex with its captures, the"],
  "variables: geo": [
    "variables",
    "geo: the longest network; ranges; whom trusted proxies speak for",
  ],
  "variables: split_clients": ["variables", "split_clients: everybody gets what nginx gives"],
  "resolver: resolver": ["resolve", "a resolver that is silent: 502 after its timeout; one that"],
  "resolver: resolver_timeout": ["resolve", "resolver_timeout holds"],
  "resolver: resolver servers": [
    "resolve",
    "pass with a variable: the name is looked up once for all who",
  ],
  "resolver: resolver valid": [
    "resolve",
    "a lifetime that is over: the name is asked for again, and",
  ],
  "resolver: resolver timeout": [
    "resolve",
    "a resolver that is silent: 502 after its timeout; one that",
  ],
  "resolver: resolver ipv4": ["resolve", "resolver ipv4=off"],
  "resolver: resolver ipv6": [
    "resolve",
    "a lifetime that is over: the name is asked for again, and",
  ],
};
