"""Everything that peers and Retort read, made once for both: weights, batches, ONNX models."""
import os
import subprocess

import numpy
import torch

import networks
import tensor_file

VOCABULARY, BAG_VOCABULARY, CLASSES, BAG_CLASSES = 30522, 1000, 2, 5

# Numbers of word pieces of SST-2's training sentences, with the two marks around them: the middles of 128 equal parts
# of all, sorted. For want of RETORT_DATA.
LENGTHS = [
    4, 5, 6, 6, 7, 7, 8, 8, 8, 9, 9, 9, 10, 10, 10, 11, 11, 11, 12, 12, 12, 12, 13, 13, 13, 13, 14, 14, 14, 14, 15, 15, 15, 15,
    16, 16, 16, 16, 17, 17, 17, 17, 18, 18, 18, 18, 18, 19, 19, 19, 19, 19, 20, 20, 20, 20, 21, 21, 21, 21, 22, 22, 22, 22, 22,
    23, 23, 23, 23, 24, 24, 24, 24, 25, 25, 25, 25, 25, 26, 26, 26, 26, 27, 27, 27, 27, 28, 28, 28, 29, 29, 29, 29, 30, 30, 30,
    31, 31, 31, 32, 32, 32, 33, 33, 33, 34, 34, 34, 35, 35, 36, 36, 37, 37, 38, 38, 39, 40, 40, 41, 42, 42, 44, 45, 46, 48, 51, 55
]


def sentence_lengths(bench):
    """Of SST-2's training sentences by Retort's tokenizer, and where they are from."""
    if not os.environ.get("RETORT_DATA"):
        return LENGTHS, "SST-2's lengths as 128 numbers in tests/bench/prepare.py"
    import json
    said = subprocess.run([bench, "lengths"], check=True, capture_output=True, text=True).stdout
    return json.loads(said), "RETORT_DATA/sst2/train.tsv"


def drawn(lengths, count):
    """So many lengths that stand for all: the middles of equal parts of the sorted lengths, in a random order."""
    ordered = sorted(lengths)
    chosen = [ordered[int((i + 0.5) * len(ordered) / count)] for i in range(count)]
    return numpy.random.default_rng(1).permutation(chosen)


def write_models(folder):
    os.makedirs(folder, exist_ok=True)
    torch.manual_seed(1)
    for name, make in networks.MODELS.items():
        model = networks.initialize(make())
        tensor_file.write(f"{folder}/{name}.safetensors", {path: values.numpy() for path, values in model.state_dict().items()})


def write_batch(path, lengths, width, vocabulary=VOCABULARY, classes=CLASSES):
    """Random words, zeros behind each row's end; the same words for the same lengths, whatever the width."""
    random = numpy.random.default_rng(2)
    ids = random.integers(1, vocabulary, (len(lengths), 512))[:, :width].astype(numpy.int32)
    ids[numpy.arange(width)[None] >= numpy.asarray(lengths)[:, None]] = 0
    tensor_file.write(path, {
        "ids": numpy.ascontiguousarray(ids),
        "types": numpy.zeros_like(ids),
        "ids.lengths": numpy.asarray(lengths, numpy.int32),
        "label": random.integers(0, classes, len(lengths)).astype(numpy.int32),
    })
    return path


def write_batches(folder, lengths):
    """The files of each kind of batch: {NAME: [PATH…]}."""
    os.makedirs(folder, exist_ok=True)

    def write(name, of, width=None, **kind):
        return [write_batch(f"{folder}/{name}.safetensors", of, width or max(of), **kind)]

    few, many = drawn(lengths, 32), numpy.minimum(drawn(lengths, 64), 64)
    made = {f"{rows}x{width}": write(f"{rows}x{width}", [width] * rows) for rows, width in ((32, 128), (64, 64), (1, 32), (1, 128))}
    made["bag"] = write("bag", [128] * 32, vocabulary=BAG_VOCABULARY, classes=BAG_CLASSES)
    made["32 sentences"], made["32 sentences in 128"] = write("32", few), write("32-in-128", few, 128)
    made["64 sentences"], made["64 sentences in 64"] = write("64", many), write("64-in-64", many, 64)
    ordered = sorted(drawn(lengths, 128), reverse=True)
    made["128 sentences by length"] = [path for i in range(4) for path in write(f"sorted-{i}", ordered[32 * i:32 * i + 32])]
    return made


class Logits(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, ids, types, mask):
        return self.model(ids, types, mask)[0]


def write_onnx(folder, weights, name):
    """Exported by torch itself; one file serves all batches."""
    model = networks.MODELS[name]()
    tensors = tensor_file.read(f"{weights}/{name}.safetensors")
    model.load_state_dict({path: torch.from_numpy(values) for path, values in tensors.items()})
    ids = torch.ones(2, 16, dtype=torch.long)
    names, path = ["ids", "types", "mask"], f"{folder}/{name}.onnx"
    torch.onnx.export(Logits(model).eval(), (ids, torch.zeros_like(ids), ids), path, input_names=names, output_names=["logits"],
                      opset_version=16, do_constant_folding=True, dynamic_axes={name: {0: "rows", 1: "length"} for name in names})
    return path
