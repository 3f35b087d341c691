import { createServer } from 'node:net'

/** Whether this user could listen there now. Port 0 always is. */
export function portIsFree(host: string, port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)))
  })
}
