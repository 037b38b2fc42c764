/**
 * What is compared when a round in memory is over.
 *
 * @module
 */
import { type Difference, pathOf } from "./comparison.ts";
import { type LlhttpMessage, LlhttpReader } from "./llhttp.ts";
import { isSameMessage, type MemoryOutcome, passedOn, readAnswers } from "./memory_round.ts";
import { type PlainMessage, type PlainReading, readPlainRequests } from "./plain_reader.ts";

/** What Sluice says of one request. */
export interface ForwardedLine {
  readonly message: number;
  /** Of the request on its connection, from 1. */
  readonly number: number;
  readonly tag: string;
  readonly method: string;
  readonly target: string;
  readonly body: string;
  readonly status: number;
  readonly isForwarded: boolean;
  readonly upstreamStatus: string;
  readonly isWhole: boolean;
}

/** All that Sluice wrote on one connection to an origin, and llhttp that has read it. */
export interface OriginStream {
  readonly reader: LlhttpReader;
  readonly text: string;
}

/** One round. */
export interface RoundReadings {
  readonly messages: readonly string[];
  /** How each message went through Sluice. */
  readonly ways: readonly string[];
  /** What the client of each message was sent. */
  readonly received: readonly string[];
  readonly lines: readonly ForwardedLine[];
  readonly streams: readonly OriginStream[];
}

export function compareRequests(readings: RoundReadings): MemoryOutcome {
  return new RequestComparison(readings).run();
}

/** Fields that Sluice writes itself, or that concern one connection only. */
const NOT_PASSED_ON = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "x-fuzz",
]);

class RequestComparison {
  readonly #readings: RoundReadings;
  readonly #differences: Difference[] = [];
  readonly #verdicts = new Map<string, number>();

  constructor(readings: RoundReadings) {
    this.#readings = readings;
  }

  run(): MemoryOutcome {
    const { messages, lines, streams } = this.#readings;
    const linesOf: ForwardedLine[][] = messages.map(() => []);
    const byTag = new Map<string, ForwardedLine>();
    for (const line of lines) {
      linesOf[line.message]!.push(line);
      if (line.isForwarded) byTag.set(line.tag, line);
    }
    const readingOf = new Map<ForwardedLine, LlhttpMessage[]>();
    for (const stream of streams) this.#readStream(stream, byTag, readingOf);
    for (const [message, its] of linesOf.entries()) {
      this.#compareMessage(message, its, readingOf);
      this.#compareAnswers(message, its);
    }
    return { differences: this.#differences, verdicts: this.#verdicts };
  }

  #found(message: number, what: string, ...told: readonly unknown[]): void {
    const lines = told.map((one) => `\n  ${JSON.stringify(one)}`).join("");
    const way = this.#readings.ways[message];
    this.#differences.push({ message, what: `${what} (${way})${lines}` });
  }

  #count(verdict: string): void {
    this.#verdicts.set(verdict, (this.#verdicts.get(verdict) ?? 0) + 1);
  }

  /** Both readers find the same in what Sluice wrote, and nothing that it did not mean. */
  #readStream(
    { reader, text }: OriginStream,
    byTag: ReadonlyMap<string, ForwardedLine>,
    readingOf: Map<ForwardedLine, LlhttpMessage[]>,
  ): void {
    const plain = readPlainRequests(text);
    let last: ForwardedLine | undefined;
    for (const [index, reading] of reader.messages.entries()) {
      if (!reading.hasHead) break;
      const tag = reading.fields.find(([name]) => name === "X-Fuzz")?.[1] ?? "";
      const line = byTag.get(tag);
      if (line === undefined) {
        this.#found(last?.message ?? -1, "an origin read a request nobody sent", reading, last);
        return;
      }
      last = line;
      const its = readingOf.get(line);
      if (its === undefined) readingOf.set(line, [reading]);
      else its.push(reading);
      const other = plain.messages[index];
      if (other === undefined || !isSameMessage(reading, other)) {
        this.#found(line.message, "two readers read another request", reading, other, plain.error);
      }
    }
    if (reader.error !== undefined) {
      if (this.#isUnknownMethod(reader, text, plain)) {
        this.#count("methods that llhttp does not know");
      } else {
        const what = `llhttp cannot read what Sluice wrote: ${reader.error}`;
        this.#found(last?.message ?? -1, what, text.slice(-1_000), plain.error);
      }
    } else if (plain.error !== "") {
      this.#found(
        last?.message ?? -1,
        `Sluice wrote no request: ${plain.error}`,
        text.slice(-1_000),
      );
    } else if (plain.messages.length > reader.messages.length) {
      this.#found(last?.message ?? -1, "llhttp reads less than there is", text.slice(-1_000));
    }
  }

  /** llhttp has a list of methods; a token that is not on it is no difference in reading. */
  #isUnknownMethod({ error, messages }: LlhttpReader, text: string, plain: PlainReading): boolean {
    if (error !== "HPE_INVALID_METHOD") return false;
    const read = messages.filter(({ isComplete }) => isComplete).length;
    const rest = text.slice(plain.messages[read]?.start ?? plain.end);
    return this.#readings.lines.some(({ isForwarded, method }) =>
      isForwarded && (rest.startsWith(`${method} `) || method.startsWith(rest))
    );
  }

  #compareMessage(
    message: number,
    lines: readonly ForwardedLine[],
    readingOf: ReadonlyMap<ForwardedLine, readonly LlhttpMessage[]>,
  ): void {
    const text = this.#readings.messages[message]!;
    const isRewritten = this.#readings.ways[message] === "rewritten";
    const forwarded = lines.filter(({ isForwarded }) => isForwarded);
    for (const { isForwarded } of lines) this.#count(isForwarded ? "forwarded" : "refused");
    if (lines.length === 0) this.#count("without a request");
    if (forwarded.length === 0) return;
    const direct = new LlhttpReader("request");
    direct.feed(text);
    direct.finish();
    direct.free();
    const plain = readPlainRequests(text, "\r\n");
    for (const line of forwarded) {
      const own = plain.messages[line.number - 1];
      const theirs = direct.messages[line.number - 1];
      const its = readingOf.get(line) ?? [];
      if (own === undefined) {
        this.#found(message, `Sluice forwards what is no request: ${plain.error}`, line);
        continue;
      }
      if (own.method !== line.method || pathOf(own.target) !== line.target) {
        this.#found(message, "Sluice reads another request than there is", line, own);
      }
      if (theirs?.isComplete && own.isComplete) {
        this.#count("compared with llhttp's direct reading");
        const isSame = theirs.method === line.method && pathOf(theirs.target) === line.target &&
          theirs.body === own.body;
        if (!isSame) {
          this.#found(message, "llhttp reads directly what Sluice does not", line, theirs);
        }
      } else if (own.isComplete) {
        this.#count(`llhttp refuses directly: ${direct.error}`);
      }
      const tries = line.upstreamStatus.split(", ").length;
      if (its.length > tries) this.#found(message, "origins read one request too often", line, its);
      if (its.length === 0 && /^[123]/.test(line.upstreamStatus)) {
        this.#found(message, "an origin answered a request that it did not read", line);
      }
      for (const reading of its) this.#compareForwarded(line, own, reading, isRewritten);
    }
  }

  /** What reached the origin is what came from the client. */
  #compareForwarded(
    line: ForwardedLine,
    own: PlainMessage,
    reading: LlhttpMessage,
    isRewritten: boolean,
  ): void {
    const { message } = line;
    if (reading.method !== line.method) {
      this.#found(message, "an origin read another method", line, reading);
    }
    if (isRewritten ? !reading.target.startsWith("/base/") : reading.target !== line.target) {
      this.#found(message, "an origin read another target", line, reading);
    }
    const hosts = reading.fields.filter(([name]) => name.toLowerCase() === "host");
    const host = own.fields.find(([name]) => name.toLowerCase() === "host")?.[1] ?? "";
    const hasHost = hosts.length === 1 && hosts[0]![1] === (host || "app");
    // HTTP/1.0 does without one.
    if (!hasHost && (hosts.length > 0 || host !== "" || own.minor !== 0)) {
      this.#found(message, "an origin read another host", line, reading);
    }
    const known = own.fields.filter(([name]) => /^[a-z0-9-]+$/i.test(name));
    const passed = passedOn(known, NOT_PASSED_ON);
    const got = passedOn(reading.fields, NOT_PASSED_ON);
    if (passed !== got) this.#found(message, "an origin read other fields", passed, got);
    const isBuffered = !/^(?:streamed|rewritten)$/.test(this.#readings.ways[message]!);
    if (reading.isComplete) {
      this.#count("bodies compared");
      if (!own.isComplete || own.body !== reading.body) {
        this.#found(message, "an origin took another body for complete", line, own, reading);
      }
      if (isBuffered && line.body !== reading.body) {
        this.#found(message, "Sluice says that it has another body", line, reading);
      }
    } else if (isBuffered) {
      this.#found(message, "an origin missed some of a body that was whole", line, reading);
    } else if (line.isWhole && line.status < 400) {
      this.#found(message, "a request that is cut was answered", line, reading);
    } else {
      this.#count("cut on the way");
    }
  }

  /** The client reads one answer for each request. */
  #compareAnswers(message: number, lines: readonly ForwardedLine[]): void {
    const text = this.#readings.received[message]!;
    const { answers, problem, isCut } = readAnswers(text, (answer) => lines[answer]?.method);
    const found = (what: string, ...told: readonly unknown[]) =>
      this.#found(message, `answers: ${what}`, ...told);
    if (problem !== "") return found(problem, text, lines);
    if (answers.length > lines.length) return found("more than requests", text, lines);
    for (const [index, line] of lines.entries()) {
      const answer = answers[index];
      if (answer === undefined ? line.isWhole : answer.status !== line.status) {
        found("another one than Sluice says", line, answer);
      } else if (answer !== undefined && answer.isComplete !== line.isWhole) {
        found("complete what is not, or not what is", line, answer);
      }
    }
    if (isCut && lines.every(({ isWhole }) => isWhole)) found("cut, and nobody says so", text);
  }
}
