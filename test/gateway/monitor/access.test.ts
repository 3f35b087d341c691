import t from 'tap'
import { Millis, Seconds } from '../../../ecg/units.js'
import { createAccess, MOST_WRONG, SESSION_LASTS } from '../../../gateway/monitor/access.js'

const TOKEN = 'correct-horse-battery-staple'

function rig(token: string | null = TOKEN, secure = false) {
  let now = 0
  const access = createAccess({ token, secure, monotonic: () => Millis(now) })
  return {
    access,
    pass: (time: Millis) => {
      now += time
    },
  }
}

t.test('without a token everyone is let in', async t => {
  t.ok(rig(null).access.permits({}))
})

t.test('with a token only who shows it is', async t => {
  const { access } = rig()
  t.notOk(access.permits({}))
  t.ok(access.permits({ authorization: `Bearer ${TOKEN}` }))
  for (const authorization of [`Bearer ${TOKEN}x`, `Bearer ${TOKEN.slice(1)}`, `Basic ${TOKEN}`, 'Bearer', 'Bearer '])
    t.notOk(access.permits({ authorization }), authorization)
  t.equal(access.wrong, 2, 'only what claims to be a token counts as a wrong one')
})

t.test('the cookie got for the token lasts a shift', async t => {
  const { access, pass } = rig()
  const login = access.login(TOKEN)
  if (typeof login === 'string') throw new Error('the login was refused')
  t.match(login.cookie, /HttpOnly/)
  t.match(login.cookie, /SameSite=Strict/)
  t.notMatch(login.cookie, /Secure/)
  t.notMatch(login.cookie, TOKEN, 'the cookie does not tell the token')
  const cookie = `theme=dark; ${login.cookie.split(';')[0]}`
  pass(Millis(SESSION_LASTS - 1))
  t.ok(access.permits({ cookie }))
  pass(Millis(1))
  t.notOk(access.permits({ cookie }))
  t.notOk(access.permits({ cookie: 'ecgclip-session=guess' }))
})

t.test('over TLS the cookie never travels in the clear', async t => {
  const login = rig(TOKEN, true).access.login(TOKEN)
  t.match(login, { cookie: /; Secure/ })
})

t.test('guessing is slowed to a few a minute, and does not lock out who is in', async t => {
  const { access, pass } = rig()
  const login = access.login(TOKEN)
  const cookie = typeof login === 'string' ? '' : login.cookie
  for (let i = 0; i < MOST_WRONG; i++) t.equal(access.login(`guess ${i}`), 'wrong')
  t.equal(access.login(TOKEN), 'too-many')
  t.notOk(access.permits({ authorization: `Bearer ${TOKEN}` }))
  t.ok(access.permits({ cookie }))
  pass(Seconds(60))
  t.ok(access.permits({ authorization: `Bearer ${TOKEN}` }))
})
