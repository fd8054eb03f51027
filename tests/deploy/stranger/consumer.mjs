// Reads the public topics of Rounds from the beginning and holds each message to the contract.
// Usage: node consumer.mjs ASYNCAPI.yaml BOOTSTRAP GROUP [TOPIC…]
// Prints a JSON line for each message: {"topic", "id", "key", "type", "faults", "value"}; faults is empty when it is sound.
import { readFile } from 'node:fs/promises'
import { Parser } from '@asyncapi/parser'
import { Consumer, stringDeserializers } from '@platformatic/kafka'
import Ajv from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'

const [file, bootstrap, group, ...wanted] = process.argv.slice(2)
const { document, diagnostics } = await new Parser().parse(await readFile(file, 'utf8'))
const faults = diagnostics.filter(one => one.severity === 0)
if (document === undefined || faults.length > 0) {
  console.error(JSON.stringify(faults, null, 2))
  process.exit(1)
}

const ajv = addFormats(new Ajv({ strict: false, allErrors: true }))
const contracts = new Map()
for (const channel of document.allChannels()) {
  if (!channel.tags().all().some(tag => tag.name() === 'public')) continue
  const [message] = channel.messages().all()
  contracts.set(channel.address(), {
    headers: ajv.compile(message.headers().json()),
    value: ajv.compile(message.payload().json()),
  })
}

const consumer = new Consumer({
  groupId: group,
  clientId: 'stranger',
  bootstrapBrokers: [bootstrap],
  deserializers: stringDeserializers,
  autocommit: false,
  sessionTimeout: 10_000,
})
const topics = wanted.length > 0 ? wanted : [...contracts.keys()]
const stream = await consumer.consume({ topics, mode: 'committed', fallbackMode: 'earliest' })
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stream.close())
console.error('reading', topics.join(', '))

for await (const message of stream) {
  const { topic, key } = message
  const headers = Object.fromEntries(message.headers)
  const contract = contracts.get(topic)
  const faults = []
  let value = null
  try {
    value = JSON.parse(message.value)
  } catch {
    faults.push('value is no JSON')
  }
  for (const [part, given] of [['headers', headers], ['value', value]]) {
    if (!contract[part](given)) faults.push(...contract[part].errors.map(one => `${part}${one.instancePath} ${one.message}`))
  }
  console.log(JSON.stringify({ topic, id: headers.ce_id, key, type: headers.ce_type, faults, value }))
  await message.commit()
}
await consumer.close()
