import { FlashError } from '../flash-error.js'
import { type SmpBody, SmpGroup } from './smp-message.js'

/** What a server's result codes mean, as clauses (Zephyr 4.4: mgmt_defines.h, os_mgmt.h, img_mgmt.h). */
const COMMON: Readonly<Record<number, string>> = {
  1: 'an unknown error',
  2: 'it has not enough memory: send smaller pieces',
  3: 'it takes the request to be wrong',
  4: 'it timed out',
  5: 'there is no such thing',
  6: 'it cannot do that in its present state',
  7: 'its answer would be too long',
  8: 'it does not support this command',
  9: 'its data are corrupt',
  10: 'it is busy with another command: try again',
  11: 'it denies access',
  12: 'this SMP version is too old for it',
  13: 'this SMP version is too new for it',
}

const OS: Readonly<Record<number, string>> = {
  2: 'it does not know this format of information',
  3: 'it has no answer to that query',
}

const IMAGE: Readonly<Record<number, string>> = {
  2: 'it cannot read the layout of its flash',
  3: 'there is no image in that slot',
  4: 'the image has no trailing records (TLVs)',
  5: 'a trailing record (TLV) of the image is wrong',
  6: 'the image has more than one hash',
  7: 'a trailing record (TLV) of the image has a wrong size',
  8: 'no image there has that hash: list shows the hashes that there are',
  9: 'no slot is free: confirm or erase the image that is waiting',
  10: 'its flash cannot be opened',
  11: 'its flash cannot be read',
  12: 'its flash cannot be written',
  13: 'its flash cannot be erased',
  14: 'it has no such slot',
  15: 'it has not enough memory',
  16: 'an update is already under way',
  17: 'no update is under way',
  18: 'it has no flash there',
  19: 'a page of its flash is wrong',
  20: 'the offset is missing or wrong',
  21: 'the length is missing or wrong',
  22: 'the image is shorter than its header',
  23: 'this is not an MCUboot image',
  24: 'the hash is not valid',
  25: 'the image was linked for another address',
  26: 'it cannot tell its own version',
  27: 'its own firmware is newer, or as new',
  28: 'an image is already waiting for the next reset',
  29: "the image's vector table is not valid",
  30: 'the image is too large for the slot',
  31: 'more was sent than the image is long',
  32: 'it does not let this image be confirmed',
  33: 'the image that runs cannot be set to be tested',
  34: 'it does not know which slot runs',
}

const BY_GROUP: Readonly<Record<number, Readonly<Record<number, string>>>> = {
  [SmpGroup.Os]: OS,
  [SmpGroup.Image]: IMAGE,
}

/** A device's refusal, with its code and group for programs. `group`: undefined for the codes that all groups share. */
export class SmpRefusal extends FlashError {
  constructor(
    readonly what: string,
    readonly group: number | undefined,
    readonly result: number,
    reason?: string,
  ) {
    const known =
      group === undefined ? COMMON[result] : (BY_GROUP[group]?.[result] ?? (result === 1 ? COMMON[1] : undefined))
    const code = group === undefined ? `${result}` : `${group}/${result}`
    super(
      'smp-refused',
      `the device refuses ${what}: ${known ?? 'an error that this version does not know'} (SMP ${code})${reason ? `, it says "${reason}"` : ''}`,
    )
  }
}

/** SMP's "not supported". */
export function isUnsupported(error: unknown): boolean {
  return error instanceof SmpRefusal && error.group === undefined && error.result === 8
}

/** The refusal that an answer is, in either version of SMP (servers of version 2 use both), or undefined. */
export function refusalIn(body: SmpBody, what: string): SmpRefusal | undefined {
  const reason = typeof body.get('rsn') === 'string' ? (body.get('rsn') as string) : undefined
  const error = body.get('err')
  if (error instanceof Map) {
    const [group, result] = [Number(error.get('group')), Number(error.get('rc'))]
    return result === 0 ? undefined : new SmpRefusal(what, group, result, reason)
  }
  const result = Number(body.get('rc') ?? 0)
  return result === 0 ? undefined : new SmpRefusal(what, undefined, result, reason)
}
