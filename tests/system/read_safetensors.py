"""Reads a model's folder with nothing but numpy and the format's description: every tensor, byte for byte.

  read_safetensors.py FOLDER            prints name, type, shape and sum of each tensor
  read_safetensors.py FOLDER OTHER      fails unless both hold the same tensors with the same bytes
"""
import json
import struct
import sys

import numpy

TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}


def read(folder):
    data = open(folder + "/model.safetensors", "rb").read()
    (length,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    header.pop("__metadata__", None)
    tensors, end = {}, 0
    for name, about in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, stop = about["data_offsets"]
        kind = numpy.dtype(TYPES[about["dtype"]])
        count = int(numpy.prod(about["shape"], dtype=numpy.int64))
        assert begin == end and stop - begin == count * kind.itemsize, name + ": its bytes do not fit its shape"
        tensors[name] = numpy.frombuffer(body[begin:stop], kind).reshape(about["shape"])
        end = stop
    assert end == len(body), "bytes behind the last tensor"
    json.load(open(folder + "/config.json"))
    return tensors


if len(sys.argv) == 2:
    for name, tensor in read(sys.argv[1]).items():
        assert numpy.isfinite(tensor).all(), name + " is not finite"
        print(name, tensor.dtype, list(tensor.shape), float(tensor.sum(dtype=numpy.float64)))
else:
    one, other = read(sys.argv[1]), read(sys.argv[2])
    assert one.keys() == other.keys(), "other names: " + str(one.keys() ^ other.keys())
    for name in one:
        assert one[name].dtype == other[name].dtype and one[name].shape == other[name].shape, name + ": another shape"
        assert one[name].tobytes() == other[name].tobytes(), name + ": other bytes"
    print(len(one), "tensors are equal")
