// What is tried with MQTT.js, one function each; whatever goes wrong is thrown.

import { check, equal, within } from './session.mjs'

/// Every QoS as sent and as subscribed: the lower of the two arrives, in order.
export async function qos(s) {
  const reader = await s.connect('reader')
  const writer = await s.connect('writer')
  for (const level of [0, 1, 2]) await s.subscribe(reader, s.topic(`qos/${level}/+`), { qos: level })
  const payload = (number) => `${number}:`.padEnd(700, 'x')
  const sent = []
  for (let number = 0; number < 20; ++number)
    for (const subscribed of [0, 1, 2])
      for (const level of [0, 1, 2])
        sent.push(s.publish(writer, s.topic(`qos/${subscribed}/${level}`), payload(number), { qos: level }))
  await Promise.all(sent)
  const got = await s.received(reader, sent.length)
  for (const subscribed of [0, 1, 2]) {
    for (const level of [0, 1, 2]) {
      const topic = s.topic(`qos/${subscribed}/${level}`)
      const here = got.filter((m) => m.topic === topic)
      equal(here.map((m) => m.text), [...Array(20).keys()].map(payload), `messages of ${topic}`)
      check(here.every((m) => m.qos === Math.min(subscribed, level)), `QoS of ${topic}`)
    }
  }
}

/// A payload of many packets on the wire, both ways.
export async function large(s) {
  const client = await s.connect('large')
  await s.subscribe(client, s.topic('large'), { qos: 2 })
  const payload = Buffer.alloc(1024 * 1024, 'abcdefghijklmnopqrstuvwxyz')
  await s.publish(client, s.topic('large'), payload, { qos: 2 })
  const [got] = await s.received(client, 1)
  check(payload.equals(Buffer.from(got.packet.payload)), 'the payload came back changed')
}

/// Retained messages meet whoever subscribes later, until an empty one removes them.
export async function retained(s) {
  const writer = await s.connect('writer')
  for (const level of [0, 1, 2])
    await s.publish(writer, s.topic(`kept/${level}`), `value ${level}`, { qos: level, retain: true })
  await s.publish(writer, s.topic('kept/removed'), 'gone', { qos: 1, retain: true })
  await s.publish(writer, s.topic('kept/removed'), '', { qos: 1, retain: true })
  // QoS 0 is not acknowledged, but on one connection it was read before what was.
  const reader = await s.connect('reader')
  await s.subscribe(reader, s.topic('kept/+'), { qos: 2 })
  const got = [...await s.received(reader, 3)].sort((a, b) => a.topic.localeCompare(b.topic))
  equal(got.map((m) => [m.text, m.qos, m.retain]),
    [['value 0', 0, true], ['value 1', 1, true], ['value 2', 2, true]], 'retained messages')
  await s.publish(writer, s.topic('kept/live'), 'live', { qos: 1, retain: true })
  const live = (await s.received(reader, 4))[3]
  equal([live.text, live.retain], ['live', false], 'a live message')
}

/// A will is sent when the connection breaks, and not when the client says goodbye.
export async function will(s) {
  const reader = await s.connect('reader')
  await s.subscribe(reader, s.topic('will/#'), { qos: 1 })
  const will = (name) => ({ will: { topic: s.topic(`will/${name}`), payload: name, qos: 1, retain: false } })
  const polite = await s.connect('polite', will('polite'))
  const broken = await s.connect('broken', will('broken'))
  await s.end(polite)
  broken.stream.destroy()
  const got = await s.received(reader, 1)
  equal(got.map((m) => m.text), ['broken'], 'wills')
  if (s.v5) {
    const willing = await s.connect('willing', will('asked'))
    await s.end(willing, { reasonCode: 0x04 })
    equal((await s.received(reader, 2)).map((m) => m.text), ['broken', 'asked'], 'wills')
  }
}

/// A session is resumed: what came meanwhile is delivered, once and in order.
export async function resume(s) {
  const durable = { clean: false, properties: s.v5 ? { sessionExpiryInterval: 300 } : undefined }
  const first = await s.connect('device', durable)
  equal(first.connack.sessionPresent, false, 'session present at first')
  await s.subscribe(first, s.topic('orders/#'), { qos: 2 })
  await s.end(first)
  const writer = await s.connect('writer')
  for (let number = 0; number < 30; ++number)
    await s.publish(writer, s.topic(`orders/${number % 3}`), String(number), { qos: number % 2 + 1 })
  const second = await s.connect('device', durable)
  equal(second.connack.sessionPresent, true, 'session present when resumed')
  const got = await s.received(second, 30)
  for (const order of [0, 1, 2]) {
    for (const level of [1, 2]) {
      const wanted = [...Array(30).keys()].filter((n) => n % 3 === order && n % 2 + 1 === level)
      const here = got.filter((m) => m.topic === s.topic(`orders/${order}`) && m.qos === level)
      equal(here.map((m) => Number(m.text)), wanted, `orders ${order} of QoS ${level}`)
    }
  }
  await s.end(second)
  const clean = await s.connect('device', { clean: true })
  equal(clean.connack.sessionPresent, false, 'session present after a clean start')
}

/// A second connection of the same client id ends the first.
export async function takeover(s) {
  const first = await s.connect('twin')
  const told = within(new Promise((resolve) => {
    first.once('disconnect', (packet) => resolve(packet.reasonCode))
    first.once('close', () => resolve('closed'))
  }), 'the end of the first twin')
  const second = await s.connect('twin')
  equal(await told, s.v5 ? 0x8e : 'closed', 'what the first twin heard')
  await s.subscribe(second, s.topic('twin'), { qos: 1 })
  await s.publish(second, s.topic('twin'), 'still here', { qos: 1 })
  await s.received(second, 1)
}

/// Properties travel with a message; only MQTT 5.0 has them.
export async function properties(s) {
  const client = await s.connect('properties', { properties: { topicAliasMaximum: 8, receiveMaximum: 4 } })
  await s.subscribe(client, s.topic('properties'), { qos: 2, properties: { subscriptionIdentifier: 77 } })
  const sent = {
    payloadFormatIndicator: true, messageExpiryInterval: 60, contentType: 'text/plain',
    responseTopic: s.topic('answer'), correlationData: Buffer.from([1, 2, 3]),
    userProperties: { first: ['a', 'b'], second: 'c' }
  }
  for (let number = 0; number < 12; ++number)
    await s.publish(client, s.topic('properties'), String(number), { qos: number % 3, properties: sent })
  const got = await s.received(client, 12)
  for (const { packet } of got) {
    const seen = packet.properties
    equal(seen.subscriptionIdentifier, 77, 'subscription identifier')
    equal(seen.contentType, sent.contentType, 'content type')
    equal(seen.responseTopic, sent.responseTopic, 'response topic')
    equal([...seen.correlationData], [1, 2, 3], 'correlation data')
    equal({ ...seen.userProperties }, sent.userProperties, 'user properties')
    check(seen.messageExpiryInterval > 50 && seen.messageExpiryInterval <= 60, 'message expiry')
  }
}
