/** The part of a request that lies in one page of the stripe cache. */
export interface Piece {
  readonly slot: number;
  readonly pageOffset: number;
  readonly memory: Uint8Array;
  readonly memoryOffset: number;
  readonly lengthBytes: number;
}
