/**
 * `status` and `top`: the status page in a terminal, once or every second.
 *
 * @module
 */
import { type AdminPlace, askStatus } from "./ask_admin.ts";
import { type Earlier, statusLines } from "./status_text.ts";

/** Where a status is printed. */
export interface Screen {
  readonly columns: number;
  readonly rows: number;
  /** Prints text as it is. */
  print(text: string): void;
}

const EVERY_MS = 1_000;
const COLUMNS = 160;
const ROWS = 50;

/** Another screen, without a cursor; and back. */
const ENTER = "\x1b[?1049h\x1b[?25l";
const LEAVE = "\x1b[?25h\x1b[?1049l";
/** To the top; what is right of a line, and below the last one. */
const [HOME, CLEAR_RIGHT, CLEAR_BELOW] = ["\x1b[H", "\x1b[K", "\x1b[J"];

/** The terminal of the process, or what stands in for one that is none. */
export function terminal(): Screen {
  const encoder = new TextEncoder();
  const size = (): { columns: number; rows: number } => {
    try {
      return Deno.consoleSize();
    } catch {
      return { columns: COLUMNS, rows: ROWS }; // a pipe, or no terminal at all
    }
  };
  return {
    get columns() {
      return size().columns;
    },
    get rows() {
      return size().rows;
    },
    print(text) {
      const bytes = encoder.encode(text);
      for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
    },
  };
}

/** The status now, as text or as JSON. @throws {CannotAsk} */
export async function printStatus(
  place: AdminPlace,
  isJson: boolean,
  out: (line: string) => void,
): Promise<void> {
  const status = await askStatus(place);
  if (isJson) return out(JSON.stringify(status, undefined, 2));
  for (const line of statusLines(status, undefined, Infinity)) out(line);
}

/** The status every second, until `end` settles. @throws {CannotAsk} At the first look only. */
export async function watchStatus(
  place: AdminPlace,
  screen: Screen,
  end: Promise<unknown>,
): Promise<void> {
  let status = await askStatus(place);
  let askedAtMs = performance.now();
  let earlier: Earlier | undefined;
  let trouble = "";
  let hasEnded = false;
  let wake = (): void => {};
  end.finally(() => {
    hasEnded = true;
    wake();
  });
  screen.print(ENTER);
  try {
    while (true) {
      draw(screen, [
        ...(trouble === "" ? [] : [trouble, ""]),
        ...statusLines(status, earlier, screen.columns),
      ]);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, EVERY_MS);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
        if (hasEnded) wake();
      });
      if (hasEnded) return;
      try {
        const next = await askStatus(place);
        const nowMs = performance.now();
        earlier = { status, seconds: (nowMs - askedAtMs) / 1_000 };
        [status, askedAtMs, trouble] = [next, nowMs, ""];
      } catch (error) {
        trouble = error instanceof Error ? error.message : String(error);
      }
    }
  } finally {
    screen.print(LEAVE);
  }
}

function draw(screen: Screen, lines: readonly string[]): void {
  const shown = lines.slice(0, screen.rows - 1).map((line) => line + CLEAR_RIGHT);
  screen.print(HOME + shown.join("\r\n") + CLEAR_BELOW);
}
