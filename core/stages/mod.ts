/**
 * The door for writers of stages: the six built-in stages, pipelines, and the types of stages and their context.
 *
 * @module
 */

export { diagnostics } from "../diagnostics.ts";
