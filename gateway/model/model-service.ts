import { unwatchFile, watchFile } from 'node:fs'
import { type Millis, Seconds } from '../../ecg/units.js'
import { type Bundle, loadBundle } from '../../models/bundle/load-bundle.js'
import { SHIPPED_BUNDLE } from '../../models/shipped-assets.js'
import type { BundleSource, InstallSteps, ModelStore } from '../../models/store/model-store.js'
import { StoreError } from '../../models/store/store-error.js'
import type { StoreState } from '../../models/store/store-state.js'
import {
  confirmed,
  returned,
  rolledBack,
  sameBundle,
  started,
  startOrder,
  stopped,
} from '../../models/store/store-transitions.js'
import { createEngineSlot, type EngineSlot } from '../inference/engine-slot.js'
import type { BundleEngine } from '../inference/start-engine.js'
import type { Log } from '../mqtt/log.js'
import { takingTurns } from '../mqtt/taking-turns.js'
import { ModelError } from './model-error.js'
import { interchangeable, type RunningModel, sameModel } from './running-model.js'
import { createTrialEngine } from './trial-engine.js'
import { createTrialPeriod, TRIAL, type TrialLimits, type TrialPeriod, type Verdict } from './trial-period.js'

/**
 * Keeps the gateway on the bundle that the store says is active, and decides on trials. The store's state is the only truth:
 * whoever changes it, this gateway or a command beside it, the service follows.
 */
export interface ModelService {
  /** What windows are given to; it stays the same whichever bundle runs. */
  readonly engine: EngineSlot<BundleEngine>
  readonly bundle: Bundle
  /** Why another bundle runs than the one that was installed, in one sentence; null: nothing of the kind. */
  readonly fault: string | null
  /** Called with each bundle that takes over, in the moment before windows go to it. */
  follow(takesOver: (bundle: Bundle) => void): void
  /** Resolves when the bundle runs, on trial. Rejects when it does not; the one before goes on then. */
  install(source: BundleSource, progress: InstallSteps['progress']): Promise<Bundle>
  rollback(): Promise<Bundle>
  stop(): Promise<void>
}

export interface ModelServiceOptions {
  readonly store: ModelStore
  /** Named by the configuration: it runs, whatever is in the store. */
  readonly fixed?: Bundle | undefined
  /** The bundle with what the site changes of it; the same bundle if nothing. */
  overlaid?(bundle: Bundle): Bundle
  /** Throws where what the site has decided does not fit the bundle. */
  check?(bundle: Bundle): void
  /** Runs the goldens; rejects when the bundle cannot be run here. */
  startEngine(bundle: Bundle): Promise<BundleEngine>
  monotonic(): Millis
  readonly log: Log
  readonly limits?: TrialLimits
}

/** How soon a change that another program made is noticed. */
const WATCH_EVERY = Seconds(1)

interface Trial {
  readonly period: TrialPeriod
  /** Ready to take over again at once. */
  readonly proven: RunningModel | null
}

export async function startModelService(options: ModelServiceOptions): Promise<ModelService> {
  const { store, fixed, log, limits = TRIAL } = options
  const inTurn = takingTurns()
  let running: RunningModel | null = null
  let trial: Trial | null = null
  let fault: string | null = null
  let takesOver: (bundle: Bundle) => void = () => {}

  /** The best of the store that can be run; the shipped one if nothing else can. Says in `faults` why not a better one. */
  async function choose(faults: string[]): Promise<RunningModel> {
    const state = store.state()
    for (const slot of startOrder(state)) {
      try {
        return await modelOf(await store.bundleIn(slot), slot)
      } catch (error) {
        const { message } = error as Error
        faults.push(message)
        log.error({ slot, reason: message }, 'an installed bundle cannot be run')
        if (state.trial !== null && slot === state.active) {
          await store.update(now => (isOnTrial(now, state) ? returned(now, message) : now))
          return choose(faults)
        }
      }
    }
    return modelOf(await loadBundle(SHIPPED_BUNDLE), null)
  }

  async function modelOf(bundle: Bundle, slot: RunningModel['slot']): Promise<RunningModel> {
    const there = [running, trial?.proven].find(model => model && sameModel(model.bundle, bundle))
    const used = there?.bundle ?? options.overlaid?.(bundle) ?? bundle
    options.check?.(used)
    if (there) return { ...there, slot }
    return { slot, bundle: used, engine: await options.startEngine(used) }
  }

  /** `cause`: why what runs must not. */
  async function reconcile(cause: string | null): Promise<void> {
    const faults = cause === null ? [] : [cause]
    const before = running!
    const next = await choose(faults)
    const state = store.state()
    const onTrial = state.trial !== null && state.active === next.slot
    const changes = next.engine !== before.engine
    if (changes || faults.length > 0) fault = faults[0] ?? null
    if (!changes && onTrial === (trial !== null)) return
    const left = [before, trial?.proven ?? null]
    const proven = trial === null ? before : trial.proven // one on trial vouches for nothing
    const standsBy = changes && proven !== null && proven.engine !== next.engine
    trial = onTrial ? trialOf(state, standsBy && interchangeable(proven.bundle, next.bundle) ? proven : null) : null
    if (changes) takesOver(next.bundle)
    running = next
    const drained = slot.replace(serving(next), 'keep')
    if (changes) say(next, 'another bundle runs')
    await drained
    for (const model of left)
      if (model && model.engine !== running.engine && model.engine !== trial?.proven?.engine) await model.engine.close()
  }

  function trialOf({ trial }: StoreState, proven: RunningModel | null): Trial {
    return { period: createTrialPeriod(trial?.windows ?? 0, limits), proven }
  }

  /** The engine that windows are given to: one on trial is watched. */
  function serving(model: RunningModel): BundleEngine {
    if (trial === null) return model.engine
    const { period, proven } = trial
    const { monotonic } = options
    const decided = (verdict: Verdict) =>
      inTurn(() => decide(model, verdict)).then(
        () => true,
        (error: Error) => {
          told(error)
          return false
        },
      )
    return createTrialEngine({ candidate: model.engine, proven: proven?.engine ?? null, period, monotonic, decided })
  }

  async function decide(model: RunningModel, verdict: Verdict): Promise<void> {
    const { name, version } = model.bundle.manifest
    if (verdict.passed) log.info({ bundle: name, version }, 'the bundle on trial has proved itself')
    else log.error({ bundle: name, version, reason: verdict.fault }, 'the bundle on trial has failed, and is given up')
    await store.update(state => {
      if (!isTrialOf(state, model)) return state
      return verdict.passed ? confirmed(state) : returned(state, verdict.fault)
    })
    await reconcile(verdict.passed ? null : `${name} ${version} was given up: ${verdict.fault}`)
  }

  function say({ bundle, slot: from, engine }: RunningModel, what: string): void {
    const { name, version } = bundle.manifest
    log.info({ bundle: name, version, slot: from ?? 'shipped', model: engine.model, onTrial: trial !== null }, what)
  }

  async function startFromStore(): Promise<RunningModel> {
    if (store.state().trial !== null) await store.update(started)
    const faults: string[] = []
    const first = await choose(faults)
    fault = faults[0] ?? null
    const state = store.state()
    if (state.trial !== null && state.active === first.slot) trial = trialOf(state, null)
    return first
  }

  const told = (error: Error) => log.error({ error }, 'the bundle could not be exchanged')
  const changed = () => void inTurn(() => reconcile(null)).catch(told)
  const watched = [store.stateFile, store.keys.revokedFile]

  if (fixed !== undefined) running = { slot: null, bundle: fixed, engine: await options.startEngine(fixed) }
  else {
    running = await startFromStore().catch(async error => {
      if (!(error instanceof StoreError)) throw error
      log.error({ reason: error.message }, 'the model store cannot be used')
      fault = error.message
      return modelOf(await loadBundle(SHIPPED_BUNDLE), null)
    })
    for (const file of watched) watchFile(file, { interval: WATCH_EVERY, persistent: false }, changed)
  }
  const slot = createEngineSlot(serving(running))

  function mayChange(): void {
    if (fixed !== undefined)
      throw new ModelError(
        'MODEL_FIXED',
        'The configuration names the bundle that this gateway runs; remove "bundle" from it, and then install others',
      )
  }

  return {
    engine: slot,
    get bundle() {
      return running!.bundle
    },
    get fault() {
      return fault
    },
    follow(follower) {
      takesOver = follower
    },
    async install(source, progress) {
      mayChange()
      const prove = async (bundle: Bundle) => {
        options.check?.(options.overlaid?.(bundle) ?? bundle)
        await (await options.startEngine(bundle)).close()
      }
      const bundle = await store.install(source, { prove, ...(progress && { progress }), now: () => new Date() })
      await inTurn(() => reconcile(null))
      if (!sameModel(running!.bundle, bundle))
        throw new ModelError('MODEL_NOT_TAKEN', `The bundle was installed, but does not run: ${fault ?? 'see the log'}`)
      return bundle
    },
    async rollback() {
      mayChange()
      await store.update(rolledBack)
      await inTurn(() => reconcile(null))
      return running!.bundle
    },
    async stop() {
      for (const file of watched) unwatchFile(file, changed)
      await inTurn(async () => {
        if (trial !== null) {
          const { windows } = trial.period
          await store.update(state => (isTrialOf(state, running!) ? stopped(state, windows) : state)).catch(told)
        }
        await slot.close()
      })
    },
  }
}

/** The store may know of a change that has not got here yet. */
function isTrialOf({ trial, active, slots }: StoreState, { bundle, slot }: RunningModel): boolean {
  return trial !== null && slot !== null && active === slot && sameBundle(slots[slot], bundle)
}

function isOnTrial(now: StoreState, then: StoreState): boolean {
  return now.trial !== null && now.active === then.active && then.active !== null
    ? now.slots[then.active]?.sha256 === then.slots[then.active]?.sha256
    : false
}
