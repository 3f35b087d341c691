import type { ImageVersion } from './mcuboot-image.js'

/** As devices tell it: "1.2.3", with ".4" for a build other than 0. */
export function formatVersion({ major, minor, revision, build }: ImageVersion): string {
  return `${major}.${minor}.${revision}${build > 0 ? `.${build}` : ''}`
}

/** Undefined for what is not a version; imgtool's "1.2.3+4" is taken, too. */
export function parseVersion(text: string): ImageVersion | undefined {
  const [, major, minor = '0', revision = '0', build = '0'] =
    /^(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:[.+](\d+))?$/.exec(text) ?? []
  if (major === undefined) return undefined
  return { major: Number(major), minor: Number(minor), revision: Number(revision), build: Number(build) }
}

/** Negative where `one` is older. As MCUboot compares by default, the build number does not count. */
export function compareVersions(one: ImageVersion, other: ImageVersion): number {
  return one.major - other.major || one.minor - other.minor || one.revision - other.revision
}
