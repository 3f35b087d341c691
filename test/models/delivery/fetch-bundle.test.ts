import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { Millis } from '../../../ecg/units.js'
import { fetchBundle } from '../../../models/delivery/fetch-bundle.js'

const ARCHIVE = Buffer.alloc(300_000, 'archive')
const ZIPPED = gzipSync(ARCHIVE)
const skip = spawnSync('openssl', ['version']).status === 0 ? false : 'openssl is not installed'

/** A certificate for 127.0.0.1 that is its own authority. */
function certificate(folder: string): { key: string; cert: string } {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-x509', '-days', '1']
  const name = ['-subj', '/CN=depot', '-addext', 'subjectAltName=IP:127.0.0.1']
  execFileSync('openssl', ['req', ...kind, ...name, '-keyout', key, '-out', cert], { stdio: 'ignore' })
  return { key, cert }
}

const answers: RequestListener = (request, response) => {
  const { port } = request.socket.address() as AddressInfo
  switch (request.url) {
    case '/bundle.tar.gz':
      return response.writeHead(200, { 'content-length': ARCHIVE.length }).end(ARCHIVE)
    case '/labelled': // as servers do that take .gz for an encoding of what is in it
      return response.writeHead(200, { 'content-encoding': 'x-gzip' }).end(ZIPPED)
    case '/chunked':
      response.write(ARCHIVE.subarray(0, 1000))
      return response.end(ARCHIVE.subarray(1000))
    case '/moved':
      return response.writeHead(302, { location: '/bundle.tar.gz' }).end()
    case '/round':
      return response.writeHead(302, { location: '/round' }).end()
    case '/down':
      return response.writeHead(302, { location: `http://example.org:${port}/bundle.tar.gz` }).end()
    case '/file':
      return response.writeHead(302, { location: 'file:///etc/passwd' }).end()
    case '/half':
      response.writeHead(200, { 'content-length': ARCHIVE.length })
      return response.write(ARCHIVE.subarray(0, 1000), () => response.destroy())
    case '/silent':
      return response.writeHead(200, { 'content-length': ARCHIVE.length }).write('a')
    case '/endless':
      return response.writeHead(200, { 'content-length': 2 ** 40 }).write('a')
    default:
      return response.writeHead(404).end()
  }
}

async function depot(t: Test) {
  const folder = t.testdir()
  const { key, cert } = certificate(folder)
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, answers)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { base: `https://127.0.0.1:${port}`, caFile: cert, file: join(folder, 'fetched') }
}

t.test('an archive is fetched from a server whose authority is named, with progress', { skip }, async t => {
  const { base, caFile, file } = await depot(t)
  const told: [number, number | null][] = []
  await fetchBundle(`${base}/bundle.tar.gz`, file, { caFile, progress: (bytes, total) => told.push([bytes, total]) })
  t.same(readFileSync(file), ARCHIVE)
  t.same(told.at(-1), [ARCHIVE.length, ARCHIVE.length])
  await fetchBundle(`${base}/chunked`, `${file}-2`, { caFile, progress: (_, total) => t.equal(total, null) })
  t.same(readFileSync(`${file}-2`), ARCHIVE)
  await fetchBundle(`${base}/moved`, `${file}-3`, { caFile })
  t.same(readFileSync(`${file}-3`), ARCHIVE)
  await fetchBundle(`${base}/labelled`, `${file}-4`, { caFile })
  t.ok(readFileSync(`${file}-4`).equals(ZIPPED), 'as it lies on the server')
})

t.test('what goes wrong on the way is said', { skip }, async t => {
  const { base, caFile, file } = await depot(t)
  const fails = async (path: string, code: string, message: RegExp) => {
    const fetched = fetchBundle(`${base}${path}`, `${file}${path.replace('/', '-')}`, { caFile, silence: Millis(300) })
    await t.rejects(fetched, { code, message }, path)
  }
  await fails('/absent', 'DELIVERY_FAILED', /answered 404 Not Found; check the address/)
  await fails('/round', 'DELIVERY_FAILED', /leads on more than 5 times/)
  await fails('/down', 'DELIVERY_URL_REFUSED', /http:\/\/example.org:\d+\/bundle.tar.gz is not fetched: use https/)
  await fails('/file', 'DELIVERY_URL_REFUSED', /file:\/\/\/etc\/passwd is not fetched/)
  await fails('/half', 'DELIVERY_FAILED', /could not be fetched/)
  await fails('/silent', 'DELIVERY_FAILED', /could not be fetched \(.*timeout/i)
  await fails('/endless', 'DELIVERY_TOO_LARGE', /larger than/)
  await t.rejects(fetchBundle(`${base}/bundle.tar.gz`, file), { code: 'DELIVERY_FAILED', message: /self.signed/ })
  await t.rejects(fetchBundle(`${base}/x`, file, { caFile: `${file}.absent` }), { message: /certificate/ })
  t.equal(existsSync(file), false)
})

t.test('nothing is fetched in the clear, except from this machine', async t => {
  const file = join(t.testdir(), 'fetched')
  for (const url of ['http://example.org/b', 'ftp://127.0.0.1/b', '/etc/passwd', 'https://user:secret@example.org/b'])
    await t.rejects(fetchBundle(url, file), { code: 'DELIVERY_URL_REFUSED', exitCode: 2 }, url)
  const server = createHttpServer(answers).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  await fetchBundle(`http://127.0.0.1:${(server.address() as AddressInfo).port}/bundle.tar.gz`, file)
  t.same(readFileSync(file), ARCHIVE)
})

t.test('a server that is not there is said to be so', async t => {
  const file = join(t.testdir(), 'fetched')
  await t.rejects(fetchBundle('https://127.0.0.1:9/b', file), {
    code: 'DELIVERY_FAILED',
    message: /ECONNREFUSED|bad port/,
  })
})
