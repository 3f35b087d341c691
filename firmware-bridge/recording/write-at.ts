import type { FileHandle } from 'node:fs/promises'

/** All of it, although the system may take less at a time. */
export async function writeAt(file: FileHandle, position: number, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}
