/**
 * Times as logs write them, in the local time zone. Each text is made once a
 * second, however often it is asked for.
 *
 * @module
 */

/** `22/Nov/2026:04:00:00 +0000`: `$time_local`. Takes milliseconds since 1970. */
export const timeLocal: (wallMs: number) => string = oncePerSecond((date) =>
  `${two(date.getDate())}/${MONTHS[date.getMonth()]}/${date.getFullYear()}:${clock(date)} ` +
  zone(date, "")
);

/** `2026-11-22T04:00:00+00:00`: `$time_iso8601`. Takes milliseconds since 1970. */
export const timeIso8601: (wallMs: number) => string = oncePerSecond((date) =>
  `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${clock(date)}` +
  zone(date, ":")
);

/** `2026/11/22 04:00:00`: the beginning of a line of the error log. Takes milliseconds since 1970. */
export const errorTime: (wallMs: number) => string = oncePerSecond((date) =>
  `${date.getFullYear()}/${two(date.getMonth() + 1)}/${two(date.getDate())} ${clock(date)}`
);

/** `Nov 22 04:00:00`, `Nov  2 04:00:00`: of a syslog's line. Takes milliseconds since 1970. */
export const syslogTime: (wallMs: number) => string = oncePerSecond((date) =>
  `${MONTHS[date.getMonth()]} ${String(date.getDate()).padStart(2, " ")} ${clock(date)}`
);

/** English in every locale, as nginx writes them. */
const MONTHS = [
  "Jan",
  "Feb",
  "Mar",
  "Apr",
  "May",
  "Jun",
  "Jul",
  "Aug",
  "Sep",
  "Oct",
  "Nov",
  "Dec",
] as const;

function oncePerSecond(format: (date: Date) => string): (wallMs: number) => string {
  let second = NaN;
  let text = "";
  return (wallMs) => {
    const now = Math.floor(wallMs / 1000);
    if (now !== second) {
      second = now;
      text = format(new Date(wallMs));
    }
    return text;
  };
}

function clock(date: Date): string {
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

function zone(date: Date, separator: string): string {
  const minutesEast = -date.getTimezoneOffset();
  const minutes = Math.abs(minutesEast);
  const sign = minutesEast < 0 ? "-" : "+";
  return `${sign}${two(Math.floor(minutes / 60))}${separator}${two(minutes % 60)}`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
