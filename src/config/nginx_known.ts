/**
 * The directives of nginx that the table does not have: those that may stay in a file because
 * they change nothing that a user of Sluice could see, and those that are refused, each with
 * the reason. A name that comes into the table is no longer looked for here.
 *
 * @module
 */
import { BLOCKS, DIRECTIVES } from "./directives.ts";
import type { NginxContext } from "./nginx_form.ts";

/** A directive that is read, checked for its place, and has no effect. */
export interface Accepted {
  readonly contexts: readonly NginxContext[];
  /** Why it may be left without effect. */
  readonly why: string;
}

/** Directives that nginx knows and Sluice does not have. */
export interface Refused {
  readonly title: string;
  /** Why, after a colon. */
  readonly why: string;
  /** What to write instead. */
  readonly instead?: string;
  readonly names: readonly string[];
}

const HTTP: readonly NginxContext[] = ["http", "server", "location"];

const HASHES = "tables here grow as they need to";
const RUNTIME = "how files and sockets are read and written is the runtime's choice";
const OLD_BROWSERS = "the browsers that it is for are gone";
const POLLING = "how connections are waited for is the runtime's choice";

/** By name. */
export const ACCEPTED: ReadonlyMap<string, Accepted> = new Map<string, Accepted>([
  ["accept_mutex", { contexts: ["events"], why: POLLING }],
  ["accept_mutex_delay", { contexts: ["events"], why: POLLING }],
  ["multi_accept", { contexts: ["events"], why: POLLING }],
  ["use", { contexts: ["events"], why: POLLING }],
  ["worker_aio_requests", { contexts: ["events"], why: POLLING }],
  ["master_process", { contexts: ["main"], why: "workers are threads of the one process" }],
  ["env", { contexts: ["main"], why: "nothing in Sluice reads the environment" }],
  ["lock_file", { contexts: ["main"], why: POLLING }],
  ["timer_resolution", { contexts: ["main"], why: "the clock is read once a turn as it is" }],
  ["thread_pool", { contexts: ["main"], why: RUNTIME }],
  ["pcre_jit", { contexts: ["main"], why: "regexes are compiled by the runtime" }],
  ["worker_cpu_affinity", { contexts: ["main"], why: "the system places threads" }],
  ["worker_priority", { contexts: ["main"], why: "start the program with nice(1) for that" }],
  ["load_module", {
    contexts: ["main"],
    why: "what a module of nginx brings is refused by its own names",
  }],
  ["aio", { contexts: HTTP, why: RUNTIME }],
  ["aio_write", { contexts: HTTP, why: RUNTIME }],
  ["directio", { contexts: HTTP, why: RUNTIME }],
  ["directio_alignment", { contexts: HTTP, why: RUNTIME }],
  ["output_buffers", { contexts: HTTP, why: RUNTIME }],
  ["postpone_output", { contexts: HTTP, why: "what is there is sent at once, in few writes" }],
  ["read_ahead", { contexts: HTTP, why: RUNTIME }],
  ["send_lowat", { contexts: HTTP, why: RUNTIME }],
  ["sendfile", { contexts: [...HTTP, "location_if"], why: RUNTIME }],
  ["sendfile_max_chunk", { contexts: HTTP, why: RUNTIME }],
  ["reset_timedout_connection", {
    contexts: HTTP,
    why: "the runtime closes connections and cannot reset them: what was not sent stays with the " +
      "system until its own timeouts",
  }],
  ["tcp_nodelay", { contexts: HTTP, why: "nothing is ever held back: it is always on" }],
  ["early_hints", { contexts: HTTP, why: "what a peer hints (103) is passed on, always" }],
  ["tcp_nopush", { contexts: HTTP, why: "head and body go out in one write where they fit" }],
  ["zone", { contexts: ["upstream"], why: "workers share what is known of peers as it is" }],
  ["client_body_in_single_buffer", {
    contexts: HTTP,
    why: "where bodies are kept is ours to choose",
  }],
  ["keepalive_disable", { contexts: HTTP, why: OLD_BROWSERS }],
  ["msie_padding", { contexts: HTTP, why: OLD_BROWSERS }],
  ["msie_refresh", { contexts: HTTP, why: OLD_BROWSERS }],
  ["connection_pool_size", { contexts: ["http", "server"], why: HASHES }],
  ["request_pool_size", { contexts: ["http", "server"], why: HASHES }],
  ["server_names_hash_bucket_size", { contexts: ["http"], why: HASHES }],
  ["server_names_hash_max_size", { contexts: ["http"], why: HASHES }],
  ["types_hash_bucket_size", { contexts: HTTP, why: HASHES }],
  ["types_hash_max_size", { contexts: HTTP, why: HASHES }],
  ["variables_hash_bucket_size", { contexts: ["http"], why: HASHES }],
  ["variables_hash_max_size", { contexts: ["http"], why: HASHES }],
  ["map_hash_bucket_size", { contexts: ["http"], why: HASHES }],
  ["map_hash_max_size", { contexts: ["http"], why: HASHES }],
  ["referer_hash_bucket_size", { contexts: ["server", "location"], why: HASHES }],
  ["referer_hash_max_size", { contexts: ["server", "location"], why: HASHES }],
  ["proxy_headers_hash_bucket_size", { contexts: HTTP, why: HASHES }],
  ["proxy_headers_hash_max_size", { contexts: HTTP, why: HASHES }],
]);

function names(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}

/** By what they belong to. */
export const REFUSED: readonly Refused[] = [
  {
    title: "The process",
    why: "the system's own settings do that",
    instead: "the service manager's WorkingDirectory and LimitCORE",
    names: names(`
      working_directory worker_rlimit_core`),
  },
  {
    title: "A cache of open files",
    why: "each request opens its file, which takes some microseconds, and sees what is there now",
    instead: "nothing: without it no more than that changes",
    names: names(`
      open_file_cache open_file_cache_errors open_file_cache_min_uses open_file_cache_valid`),
  },
  {
    title: "For debugging nginx itself",
    why: "it is about the insides of nginx",
    names: names("debug_connection debug_points worker_rlimit_sigpending open_file_cache_events"),
  },
  {
    title: "TCP and UDP",
    why: "Sluice is a proxy of HTTP: it does not pass on bare TCP or UDP",
    names: names(`
      stream preread_buffer_size preread_timeout ssl_preread proxy_download_rate
      proxy_upload_rate proxy_requests proxy_responses proxy_protocol_timeout proxy_half_close
      proxy_session_drop js_access js_preread js_filter pass`),
  },
  {
    title: "Mail",
    why: "Sluice is a proxy of HTTP, not of mail",
    names: names(`
      mail protocol auth_http auth_http_header auth_http_pass_client_cert auth_http_timeout
      imap_auth imap_capabilities imap_client_buffer pop3_auth pop3_capabilities smtp_auth
      smtp_capabilities smtp_client_buffer smtp_greeting_delay starttls proxy_pass_error_message
      proxy_smtp_auth proxy_buffer max_errors xclient`),
  },
  {
    title: "TLS towards clients",
    why: "TLS towards clients is not supported yet",
    instead: "a TLS terminator in front",
    names: names(`
      ssl ssl_buffer_size ssl_certificate ssl_certificate_cache ssl_certificate_compression
      ssl_certificate_key ssl_ciphers ssl_client_certificate ssl_conf_command ssl_crl ssl_dhparam
      ssl_early_data ssl_ech_file ssl_ecdh_curve ssl_engine ssl_handshake_timeout ssl_key_log
      ssl_object_cache_inheritable ssl_ocsp ssl_ocsp_cache ssl_ocsp_responder ssl_password_file
      ssl_prefer_server_ciphers ssl_protocols ssl_reject_handshake ssl_session_cache
      ssl_session_ticket_key ssl_session_tickets ssl_session_timeout ssl_stapling
      ssl_stapling_file ssl_stapling_responder ssl_stapling_verify ssl_trusted_certificate
      ssl_verify_client ssl_verify_depth ssl_alpn`),
  },
  {
    title: "HTTP/2",
    why: "HTTP/2 towards clients is not supported yet",
    names: names(`
      http2 http2_body_preread_size http2_chunk_size http2_idle_timeout
      http2_max_concurrent_pushes http2_max_concurrent_streams http2_max_field_size
      http2_max_header_size http2_max_requests http2_pool_size http2_streams_index_size http2_push http2_push_preload
      http2_recv_buffer_size http2_recv_timeout`),
  },
  {
    title: "HTTP/3",
    why: "HTTP/3 is not supported: the runtime has no QUIC that could carry it",
    names: names(`
      http3 http3_hq http3_max_concurrent_streams http3_stream_buffer_size quic_active_connection_id_limit
      quic_bpf quic_gso quic_host_key quic_mtu quic_retry quic_stream_buffer_size`),
  },
  {
    title: "FastCGI",
    why: "FastCGI is not supported yet",
    instead: "proxy_pass to a server that speaks HTTP",
    names: [
      ...prefixed("fastcgi"),
      ...names(`
      fastcgi_catch_stderr fastcgi_index fastcgi_keep_conn fastcgi_param
      fastcgi_split_path_info `),
    ],
  },
  {
    title: "uwsgi",
    why: "uwsgi is not supported",
    instead: "proxy_pass to the application's HTTP port",
    names: [
      ...prefixed("uwsgi"),
      ...ssl("uwsgi"),
      ...names(`
      uwsgi_modifier1 uwsgi_modifier2 uwsgi_param uwsgi_string`),
    ],
  },
  {
    title: "SCGI",
    why: "SCGI is not supported",
    instead: "proxy_pass to a server that speaks HTTP",
    names: [...prefixed("scgi"), "scgi_param"],
  },
  {
    title: "gRPC",
    why: "gRPC is not supported yet",
    names: [...prefixed("grpc"), ...ssl("grpc"), "grpc_set_header"],
  },
  {
    title: "memcached",
    why: "memcached is not supported",
    instead: "a handler of a program that embeds Sluice",
    names: [...prefixed("memcached"), ...names("memcached_gzip_flag")],
  },
  {
    title: "Caching",
    why: "caching is not supported yet",
    names: names(`
      proxy_cache proxy_cache_background_update proxy_cache_bypass proxy_cache_convert_head
      proxy_cache_key proxy_cache_lock proxy_cache_lock_age proxy_cache_lock_timeout
      proxy_cache_max_range_offset proxy_cache_methods proxy_cache_min_uses proxy_cache_path
      proxy_cache_purge proxy_cache_revalidate proxy_cache_use_stale proxy_cache_valid
      proxy_no_cache slice`),
  },
  {
    title: "Proxying",
    why: "Sluice has no such choice",
    names: names("proxy_request_dynamic proxy_allow_upstream"),
  },
  {
    title: "TLS towards peers",
    why: "the runtime's TLS lets no program choose it",
    names: names("proxy_ssl_certificate_cache proxy_ssl_key_log proxy_ssl_alpn"),
  },
  {
    title: "Upstreams",
    why: "it is part of nginx's commercial edition, or was",
    instead: "health_check with its parameters, and the admin listener",
    names: names(`
      state ntlm upstream_conf health_check health_check_timeout match
      zone_sync zone_sync_buffers zone_sync_connect_retry_interval
      zone_sync_connect_timeout zone_sync_interval zone_sync_recv_buffer_size zone_sync_server
      zone_sync_ssl zone_sync_timeout status api api_config_files
      mgmt usage_report license_token uuid_file enforce_initial_report`),
  },
  {
    title: "Static files",
    why: "a page that changes with each look",
    instead: "a handler of a program that embeds Sluice",
    names: names("random_index"),
  },
  {
    title: "Compression",
    why: "how compression uses memory is not to be set",
    names: names(`
      gzip_hash gzip_no_buffer gzip_window postpone_gzipping brotli_buffers brotli_window`),
  },
  {
    title: "Files that are compressed already",
    why: "not supported yet",
    instead: "gzip_static",
    names: names("brotli_static zstd_static"),
  },
  {
    title: "Of old",
    why: "nginx has it no longer",
    instead: "limit_conn_zone",
    names: names("limit_zone"),
  },
  {
    title: "Idle clients at the end",
    why: "SIGQUIT leaves those a second that were at work within the last, always",
    names: names("keepalive_min_timeout"),
  },
  {
    title: "A request of its own behind each",
    why: "nginx does not document it",
    instead: "mirror, or a handler of a program that embeds Sluice",
    names: names("post_action"),
  },
  {
    title: "The charset of a peer",
    why: "what a peer says of its responses is passed on",
    instead: "charset, for what says none, and proxy_hide_header with add_header",
    names: names("override_charset"),
  },
  {
    title: "Authentication by tokens",
    why: "not supported",
    instead: "auth_request, asking a service that checks the token",
    names: names(`
      auth_jwt auth_jwt_claim_set auth_jwt_header_set auth_jwt_key_cache auth_jwt_key_file
      auth_jwt_key_request auth_jwt_leeway auth_jwt_require auth_jwt_type auth_oidc oidc_provider
      auth_oidc_provider `),
  },
  {
    title: "Changing bodies",
    why: "Sluice passes bodies on as they are",
    instead: "a handler of a program that embeds Sluice",
    names: names(`
      addition_types add_after_body add_before_body sub_filter sub_filter_last_modified
      sub_filter_once sub_filter_types ssi ssi_ignore_recycled_buffers ssi_last_modified
      ssi_min_file_chunk ssi_silent_errors ssi_types ssi_value_length xml_entities
      xslt_last_modified xslt_param xslt_string_param xslt_stylesheet xslt_types image_filter
      image_filter_buffer image_filter_interlace image_filter_jpeg_quality image_filter_sharpen
      image_filter_transparency image_filter_webp_quality charset charset_map charset_types
      source_charset`),
  },
  {
    title: "Media and WebDAV",
    why: "media are files as any other here, with ranges; WebDAV is for an origin",
    names: names(`
      flv mp4 mp4_buffer_size mp4_limit_rate mp4_limit_rate_after mp4_max_buffer_size
      mp4_start_key_frame f4f f4f_buffer_size hls hls_buffers hls_forward_args hls_fragment
      hls_mp4_buffer_size hls_mp4_max_buffer_size session_log session_log_format
      session_log_zone dav_access dav_methods create_full_put_path min_delete_depth`),
  },
  {
    title: "Where the client is",
    why: "Sluice does not read such databases",
    instead: "geo with the networks written out",
    names: names(`
      geoip_city geoip_country geoip_org geoip_proxy geoip_proxy_recursive geoip2 geoip2_proxy`),
  },
  {
    title: "Which program the client is",
    why: "not supported",
    instead: "map $http_user_agent",
    names: names(`
      ancient_browser ancient_browser_value modern_browser modern_browser_value`),
  },
  {
    title: "Scripts in nginx",
    why: "Sluice is extended in TypeScript, by programs that embed it",
    instead: "a handler of such a program",
    names: names(`
      perl perl_modules perl_require perl_set js_access js_body_filter js_content
      js_context_reuse js_engine js_fetch_buffer_size js_fetch_ciphers js_fetch_keepalive
      js_fetch_max_response_buffer_size js_fetch_protocols js_fetch_proxy js_fetch_timeout
      js_fetch_trusted_certificate js_fetch_verify js_fetch_verify_depth js_header_filter
      js_import js_include js_path js_periodic js_preload_object js_set js_shared_dict_zone
      js_var lua_package_path lua_shared_dict init_by_lua_block init_worker_by_lua_block
      set_by_lua_block rewrite_by_lua_block access_by_lua_block content_by_lua_block
      header_filter_by_lua_block body_filter_by_lua_block log_by_lua_block
      balancer_by_lua_block content_by_lua_file access_by_lua_file rewrite_by_lua_file`),
  },
  {
    title: "Traces and profiles",
    why: "not supported yet",
    instead: "the metrics of the admin listener",
    names: names(`
      google_perftools_profiles otel_exporter otel_resource_attr otel_service_name otel_trace
      otel_trace_context otel_span_name otel_span_attr internal_redirect`),
  },
  {
    title: "Of other modules",
    why: "it comes from a module that is not part of nginx",
    names: names(`
      echo more_set_headers more_clear_headers more_set_input_headers more_clear_input_headers
      vhost_traffic_status_zone vhost_traffic_status pagespeed modsecurity
      modsecurity_rules_file modsecurity_rules fancyindex upload_pass passenger_enabled
      encrypted_session_key nchan_publisher push_stream_publisher rtmp`),
  },
];

/** What each kind of peer has under a name of its own. */
function prefixed(protocol: string): readonly string[] {
  return names(`
    pass bind buffer_size buffering buffers busy_buffers_size cache cache_background_update
    cache_bypass cache_key cache_lock cache_lock_age cache_lock_timeout cache_max_range_offset
    cache_methods cache_min_uses cache_path cache_purge cache_revalidate cache_use_stale
    cache_valid connect_timeout force_ranges hide_header ignore_client_abort ignore_headers
    intercept_errors limit_rate max_temp_file_size next_upstream next_upstream_timeout
    next_upstream_tries no_cache pass_header pass_request_body pass_request_headers
    read_timeout request_buffering send_lowat send_timeout socket_keepalive store store_access
    temp_file_write_size temp_path request_dynamic bind_dynamic allow_upstream`)
    .map((name) => `${protocol}_${name}`);
}

function ssl(protocol: string): readonly string[] {
  return names(`
    certificate certificate_cache certificate_key ciphers conf_command crl key_log name
    password_file protocols server_name session_reuse trusted_certificate verify verify_depth`)
    .map((name) => `${protocol}_ssl_${name}`);
}

const BY_NAME: ReadonlyMap<string, Refused> = new Map(
  REFUSED.flatMap((refused) => refused.names.map((name) => [name, refused])),
);

/** Whether a name is still refused: it may have come into the table. */
export function isRefused(name: string): boolean {
  return !isInTable(name) && !ACCEPTED.has(name);
}

/** Whether a name is let through without an effect, wherever it may stand. */
export function isAccepted(name: string): boolean {
  return ACCEPTED.has(name) && !isInTable(name);
}

function isInTable(name: string): boolean {
  return DIRECTIVES.some((directive) =>
    directive.name === name || directive.nginx.names?.includes(name) === true
  ) || BLOCKS.some((block) => block.name === name);
}

/** Why a directive of nginx is refused; undefined where nginx does not have it. */
export function refusalOf(name: string): Refused | undefined {
  return BY_NAME.get(name);
}
