import type { Lead } from '../../../ecg/leads.js'

/** How leads are laid out on paper. */
export type LayoutName = '3x4' | '12x1' | 'wall'

/** One lead for a part of the paper's width. */
export interface Segment {
  readonly lead: Lead
  readonly row: number
  /** Shares of the width, 0 … 1. */
  readonly from: number
  readonly to: number
}

export interface Layout {
  readonly rows: number
  readonly segments: readonly Segment[]
}

/** The order of every 12-lead print: limb leads, augmented, V1–V3, V4–V6. */
const COLUMNS: readonly (readonly Lead[])[] = [
  ['I', 'II', 'III'],
  ['aVR', 'aVL', 'aVF'],
  ['V1', 'V2', 'V3'],
  ['V4', 'V5', 'V6'],
]

/** `rhythm`: the lead of the strip under the 3×4, and the only one of a wall tile. */
export function layoutOf(name: LayoutName, rhythm: Lead): Layout {
  if (name === 'wall') return { rows: 1, segments: [{ lead: rhythm, row: 0, from: 0, to: 1 }] }
  if (name === '12x1') return { rows: 12, segments: COLUMNS.flat().map((lead, row) => ({ lead, row, from: 0, to: 1 })) }
  const width = 1 / COLUMNS.length
  const grid = COLUMNS.flatMap((leads, column) =>
    leads.map((lead, row) => ({ lead, row, from: column * width, to: (column + 1) * width })),
  )
  return { rows: 4, segments: [...grid, { lead: rhythm, row: 3, from: 0, to: 1 }] }
}
