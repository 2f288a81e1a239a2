/**
 * Intel ISA-L as a dmaengine driver: the library's vector code, on threads of its own or within the call.
 *
 * @packageDocumentation
 */

export { type IsalOptions, isal } from "./isal.js";
