/**
 * What is compared when every program has said what it read.
 *
 * @module
 */
import type { Origin, OriginReading } from "./origins.ts";

/** A message that is read in two ways. */
export interface Difference {
  /** Number of the message in its round; -1 where no message is known to have led to it. */
  readonly message: number;
  readonly what: string;
}

/** What came of one round. */
export interface Outcome {
  readonly differences: readonly Difference[];
  /** Requests that Sluice forwarded. */
  readonly forwarded: number;
  /** Requests that it answered itself. */
  readonly refused: number;
  /** Requests of which its reading was compared with that of a program which had them directly. */
  readonly compared: number;
}

/** Stands for the number of a message in requests that only wait for others. */
export const SENTINEL = -1;

/** A listener of Sluice and what is behind it. */
export interface Way {
  readonly port: number;
  readonly origin: string;
  readonly isBuffered: boolean;
}

/** What Sluice says of one request. */
export interface SluiceReading {
  readonly tag: string;
  readonly port: number;
  readonly number: number;
  readonly method: string;
  readonly target: string;
  readonly host: string;
  readonly body: string;
  readonly status: string;
  readonly upstreamAddress: string;
  readonly upstreamStatus: string;
}

/** One sending of a message. */
export interface Sent {
  readonly message: number;
  /** How it was sent through Sluice. */
  readonly way?: Way;
  /** Where it was sent directly. */
  readonly origin?: string;
}

/** All that was said about one round. */
export class Comparison {
  readonly #sentFrom: (port: number) => Sent | undefined;
  readonly #sluice: readonly SluiceReading[];
  readonly #readings: readonly OriginReading[];
  readonly #origins: readonly Origin[];
  readonly #differences: Difference[] = [];
  #compared = 0;

  constructor(
    sentFrom: (port: number) => Sent | undefined,
    sluice: readonly SluiceReading[],
    readings: readonly OriginReading[],
    origins: readonly Origin[],
  ) {
    this.#sentFrom = sentFrom;
    this.#sluice = sluice;
    this.#readings = readings;
    this.#origins = origins;
  }

  run(): Outcome {
    const forwarded = this.#sluice.filter(({ upstreamAddress }) => upstreamAddress !== "");
    const tags = new Set(forwarded.map(({ tag }) => tag));
    const behind = this.#readings.filter(({ isDirect }) => !isDirect);
    const seen = new Map<string, OriginReading[]>();
    for (const reading of behind) {
      if (!tags.has(reading.tag)) {
        this.#foundUnknown(reading);
        continue;
      }
      if (reading.method === "") this.#foundError(reading);
      else seen.set(reading.tag, [...seen.get(reading.tag) ?? [], reading]);
    }
    for (const line of forwarded) this.#compareForwarded(line, seen.get(line.tag) ?? []);
    this.#compareWays(forwarded, seen);
    this.#compareDirect(forwarded);
    return {
      differences: this.#differences,
      forwarded: forwarded.length,
      refused: this.#sluice.length - forwarded.length,
      compared: this.#compared,
    };
  }

  #messageOf(line: SluiceReading | undefined): number {
    return line === undefined ? SENTINEL : this.#sentFrom(line.port)?.message ?? SENTINEL;
  }

  #found(message: number, what: string, ...readings: readonly unknown[]): void {
    const told = readings.map((reading) => `\n  ${JSON.stringify(reading)}`).join("");
    this.#differences.push({ message, what: what + told });
  }

  /** An origin read what Sluice did not send, or could not read what it sent. */
  #foundUnknown(reading: OriginReading): void {
    const { origin, error } = reading;
    if (error === "ECONNRESET" || this.#isUnknownMethod(reading)) return;
    const suspect = this.#sluice.find(({ upstreamStatus, port }) =>
      upstreamStatus === "400" && this.#sentFrom(port)?.way?.origin === origin
    );
    const complaints = this.#origins.find(({ name }) => name === origin)?.complaints();
    this.#found(
      this.#messageOf(suspect),
      `${origin} ${error === "" ? "read a request nobody sent" : "could not read a request"}`,
      reading,
      suspect,
      complaints,
    );
  }

  /** What Node says of a connection on which it has read requests. */
  #foundError(reading: OriginReading): void {
    // A body that turned out to be bad when some of it was on its way ends with its connection.
    if (/^(?:ECONNRESET|HPE_INVALID_EOF_STATE)$/.test(reading.error)) return;
    if (this.#isUnknownMethod(reading)) return;
    const line = this.#sluice.find(({ tag }) => tag === reading.tag);
    this.#found(this.#messageOf(line), "Node could not read what followed", line, reading);
  }

  /** Node has a list of methods; a token that is not on it is no difference in reading. */
  #isUnknownMethod({ error, text }: OriginReading): boolean {
    if (error !== "HPE_INVALID_METHOD") return false;
    const [, tag] = /\r\nX-Fuzz: (\S+)\r\n/.exec(text) ?? [];
    const line = this.#sluice.find((one) => one.tag === tag && one.upstreamAddress !== "");
    return line !== undefined && text.startsWith(`${line.method} ${line.target} HTTP/1.1\r\n`);
  }

  #compareForwarded(line: SluiceReading, readings: readonly OriginReading[]): void {
    const sent = this.#sentFrom(line.port);
    if (sent === undefined || sent.message === SENTINEL) return;
    const message = sent.message;
    const tries = line.upstreamAddress.split(", ").length;
    if (readings.length > tries) {
      this.#found(message, "an origin read one request several times", line, ...readings);
    }
    if (readings.length === 0 && /^[123]/.test(line.upstreamStatus)) {
      this.#found(message, "an origin answered a request that it did not read", line);
    }
    for (const reading of readings) {
      const isSame = reading.method === line.method &&
        reading.host === (line.host || sent.way!.origin) &&
        pathOf(reading.target) === line.target;
      if (!isSame) this.#found(message, "an origin read another request", line, reading);
      if (!sent.way!.isBuffered) {
        if (!reading.isComplete && line.status < "400") {
          this.#found(message, "an origin missed some of a body that was whole", line, reading);
        }
        continue;
      }
      if (!reading.isComplete || reading.body !== line.body) {
        this.#found(message, "an origin read another body", line, reading);
      }
    }
  }

  /** However it is relayed, what an origin takes for complete has the body that Sluice read. */
  #compareWays(
    forwarded: readonly SluiceReading[],
    seen: ReadonlyMap<string, readonly OriginReading[]>,
  ): void {
    const buffered = new Map<string, SluiceReading>();
    const keyOf = ({ port, number }: SluiceReading) => {
      const sent = this.#sentFrom(port);
      return `${sent?.message}/${sent?.way?.origin}/${number}`;
    };
    for (const line of forwarded) {
      if (this.#sentFrom(line.port)?.way?.isBuffered) buffered.set(keyOf(line), line);
    }
    for (const line of forwarded) {
      const sent = this.#sentFrom(line.port);
      if (sent?.way === undefined || sent.way.isBuffered) continue;
      const whole = buffered.get(keyOf(line));
      for (const reading of seen.get(line.tag) ?? []) {
        if (!reading.isComplete || reading.body === whole?.body) continue;
        const what = "an origin took for complete what Sluice did not read so";
        this.#found(sent.message, what, line, whole, reading);
      }
    }
  }

  /** Who gets the message directly may refuse more or less of it, but not read it otherwise. */
  #compareDirect(forwarded: readonly SluiceReading[]): void {
    const direct = new Map<string, OriginReading>();
    for (const reading of this.#readings) {
      const sent = this.#sentFrom(reading.port);
      if (!reading.isDirect || sent?.origin !== reading.origin) continue;
      // Node does not say which request of a connection it could not read.
      if (reading.number > 0) {
        direct.set(`${sent.message}/${reading.origin}/${reading.number}`, reading);
      }
    }
    for (const line of forwarded) {
      const sent = this.#sentFrom(line.port);
      if (!sent?.way?.isBuffered) continue;
      for (const { name } of this.#origins) {
        const reading = direct.get(`${sent.message}/${name}/${line.number}`);
        if (reading?.error) {
          this.#found(sent.message, `${name} cannot read what Sluice forwards`, line, reading);
        }
        if (!reading?.isComplete) continue;
        this.#compared++;
        const isSame = reading.method === line.method && pathOf(reading.target) === line.target &&
          reading.body === line.body;
        if (!isSame) {
          this.#found(sent.message, `${name} reads directly what Sluice does not`, line, reading);
        }
      }
    }
  }
}

/** Of an absolute target, what a request in origin form would have. */
export function pathOf(target: string): string {
  const [, rest] = /^[a-z][a-z0-9+.-]*:\/\/[^/?]*(.*)$/is.exec(target) ?? [];
  if (rest === undefined) return target.startsWith("?") ? `/${target}` : target;
  return rest.startsWith("/") ? rest : `/${rest}`;
}
