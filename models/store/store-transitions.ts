import { StoreError } from './store-error.js'
import { type Choice, type Installed, SLOTS, type Slot, type StoreState } from './store-state.js'

/** How the model store goes from one state to the next. Pure; whatever must not be is a `StoreError`. */

/** Starts without a clean end after which a bundle on trial is held to be what brings the gateway down. */
export const MOST_STARTS_ON_TRIAL = 3

/** Names whose counters are remembered. Each needs a bundle signed by a trusted key, so this many are never seen. */
const MOST_NAMES = 256

const other = (slot: Slot): Slot => (slot === 'a' ? 'b' : 'a')

/** The new bundle is active, on trial. It takes the place of one on trial, otherwise that of the one before the active one. */
export function installed(
  state: StoreState,
  bundle: Installed,
  shipped: Pick<Installed, 'name' | 'counter'>,
): StoreState {
  checkCounter(state, bundle, shipped)
  const { active, trial, slots } = state
  if (active !== null && sameBundle(slots[active], bundle) && slots[active]?.fault === null) return state
  const slot = active === null ? leastMissed(slots, bundle) : trial ? active : other(active)
  return onTrial({ ...state, slots: { ...slots, [slot]: bundle } }, slot)
}

function leastMissed(slots: StoreState['slots'], bundle: Installed): Slot {
  const first = (fits: (there: Installed | null) => boolean) => SLOTS.find(slot => fits(slots[slot]))
  return (
    first(there => sameBundle(there, bundle)) ??
    first(there => there === null) ??
    first(there => there?.fault !== null) ??
    'a'
  )
}

/** Refuses what would take the gateway back to a bundle that was replaced for a reason. */
export function checkCounter(
  { counters }: StoreState,
  { name, version, counter }: Pick<Installed, 'name' | 'version' | 'counter'>,
  shipped: Pick<Installed, 'name' | 'counter'>,
): void {
  const least = Math.max(counters[name] ?? 0, shipped.name === name ? shipped.counter : 0)
  if (counter < least)
    throw new StoreError(
      'BUNDLE_COUNTER_LOWER',
      `${name} ${version} has counter ${counter}, and ${least} has been in use here; install a newer bundle, or go back with "ecgclip model rollback"`,
      { exitCode: 3 },
    )
}

/** Another slot, or the shipped bundle. One from a slot has to prove itself anew. */
export function activated(state: StoreState, choice: Choice): StoreState {
  if (choice === state.active) return state
  if (choice === null) return { ...state, active: null, trial: null }
  const bundle = state.slots[choice]
  if (bundle === null)
    throw new StoreError('STORE_SLOT_EMPTY', `Slot ${choice} is empty; see "ecgclip model list"`, { exitCode: 2 })
  return onTrial({ ...state, slots: { ...state.slots, [choice]: { ...bundle, fault: null } } }, choice)
}

function onTrial(state: StoreState, slot: Slot): StoreState {
  const returnTo = state.trial ? state.trial.returnTo : state.active
  return { ...state, active: slot, trial: { returnTo: returnTo === slot ? null : returnTo, starts: 0, windows: 0 } }
}

/** The bundle on trial has proved itself. */
export function confirmed(state: StoreState): StoreState {
  const { bundle } = trialOf(state)
  const known = Object.entries(state.counters).filter(([name]) => name !== bundle.name)
  const counter = Math.max(bundle.counter, state.counters[bundle.name] ?? 0)
  const counters = Object.fromEntries([...known.slice(1 - MOST_NAMES), [bundle.name, counter]])
  return { ...state, trial: null, counters }
}

/** The bundle on trial has not proved itself: what ran before it runs again. */
export function returned(state: StoreState, fault: string): StoreState {
  const { slot, bundle, trial } = trialOf(state)
  return { ...state, slots: { ...state.slots, [slot]: { ...bundle, fault } }, active: trial.returnTo, trial: null }
}

/** Back to what ran before the active bundle, which is not run again unless it is activated by name. */
export function rolledBack(state: StoreState): StoreState {
  const { active, trial, slots } = state
  const fault = 'it was rolled back'
  if (trial !== null) return returned(state, fault)
  const bundle = active && slots[active]
  if (!active || !bundle)
    throw new StoreError('STORE_NOTHING_BEFORE', 'The shipped bundle is active: there is nothing to go back to', {
      exitCode: 2,
    })
  const before = slots[other(active)]
  return {
    ...state,
    slots: { ...slots, [active]: { ...bundle, fault } },
    active: before !== null && before.fault === null ? other(active) : null,
  }
}

/** The gateway starts: counted until it has ended cleanly, for a bundle may take the whole process down. */
export function started(state: StoreState): StoreState {
  if (state.trial === null) return state
  const starts = state.trial.starts + 1
  if (starts > MOST_STARTS_ON_TRIAL)
    return returned(state, `the gateway came to no clean end ${MOST_STARTS_ON_TRIAL} times while it was on trial`)
  return { ...state, trial: { ...state.trial, starts } }
}

/** The gateway ended cleanly, and the trial has come so far. */
export function stopped(state: StoreState, windows: number): StoreState {
  return state.trial === null ? state : { ...state, trial: { ...state.trial, starts: 0, windows } }
}

/** What to start with, best first; the shipped bundle, which is always there, is the last resort and not among them. */
export function startOrder({ active, slots }: StoreState): Slot[] {
  if (active === null) return []
  const second = other(active)
  return [active, second].filter(slot => slots[slot] !== null && (slot === active || slots[slot]?.fault === null))
}

export function sameBundle(one: Installed | null, another: Pick<Installed, 'sha256' | 'key'>): boolean {
  return one !== null && one.sha256 === another.sha256 && one.key === another.key
}

function trialOf(state: StoreState): { slot: Slot; bundle: Installed; trial: NonNullable<StoreState['trial']> } {
  const { active, trial, slots } = state
  const bundle = active && slots[active]
  if (!active || !bundle || trial === null) throw new StoreError('STORE_NO_TRIAL', 'No bundle is on trial')
  return { slot: active, bundle, trial }
}
