/**
 * The parser inside the npm package `undici`, which declares no types for it: llhttp, which Node
 * has too, as a module of WebAssembly. For tests only. Only what they use is declared.
 */

declare module "undici/lib/llhttp/llhttp_simd-wasm.js" {
  /** The bytes of the module. */
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}
