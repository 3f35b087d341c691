import type { LayoutName } from './layout.js'

/** What a person chose on this browser. */
export interface Settings {
  readonly layout: Exclude<LayoutName, 'wall'>
  /** mm/s */
  readonly speed: number
  /** mm/mV */
  readonly gain: number
  readonly mode: 'sweep' | 'paper'
  /** High-pass of the display, Hz. */
  readonly baseline: number
  readonly theme: 'system' | 'light' | 'dark'
  /** Who acknowledges. */
  readonly name: string
}

export const CHOICES = {
  layout: ['3x4', '12x1'],
  speed: [12.5, 25, 50],
  gain: [5, 10, 20],
  mode: ['sweep', 'paper'],
  baseline: [0.05, 0.5],
  theme: ['system', 'light', 'dark'],
} as const satisfies Partial<Record<keyof Settings, readonly unknown[]>>

const USUAL: Settings = {
  layout: '3x4',
  speed: 25,
  gain: 10,
  mode: 'sweep',
  baseline: 0.05,
  theme: 'system',
  name: '',
}

const KEY = 'ecgclip'

export interface SettingsStore {
  readonly current: Settings
  change(change: Partial<Settings>): void
  /** Calls `heard` now and at every change. */
  watch(heard: (settings: Settings) => void): void
}

/** Kept in the browser; what it does not hold, or holds in another form, is as usual. */
export function createSettings(storage: Pick<Storage, 'getItem' | 'setItem'>): SettingsStore {
  let current = read(storage)
  const watchers: ((settings: Settings) => void)[] = []
  return {
    get current() {
      return current
    },
    change(change) {
      current = { ...current, ...change }
      storage.setItem(KEY, JSON.stringify(current))
      for (const heard of watchers) heard(current)
    },
    watch(heard) {
      watchers.push(heard)
      heard(current)
    },
  }
}

function read(storage: Pick<Storage, 'getItem'>): Settings {
  let kept: Record<string, unknown> = {}
  try {
    kept = JSON.parse(storage.getItem(KEY) ?? '{}') ?? {}
  } catch {}
  const settings: Record<string, unknown> = { ...USUAL }
  for (const [key, choices] of Object.entries(CHOICES))
    if ((choices as readonly unknown[]).includes(kept[key])) settings[key] = kept[key]
  if (typeof kept.name === 'string') settings.name = kept.name.slice(0, 64)
  return settings as unknown as Settings
}
