// node run.mjs '{"scenario": "qos", "url": "mqtt://...", "version": 5, "prefix": "t1", "ca": PATH}'
// Ends with 0, or with 1 and the reason on standard error.

import * as scenarios from './scenarios.mjs'
import { Session } from './session.mjs'

const order = JSON.parse(process.argv[2])
const session = new Session(order)
try {
  await scenarios[order.scenario](session)
} catch (error) {
  console.error(error.stack)
  process.exitCode = 1
}
session.close()
