/** ECG paper: 1-mm squares, every fifth line stronger; 10 mm of calibration pulse is 1 mV at the usual gain. */

export interface Colours {
  readonly paper: string
  readonly minor: string
  readonly major: string
  readonly trace: string
  readonly mark: string
}

const LARGE_SQUARE = 5

/** From the style sheet, so that themes are told in one place. */
export function paperColours(of: Element): Colours {
  const style = getComputedStyle(of)
  const colour = (name: string) => style.getPropertyValue(`--ecg-${name}`).trim()
  return {
    paper: colour('paper'),
    minor: colour('minor'),
    major: colour('major'),
    trace: colour('trace'),
    mark: colour('mark'),
  }
}

/** `pixelsPerMm`: of the canvas, which it fills. */
export function drawGrid(canvas: HTMLCanvasElement, pixelsPerMm: number, colours: Colours): void {
  const context = canvas.getContext('2d')!
  const { width, height } = canvas
  context.fillStyle = colours.paper
  context.fillRect(0, 0, width, height)
  // Below 2 pixels the small squares would be a grey wash.
  if (pixelsPerMm >= 2) lines(context, pixelsPerMm, colours.minor, 1)
  lines(context, LARGE_SQUARE * pixelsPerMm, colours.major, Math.max(1, pixelsPerMm / 5))
}

function lines(context: CanvasRenderingContext2D, step: number, colour: string, thickness: number): void {
  const { width, height } = context.canvas
  const line = Math.round(thickness)
  context.fillStyle = colour
  for (let x = 0; x < width; x += step) context.fillRect(Math.round(x), 0, line, height)
  for (let y = 0; y < height; y += step) context.fillRect(0, Math.round(y), width, line)
}

/** A 1-mV pulse of 5 mm on the baseline `y`, from `x` on. */
export function drawCalibration(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  gain: number,
  pixelsPerMm: number,
): void {
  const top = y - gain * pixelsPerMm
  const at = (mm: number) => x + mm * pixelsPerMm
  context.beginPath()
  context.moveTo(at(0), y)
  context.lineTo(at(1), y)
  context.lineTo(at(1), top)
  context.lineTo(at(6), top)
  context.lineTo(at(6), y)
  context.lineTo(at(7), y)
  context.stroke()
}
