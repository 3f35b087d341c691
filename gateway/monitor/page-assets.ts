import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { PACKAGE_ROOT } from '../../models/shipped-assets.js'
import { type Answer, type Route, text } from './route.js'

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** Scripts of the page, as folders of the package: a script's address is its path, so that what it imports is found. */
const SCRIPTS = ['gateway/monitor/page', 'gateway/monitor/live', 'ecg'] as const
/** Where the page's documents, styles and pictures lie in the source. */
const DOCUMENTS = 'gateway/monitor/page'
/** Replaced by one link for each script, so that a page loads them all at once and not one import after the other. */
const PRELOADS = '<!-- preloads -->'

const NOT_BUILT: Route = {
  method: 'GET',
  path: '/',
  access: 'token',
  answer: () => text(503, 'The page is not built; run "npm run build" in the checkout.'),
}

interface Asset {
  readonly path: string
  readonly type: string
  readonly bytes: Buffer
  readonly tag: string
}

/**
 * Everything of the page, read once: nothing that is asked for later touches a file. The page needs the token, all but what
 * the login form is made of.
 */
export function pageRoutes(folder = PACKAGE_ROOT): Route[] {
  if (!existsSync(join(folder, 'dist', SCRIPTS[0], 'main.js'))) return [NOT_BUILT]
  const scripts = SCRIPTS.flatMap(name => read(join(folder, 'dist', name), `/${name}`, ['.js']))
  const documents = read(join(folder, DOCUMENTS), '', ['.css', '.html', '.svg'])
  const preloads = scripts.map(({ path }) => `<link rel="modulepreload" href="${path}">`).join('\n    ')
  return [...scripts, ...documents].map(asset => route(asset, preloads))
}

function read(folder: string, base: string, extensions: readonly string[]): Asset[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter(entry => entry.isFile() && extensions.includes(extname(entry.name)))
    .map(entry => {
      const file = join(entry.parentPath, entry.name)
      return asset(`${base}${file.slice(folder.length).replaceAll('\\', '/')}`, readFileSync(file))
    })
}

function asset(path: string, bytes: Buffer): Asset {
  const tag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 16)}"`
  return { path, type: TYPES[extname(path)]!, bytes, tag }
}

/** What who has no token gets at "/". */
export const doorway = (routes: readonly Route[]): Answer | undefined => {
  const login = routes.find(({ path, method }) => path === '/login' && method === 'GET')
  return login?.answer({ headers: {}, rest: '', body: '' }) as Answer | undefined
}

const LOGIN_NEEDS = new Set(['/login.html', '/login.css', '/icon.svg'])
/** Documents by the address that people type. */
const ADDRESSES: Readonly<Record<string, string>> = { '/index.html': '/', '/login.html': '/login' }

function route(read: Asset, preloads: string): Route {
  const { path, type, bytes, tag } =
    read.path === '/index.html' ? asset(read.path, Buffer.from(String(read.bytes).replace(PRELOADS, preloads))) : read
  return {
    method: 'GET',
    path: ADDRESSES[path] ?? path,
    access: LOGIN_NEEDS.has(path) ? 'public' : 'token',
    answer({ headers }): Answer {
      // Kept, but asked for every time: after an update the page and the gateway speak the same language.
      const caching = { etag: tag, 'cache-control': 'no-cache' }
      if (headers['if-none-match'] === tag) return text(304, '', caching)
      return { status: 200, headers: { 'content-type': type, ...caching }, body: bytes }
    },
  }
}
