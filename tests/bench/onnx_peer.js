// A model in ONNX Runtime, in a process of its own that measures when it is asked, as `bench serve` does.
//   node onnx_peer.js MODULES MODEL.onnx THREADS INPUTS      MODULES: the folder that onnxruntime-node lies in
// Commands are lines, answers JSON objects on a line:
//   step     runs the session     {"outputs": [{"result": [numbers]}]}
//   time     for 20 ms or more    {"ms"}
//   memory                        {"peak_mib"}
'use strict'
const fs = require('fs')
const path = require('path')
const readline = require('readline')

const [modules, model, threads, inputs] = process.argv.slice(2)
const ort = require(path.resolve(modules, 'onnxruntime-node'))

// The int32 tensors of a safetensors file.
function readTensors(file) {
  const bytes = fs.readFileSync(file)
  const start = 8 + Number(bytes.readBigUInt64LE(0))
  const tensors = {}
  for (const [name, t] of Object.entries(JSON.parse(bytes.toString('utf8', 8, start)))) {
    const [begin, end] = t.data_offsets
    tensors[name] = {sizes: t.shape, values: Array.from({length: (end - begin) / 4}, (_, i) => bytes.readInt32LE(start + begin + 4 * i))}
  }
  return tensors
}

function readFeeds(file) {
  const {ids, types, 'ids.lengths': lengths} = readTensors(file)
  const tensor = values => new ort.Tensor('int64', BigInt64Array.from(values, BigInt), ids.sizes)
  const length = ids.sizes[1]
  const mask = ids.values.map((_, i) => (i % length < lengths.values[Math.floor(i / length)] ? 1 : 0))
  return {ids: tensor(ids.values), types: tensor(types.values), mask: tensor(mask)}
}

async function main() {
  const session = await ort.InferenceSession.create(model, {
    intraOpNumThreads: Number(threads), interOpNumThreads: 1, executionMode: 'sequential', graphOptimizationLevel: 'all'})
  const feeds = readFeeds(inputs)
  let repeat = 0
  const milliseconds = async count => {
    const begin = process.hrtime.bigint()
    for (let i = 0; i < count; i++) await session.run(feeds)
    return Number(process.hrtime.bigint() - begin) / 1e6 / count
  }
  const commands = {
    step: async () => ({outputs: [{result: Array.from((await session.run(feeds)).logits.data)}]}),
    time: async () => {
      if (!repeat) repeat = Math.floor(20 / await milliseconds(3)) + 1
      return {ms: await milliseconds(repeat)}
    },
    memory: async () => ({peak_mib: Number(/VmHWM:\s*(\d+)/.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1]) / 1024}),
  }
  for await (const line of readline.createInterface({input: process.stdin}))
    console.log(JSON.stringify(await commands[line.trim()]()))
}

main()
