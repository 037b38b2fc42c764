/**
 * Buffers: cells with checked owners, the pool they come from, chains of them.
 *
 * @module
 */
export { Buf } from "./buf.ts";
export { Chain } from "./chain.ts";
export {
  CannotReadBack,
  openNamed,
  type OpenSpillFile,
  openUnlinked,
  type SpillFile,
  TempFile,
} from "./temp_file.ts";
export { type SharedNumber, TempSpace } from "./temp_space.ts";
export { WorkingSet } from "./working_set.ts";
export {
  CELL_SIZES,
  type CellStats,
  LARGEST_CELL_BYTES,
  SlabPool,
  type SlabPoolOptions,
  type SlabPoolStats,
} from "./slab_pool.ts";
