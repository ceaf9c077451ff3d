"""safetensors files with numpy: float32 and int32."""
import json

import numpy

TYPES = {"F32": numpy.dtype("<f4"), "I32": numpy.dtype("<i4")}
NAMES = {dtype: name for name, dtype in TYPES.items()}


def write(path, tensors):
    header, offset = {}, 0
    for name, values in tensors.items():
        header[name] = {"dtype": NAMES[values.dtype], "shape": list(values.shape), "data_offsets": [offset, offset + values.nbytes]}
        offset += values.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for values in tensors.values():
            file.write(numpy.ascontiguousarray(values).tobytes())


def read(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    return {name: numpy.frombuffer(bytearray(data[t["data_offsets"][0]:t["data_offsets"][1]]), TYPES[t["dtype"]]).reshape(t["shape"])
            for name, t in header.items()}
