// What a scenario needs of MQTT.js: clients of one broker, and waits with a deadline.

import { readFileSync } from 'node:fs'
import mqtt from 'mqtt'

const deadline = 15000

/// Fails when the promise takes longer than any broker should.
export function within(promise, what) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing within ${deadline} ms: ${what}`)), deadline)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

export function check(condition, what) {
  if (!condition) throw new Error(what)
}

export function equal(got, expected, what) {
  const [a, b] = [JSON.stringify(got), JSON.stringify(expected)]
  check(a === b, `${what}: got ${a}, expected ${b}`)
}

export class Session {
  constructor({ url, ca, version, prefix }) {
    this.url = url
    this.version = version
    this.prefix = prefix
    this.ca = ca ? readFileSync(ca) : undefined
    this.clients = []
  }

  get v5() {
    return this.version === 5
  }

  topic(name) {
    return `${this.prefix}/${name}`
  }

  /// A connected client; `got` holds its messages, `connack` what the broker answered.
  async connect(name, options = {}) {
    const client = mqtt.connect(this.url, {
      clientId: `${this.prefix}-${name}`.replaceAll('/', '-'),
      protocolVersion: this.version,
      ca: this.ca,
      reconnectPeriod: 0,
      connectTimeout: deadline,
      clean: true,
      ...options
    })
    this.clients.push(client)
    client.got = []
    client.on('message', (topic, payload, packet) => {
      client.got.push({ topic, text: payload.toString(), qos: packet.qos, retain: packet.retain, packet })
    })
    client.connack = await within(new Promise((resolve, reject) => {
      client.once('connect', resolve)
      client.once('error', reject)
      client.once('close', () => reject(new Error('closed before CONNACK')))
    }), `CONNACK for ${name}`)
    return client
  }

  async subscribe(client, topic, options) {
    const granted = await within(client.subscribeAsync(topic, options), `SUBACK for ${topic}`)
    for (const one of granted) check(one.qos < 0x80, `${topic} was refused`)
    return granted
  }

  publish(client, topic, payload, options = {}) {
    return within(client.publishAsync(topic, payload, options), `PUBLISH to ${topic}`)
  }

  /// Waits until the client has `count` messages and returns them.
  async received(client, count) {
    await within(new Promise((resolve) => {
      const look = () => client.got.length >= count && (client.off('message', look), resolve())
      client.on('message', look)
      look()
    }), `${count} messages, got ${client.got.length}`)
    return client.got
  }

  async end(client, options = {}) {
    await within(client.endAsync(false, options), 'the end of a client')
  }

  close() {
    for (const client of this.clients) client.end(true)
  }
}
