"""A stage of bench.rt in PyTorch, in a process of its own that measures when it is asked, as `bench serve` does.

  torch_peer.py STAGE WEIGHTS THREADS INPUTS…

Commands are lines, answers JSON objects on a line; a call is one step on each of the batches:
  step     a call, with means over real tokens   {"outputs": [{"loss": [number], "loss.TERM": [number]…} a batch]}
  time     calls for 20 ms or more               {"ms": of a batch}
  memory                                         {"peak_mib"}
  library        OpenBLAS's kernels              {"kernels": NAME, "version": torch's}"""
import ctypes
import json
import sys
import time

import torch

import networks
import tensor_file


def status_mib(name):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith(name + ":"))


def reset_peak():
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        pass  # then what loading took is counted too


def read_model(folder, name):
    model = networks.MODELS[name]()
    tensors = tensor_file.read(f"{folder}/{name}.safetensors")
    model.load_state_dict({path: torch.from_numpy(values) for path, values in tensors.items()})
    return model


def read_batch(path):
    tensors = tensor_file.read(path)
    batch = {name: torch.from_numpy(tensors[name]).long() for name in ("ids", "types", "label")}
    lengths = torch.from_numpy(tensors["ids.lengths"]).long()
    batch["mask"] = (torch.arange(batch["ids"].shape[1])[None] < lengths[:, None]).long()
    return batch


def kernels():
    """As the OpenBLAS says that torch has loaded."""
    with open("/proc/self/maps") as file:
        path = next((line.split()[-1] for line in file if "openblas" in line), None)
    if not path:
        return "not OpenBLAS"
    library = ctypes.CDLL(path)
    library.openblas_get_corename.restype = ctypes.c_char_p
    return library.openblas_get_corename().decode()


class Peer:
    def __init__(self, stage, folder, inputs):
        loading = status_mib("VmHWM")
        self.stage = networks.Stage(stage, lambda name: read_model(folder, name))
        self.batches = [read_batch(path) for path in inputs]
        self.loading, self.repeat = loading, 0
        reset_peak()

    def call(self):
        for batch in self.batches:
            self.stage.step(batch)

    def answer(self, command):
        if command == "step":
            return {"outputs": [self.stage.step(batch, real=True) for batch in self.batches]}
        if command == "memory":
            return {"peak_mib": max(self.loading, status_mib("VmHWM"))}
        if command == "library":
            return {"kernels": kernels(), "version": torch.__version__}
        if not self.repeat:
            begin = time.perf_counter()
            self.call()
            self.repeat = int(0.02 / (time.perf_counter() - begin)) + 1
        begin = time.perf_counter()
        for _ in range(self.repeat):
            self.call()
        return {"ms": (time.perf_counter() - begin) * 1e3 / self.repeat / len(self.batches)}


def main():
    stage, folder, threads, *inputs = sys.argv[1:]
    torch.set_num_threads(int(threads))
    peer = Peer(stage, folder, inputs)
    for line in sys.stdin:
        print(json.dumps(peer.answer(line.strip())), flush=True)


main()
