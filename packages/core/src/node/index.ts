/**
 * What programs on Node need of the framework: drivers as plugins, by the name of their package.
 *
 * @packageDocumentation
 */

export { type ImportModule, loadDriver } from "./load-driver.js";
