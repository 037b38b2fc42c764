/**
 * Lines of a byte stream.
 *
 * @module
 */

export class TextLineReader implements AsyncIterable<string> {
  readonly #stream: ReadableStream<Uint8Array<ArrayBuffer>>;

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#stream = stream;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    let rest = "";
    for await (const text of this.#stream.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      yield* lines;
    }
    if (rest !== "") yield rest;
  }
}
