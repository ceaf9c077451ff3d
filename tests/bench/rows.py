"""What `make bench-peers` measures: the rows, which sides they compare, what is to be reached."""
from collections import namedtuple

# A process: a stage or a model of bench.rt on batches of a kind (prepare.write_batches); threads None: as all.
Side = namedtuple("Side", "kind stage model batch threads layout teacher precision")
# target: the ratio to reach; against: the peer in words; tolerance: of the outputs' difference (outputs.py).
Row = namedtuple("Row", "work variant target peer ours against tolerance")
# Sides of a group take turns, so many times.
Group = namedtuple("Group", "name runs rows")

PYTORCH, ONNX, ALONE = "PyTorch", "ONNX Runtime", "Retort, 1 thread"
BF16 = 5e-2  # outputs that have gone through bf16 agree so far with those of float32


def pytorch(stage, batch):
    return Side("pytorch", stage, None, batch, None, None, None, None)


def onnx(model, batch):
    return Side("onnx", None, model, batch, None, None, None, None)


def step(stage, batch, layout="padded", threads=None, teacher="computed", precision="float32"):
    return Side("retort", stage, None, batch, threads, layout, teacher, precision)


def infer(model, batch, layout="padded", precision="float32"):
    return Side("retort", None, model, batch, None, layout, "computed", precision)


def row(work, variant, target, peer, ours, against, tolerance=2e-4):
    return Row(work, variant, target, peer, ours, against, tolerance)


def scaling(work, variant, stage, batch, layout="padded"):
    return row(work, f"{variant}, 1 to 2 threads", 1.8, step(stage, batch, layout, 1), step(stage, batch, layout), ALONE)


GROUPS = [
    Group("pooled", 21, [
        row("pooled", "32 x 128", 20, pytorch("pooled", "bag"), step("pooled", "bag"), PYTORCH),
    ]),
    Group("infer-tiny4", 21, [
        row("infer-tiny4", "1 x 32", 1.3, onnx("tiny4", "1x32"), infer("tiny4", "1x32"), ONNX),
        row("infer-tiny4", "1 x 32, bf16", 2.2, onnx("tiny4", "1x32"), infer("tiny4", "1x32", precision="bf16"), ONNX, BF16),
        row("infer-tiny4", "1 x 128", 1.1, onnx("tiny4", "1x128"), infer("tiny4", "1x128"), ONNX),
        row("infer-tiny4", "1 x 128, packed", 1.1, onnx("tiny4", "1x128"), infer("tiny4", "1x128", "packed"), ONNX),
        row("infer-tiny4", "32 x 128", 1.15, onnx("tiny4", "32x128"), infer("tiny4", "32x128"), ONNX),
        row("infer-tiny4", "32 sentences, peer pads to 128", 5, onnx("tiny4", "32 sentences in 128"),
            infer("tiny4", "32 sentences", "packed"), ONNX),
        row("infer-tiny4", "32 sentences, peer pads to longest", 1.6, onnx("tiny4", "32 sentences"),
            infer("tiny4", "32 sentences", "packed"), ONNX),
    ]),
    Group("infer-base", 11, [
        row("infer-base", "1 x 128", 1.05, onnx("base", "1x128"), infer("base", "1x128"), ONNX),
        row("infer-base", "1 x 128, bf16", 1.9, onnx("base", "1x128"), infer("base", "1x128", precision="bf16"), ONNX, BF16),
    ]),
    Group("distill-small", 11, [
        row("distill-small", "dense 64 x 64", 1.45, pytorch("distill", "64x64"), step("distill", "64x64"), PYTORCH),
        row("distill-small", "ragged, peer pads to 64", 3.5, pytorch("distill", "64 sentences in 64"),
            step("distill", "64 sentences", "packed"), PYTORCH),
        scaling("distill-small", "dense", "distill", "64x64"),
        scaling("distill-small", "ragged", "distill", "64 sentences", "packed"),
    ]),
    Group("distill-base", 10, [
        row("distill-base", "dense 32 x 128", 1.2, pytorch("imitate", "32x128"), step("imitate", "32x128"), PYTORCH),
        row("distill-base", "ragged, peer pads to 128", 5, pytorch("imitate", "32 sentences in 128"),
            step("imitate", "32 sentences", "packed"), PYTORCH),
        row("distill-base", "ragged, teacher in bf16", 8, pytorch("imitate", "32 sentences in 128"),
            step("imitate", "32 sentences", "packed", precision="base=bf16"), PYTORCH, BF16),
        scaling("distill-base", "dense", "imitate", "32x128"),
        scaling("distill-base", "ragged", "imitate", "32 sentences", "packed"),
    ]),
    Group("predict-base", 10, [
        row("predict-base", "ragged, teacher outputs cached", 25, pytorch("predict", "32 sentences in 128"),
            step("predict", "32 sentences", "packed", teacher="cached"), PYTORCH),
    ]),
    Group("distill-base, sorted", 10, [
        row("distill-base", "ragged, peer sorts and pads to longest", 1.3, pytorch("imitate", "128 sentences by length"),
            step("imitate", "128 sentences by length", "packed"), PYTORCH),
    ]),
]
