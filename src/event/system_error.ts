/**
 * What the system said of an operation, as logs write it.
 *
 * @module
 */

/**
 * `111: Connection refused`: the number and the text that nginx and `errno(3)` have,
 * whichever way the error came. Any other error's message as it is.
 */
export function systemErrorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const [, text, number] = OS_ERROR.exec(error.message) ?? [];
  if (number !== undefined) return `${number}: ${text}`;
  const { code, errno } = error as { code?: unknown; errno?: unknown };
  // What node: throws has the number, negative, and a text of libuv's or of its own.
  if (typeof code === "string" && typeof errno === "number" && errno < 0) {
    return `${-errno}: ${TEXTS[code] ?? code}`;
  }
  return error.message;
}

/** Deno says what it was doing with which file behind the number. */
const OS_ERROR = /^(.*?) \(os error (\d+)\)(?:: .*)?$/s;

/** Whether the operation ended because somebody closed the connection under it. */
export function isCancelled(error: unknown): boolean {
  if (error instanceof Deno.errors.Interrupted) return true;
  const { code } = error as { code?: unknown };
  return code === "ECANCELED" || code === "ERR_STREAM_DESTROYED";
}

/** The C library's texts: libuv has other words for some of them. */
const TEXTS: Readonly<Record<string, string>> = {
  EACCES: "Permission denied",
  EADDRINUSE: "Address already in use",
  EADDRNOTAVAIL: "Cannot assign requested address",
  EAGAIN: "Resource temporarily unavailable",
  ECONNABORTED: "Software caused connection abort",
  ECONNREFUSED: "Connection refused",
  ECONNRESET: "Connection reset by peer",
  EHOSTDOWN: "Host is down",
  EHOSTUNREACH: "No route to host",
  EINVAL: "Invalid argument",
  EMFILE: "Too many open files",
  ENETDOWN: "Network is down",
  ENETUNREACH: "Network is unreachable",
  ENOENT: "No such file or directory",
  EPERM: "Operation not permitted",
  EPIPE: "Broken pipe",
  ETIMEDOUT: "Connection timed out",
};
