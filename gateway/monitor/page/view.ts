import type { Topic } from './live-state.js'

/** What fills the page's main part. */
export interface View {
  readonly element: HTMLElement
  readonly title: string
  /** Frames a second at most; 0: nothing moves. */
  readonly rate: number
  /** What it looks at: a device, or null for the wall. */
  readonly watches: string | null
  update(topic: Topic): void
  draw(now: number): void
  /** Settings or colours have changed. */
  repaint(): void
  close(): void
}
