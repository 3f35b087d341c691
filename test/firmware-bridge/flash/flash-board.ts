import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Test } from 'tap'
import type { FlashDevice } from '../../../firmware-bridge/flash/flash-device.js'
import { openFlashDevice } from '../../../firmware-bridge/flash/open-flash-device.js'
import type { FlashListener, FlashPolicy } from '../../../firmware-bridge/flash/upgrade-device.js'
import { makeBoard, posixBoard } from '../firmware/board-host.js'
import { NO_IMGTOOL } from './image-maker.js'

/** Why no device can be flashed here, or false. */
export const NO_FLASH_BOARD: string | false = NO_IMGTOOL || makeBoard('posix', ['cc'])

export interface FlashBoard {
  readonly process: ChildProcess
  readonly uri: string
}

/** The C library as a program, with its flash in a file. */
export async function startFlashBoard(t: Test, flash: string, ...options: string[]): Promise<FlashBoard> {
  const board = spawn(posixBoard, ['--flash', flash, ...options], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => board.kill())
  const { value } = await createInterface(board.stdout)[Symbol.asyncIterator]().next()
  return { process: board, uri: value }
}

export async function openBoard(t: Test, uri: string): Promise<FlashDevice> {
  const device = await openFlashDevice(uri)
  t.teardown(() => device.close())
  return device
}

export const POLICY: FlashPolicy = { imageNumber: 0, allowDowngrade: false }

export interface HeardProgress extends FlashListener {
  readonly phases: string[]
  readonly notes: string[]
  readonly progressed: number[]
}

export function hear(): HeardProgress {
  const heard = { phases: [] as string[], notes: [] as string[], progressed: [] as number[] }
  return {
    ...heard,
    phase: phase => heard.phases.push(phase),
    progress: bytes => heard.progressed.push(bytes),
    note: sentence => heard.notes.push(sentence),
  }
}
