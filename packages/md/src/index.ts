export { type AssembleOptions, assemble } from "./assemble.js";
export type { AssembledArray, AssembledMember, AssembledSpare } from "./assembled-array.js";
export { type BadBlockRange, readBadBlocks } from "./bad-block-log.js";
export { type CreateOptions, createArray } from "./create.js";
export { MdError, type MdErrorCode } from "./errors.js";
export { type Examination, examine } from "./examine.js";
export { Feature, featureNames } from "./feature-map.js";
export { type ForeignContent, findForeign } from "./foreign.js";
export { badBlockLogPlace, bitmapSpace, defaultDataOffset } from "./geometry.js";
export { type AddOptions, MdArray, type MdArrayOptions } from "./md-array.js";
export { OpenArray, type OpenArrayOptions } from "./open-array.js";
export type { Rejection, RejectReason } from "./rejection.js";
export { arrayState, describeRole, ownRole, ROLE_FAULTY, ROLE_JOURNAL, ROLE_SPARE } from "./role.js";
export { MAX_SECTOR, SECTOR_BYTES } from "./sector.js";
export type {
  BadBlockLogPlace,
  MdTime,
  PplPlace,
  ReshapeTarget,
  Superblock1,
  SuperblockIdentity,
  SuperblockState,
} from "./superblock-1.js";
export { parseSuperblock1 } from "./superblock-1-codec.js";
export {
  METADATA_VERSIONS,
  type MetadataVersion,
  superblockSector,
  zeroSuperblocks,
} from "./superblock-place.js";
export { formatUuid, parseUuid, randomUuid } from "./uuid.js";
