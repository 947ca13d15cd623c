/** Files that a workload reads. */

/** An open file; disposing of it closes and removes it. */
export interface TemporaryFile extends AsyncDisposable {
  readonly file: Deno.FsFile;
  readonly path: string;
}

/** Creates a file with these bytes in a new directory. */
export async function temporaryFile(bytes: Uint8Array): Promise<TemporaryFile> {
  const directory = await Deno.makeTempDir({ prefix: "kload-bench-" });
  const path = `${directory}/kernel.elf`;
  await Deno.writeFile(path, bytes);
  const file = await Deno.open(path);
  return {
    file,
    path,
    [Symbol.asyncDispose]: async () => {
      file.close();
      await Deno.remove(directory, { recursive: true });
    },
  };
}
