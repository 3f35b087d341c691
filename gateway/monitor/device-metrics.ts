import { Gauge, type Registry } from 'prom-client'
import type { LinkCounters } from '../../firmware-bridge/device-stream.js'
import type { DeviceReport } from '../mqtt/device-state-message.js'

/** Devices that were seen longest ago are forgotten beyond this, so that swapped front ends do not pile up as series. */
export const MOST_DEVICES = 64

const STATES = ['connecting', 'connected', 'streaming', 'stalled', 'lost'] as const satisfies DeviceReport['state'][]

const COUNTERS = {
  bytes: 'Bytes received',
  badFrames: 'Frames dropped because COBS, length or CRC did not hold',
  lostPackets: 'Packets that never arrived',
  missingSamples: 'Samples that never arrived',
  duplicateSamples: 'Samples that came twice',
  resendRequests: 'Requests for samples that were missing',
  reboots: 'Reboots of the device',
  reopens: 'Times the carrier was opened again',
} as const satisfies Partial<Record<keyof LinkCounters, string>>

/** Series of each device from its last report. Counters are gauges of the device’s own counts since the gateway's start. */
export function createDeviceMetrics(
  registers: Registry[],
  /** Told of a device that is forgotten, so that whatever else has series of it forgets it too. */
  forgotten: (device: string) => void,
): { report(device: string, report: DeviceReport): void; forget(device: string): void } {
  const reports = new Map<string, DeviceReport>()

  function gauge(name: string, help: string, value: (report: DeviceReport) => number | null | undefined): void {
    new Gauge({
      name: `ecgclip_device_${name}`,
      help,
      labelNames: ['device'],
      registers,
      collect() {
        this.reset()
        for (const [device, report] of reports) {
          const now = value(report)
          if (typeof now === 'number') this.set({ device }, now)
        }
      },
    })
  }

  new Gauge({
    name: 'ecgclip_device_state',
    help: '1 for the state that the device is in',
    labelNames: ['device', 'state'],
    registers,
    collect() {
      this.reset()
      for (const [device, report] of reports)
        for (const state of STATES) this.set({ device, state }, Number(report.state === state))
    },
  })
  gauge('battery_percent', 'Charge of the battery', ({ status }) => status.battery)
  gauge('electrodes_off', 'Electrodes without contact', ({ electrodesOff }) => electrodesOff.length)
  gauge('clock_uncertainty_seconds', 'Half-width of a 95 % interval', r => r.uncertaintyMs && r.uncertaintyMs / 1000)
  gauge('radio_rssi_dbm', 'Strength of the radio signal', ({ radio }) => radio?.rssi)
  for (const [counter, help] of Object.entries(COUNTERS))
    gauge(snakeCase(counter), help, ({ counters }) => counters[counter as keyof typeof COUNTERS])

  function forget(device: string): void {
    reports.delete(device)
    forgotten(device)
  }

  return {
    forget,
    report(device, report) {
      reports.delete(device)
      reports.set(device, report)
      if (reports.size > MOST_DEVICES) forget(reports.keys().next().value!)
    },
  }
}

const snakeCase = (name: string): string => name.replaceAll(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
