/** A worker that opens the snapshots that it gets, and posts back how it explains their addresses. */

import { explainAddress } from "../../explain/address/explain_address.ts";
import { type KernelSnapshot, openSnapshot } from "../../explain/snapshot.ts";

interface WorkerScope {
  onmessage: (event: MessageEvent<{ taken: KernelSnapshot; addresses: readonly bigint[]; file: Uint8Array }>) => void;
  readonly postMessage: (message: unknown) => void;
}

const scope = self as unknown as WorkerScope;
scope.onmessage = ({ data: { taken, addresses, file } }) => {
  const kernel = openSnapshot(taken);
  scope.postMessage(addresses.map((address) => explainAddress(kernel, address, { file })));
};
