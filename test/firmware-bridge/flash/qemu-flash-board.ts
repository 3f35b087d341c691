import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Test } from 'tap'
import { makeBoard } from '../firmware/board-host.js'
import { NO_IMGTOOL } from './image-maker.js'
import { type PoweredBoard, poweredBoard } from './powered-board.js'

const FIRMWARE = 'firmware-bridge/firmware'

/** Why the Cortex-M3 cannot be flashed here, or false. */
export const NO_QEMU_FLASH: string | false = NO_IMGTOOL || makeBoard('qemu', ['arm-none-eabi-gcc', 'qemu-system-arm'])

/** The real firmware for the Cortex-M3, saying that it is this version, behind it random bytes so that an upload takes a while. */
export function firmwareBody(version: string, padding = 0): Buffer {
  const made = spawnSync('make', ['--no-print-directory', '-C', FIRMWARE, 'qemu', `VERSION=${version}`], {
    encoding: 'utf8',
  })
  if (made.status !== 0) throw new Error(`make qemu failed:\n${made.stdout}${made.stderr}`)
  return Buffer.concat([readFileSync(`${FIRMWARE}/build/ecg-image-mps2.bin`), randomBytes(padding)])
}

/** As bootloader.c has it. */
export const LOAD_ADDRESS = ['--load-addr', '0x200000']

/** A Cortex-M3 in QEMU behind its bootloader, its flash in this file. */
export function qemuFlashBoard(t: Test, flash: string): Promise<PoweredBoard> {
  return poweredBoard(t, port => [
    'qemu-system-arm',
    ...['-M', 'mps2-an385', '-display', 'none', '-monitor', 'none'],
    ...['-kernel', `${FIRMWARE}/build/ecg-bootloader-mps2.elf`],
    ...['-serial', `tcp:127.0.0.1:${port},server=on,wait=off`],
    ...['-semihosting-config', `enable=on,target=native,arg=${flash}`],
  ])
}
