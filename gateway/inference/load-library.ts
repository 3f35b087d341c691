import koffi, { type LibraryHandle } from 'koffi'

/** `dlfcn.h`, Linux and macOS */
const RTLD_LAZY = 1

/**
 * A shared library that stays in the process until its end. koffi closes a library with the thread that loaded it, but what
 * TensorFlow Lite and its delegates have registered to run at exit would then be called where no code is any more.
 *
 * @throws Error what the loader says
 */
export function loadLibrary(path: string): LibraryHandle {
  const library = koffi.load(path)
  if (process.platform !== 'win32') koffi.load(null).func('void *dlopen(const char *path, int flags)')(path, RTLD_LAZY)
  return library
}
