"""Writes the model of a folder once more as others publish theirs.

  publish.py FOLDER TO [shards=N] [type=F16|BF16] [prefix=NAME.] [without=NAME.] [old] [extra] [drop=NAME] [KEY=NUMBER…]

shards: in N files with an index. prefix: in front of every name. without: taken off the names that have it. old: gamma and
beta for the weight and bias of layer norms. extra: a tensor that no model has. drop: one that is left out. KEY: in config.json.
"""
import json
import os
import struct
import sys

import numpy

folder, to, *words = sys.argv[1:]
options = dict(word.split("=", 1) if "=" in word else (word, "") for word in words)
data = open(folder + "/model.safetensors", "rb").read()
(length,) = struct.unpack("<Q", data[:8])
header = json.loads(data[8 : 8 + length])
kind = options.get("type", "F32")
tensors = {}
for name, about in header.items():
    begin, end = about["data_offsets"]
    values = numpy.frombuffer(data[8 + length + begin : 8 + length + end], "<f4")
    if kind == "F16":
        values = values.astype("<f2")
    if kind == "BF16":
        values = (values.view("<u4") >> 16).astype("<u2")
    if "old" in options and "LayerNorm" in name:
        name = name.replace(".weight", ".gamma").replace(".bias", ".beta")
    if name.startswith(options.get("without", "\0")):
        name = name[len(options["without"]) :]
    if name != options.get("drop"):
        tensors[options.get("prefix", "") + name] = (kind, about["shape"], values.tobytes())
if "extra" in options:
    tensors["position_ids"] = ("I64", [1, 2], numpy.arange(2, dtype="<i8").tobytes())

os.makedirs(to)
shards, count, index = int(options.get("shards", 1)), 0, {}
for k in range(shards):
    names, header, body = list(tensors)[k::shards], {}, b""
    file = "model.safetensors" if shards == 1 else "model-%05d-of-%05d.safetensors" % (k + 1, shards)
    for name in names:
        dtype, shape, values = tensors[name]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(values)]}
        body += values
        index[name] = file
    text = json.dumps(header).encode()
    open(to + "/" + file, "wb").write(struct.pack("<Q", len(text)) + text + body)
if shards > 1:
    json.dump({"metadata": {}, "weight_map": index}, open(to + "/model.safetensors.index.json", "w"))
config = json.load(open(folder + "/config.json"))
published = {key: value for key, value in config.items() if "_" in key}
labels = published.pop("num_labels")
published["id2label"] = {str(i): "LABEL_%d" % i for i in range(labels)}
published.update({key: int(value) for key, value in options.items() if key in published})
json.dump(published, open(to + "/config.json", "w"))
