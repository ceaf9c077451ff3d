#!/usr/bin/env python3
"""Retort beside PyTorch eager and ONNX Runtime, in turns, on the same weights and batches: `make bench-peers`.

  tests/bench/peers.py [--runs N] [--threads N] [--only TEXT] BUILD        writes BUILD/bench-peers.json

Each side of a row is a process of its own that answers to commands (bench serve, torch_peer.py, onnx_peer.js), so that its
peak memory is its own. Before anything is timed, outputs are compared: losses of three steps, or logits. Then all sides of
a group are timed in turns; a row's values are medians. Needs Debian's python3-torch, and onnxruntime-node in
BUILD/node_modules, and 12 GB of memory."""
import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import time

import outputs
import prepare
import rows

HERE = os.path.dirname(os.path.abspath(__file__))
BETWEEN = 0.03  # seconds: until the threads of the side before have gone to sleep
STEPS = 3  # whose losses are compared


class Side:
    """A process that measures one work."""

    def __init__(self, command, environment):
        self.name, self.times = " ".join(command), []
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        said = self.process.stdout.readline()
        if not said:
            sys.exit(f"{self.name}: ended at '{command}'")
        return json.loads(said)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Bench:
    def __init__(self, options):
        self.build, self.options = options.build, options
        self.folder = f"{self.build}/bench-peers"
        self.bench = f"{self.build}/tests/bench/bench"
        self.environment = dict(os.environ)
        os.makedirs(self.folder, exist_ok=True)
        prepare.write_models(self.folder)
        lengths, self.lengths_from = prepare.sentence_lengths(self.bench)
        self.batches = prepare.write_batches(f"{self.folder}/batches", lengths)
        self.onnx = {name: prepare.write_onnx(self.folder, self.folder, name) for name in ("tiny4", "base")}

    def command(self, side):
        inputs = self.batches[side.batch]
        threads = str(side.threads or self.options.threads)
        if side.kind == "retort":
            named = ["--stage", side.stage] if side.stage else ["--model", side.model]
            return [self.bench, "serve", *named, "--weights", self.folder, "--threads", threads, "--layout", side.layout,
                    "--teacher", side.teacher, "--precision", side.precision,
                    *(word for path in inputs for word in ("--inputs", path))]
        if side.kind == "pytorch":
            return [sys.executable, f"{HERE}/torch_peer.py", side.stage, self.folder, threads, *inputs]
        return ["node", f"{HERE}/onnx_peer.js", f"{self.build}/node_modules", self.onnx[side.model], threads, inputs[0]]

    def start(self, side):
        return Side(self.command(side), self.environment)

    def take_turns(self, sides, runs):
        for side in sides:
            side.ask("time")  # a first one is no measurement
        for _ in range(runs):
            for side in sides:
                side.times.append(side.ask("time")["ms"])
                time.sleep(BETWEEN)

    def choose_library(self):
        """Both sides run with the OpenBLAS kernels that PyTorch is faster with: those of OPENBLAS_CORETYPE, or the library's choice."""
        sides, said = {}, {}
        named = os.environ.get("OPENBLAS_CORETYPE")
        for choice in [named, None] if named else [None]:
            self.environment = {k: v for k, v in os.environ.items() if k != "OPENBLAS_CORETYPE"}
            self.environment.update({"OPENBLAS_CORETYPE": choice} if choice else {})
            sides[choice] = self.start(rows.pytorch("distill", "64x64"))
        self.take_turns(list(sides.values()), 5)
        for choice, side in sides.items():
            said[choice or "the library's choice"] = {"pytorch_distill_small_ms": statistics.median(side.times), **side.ask("library")}
            side.close()
        best = min(said, key=lambda choice: said[choice]["pytorch_distill_small_ms"])
        self.environment = {k: v for k, v in os.environ.items() if k != "OPENBLAS_CORETYPE"}
        self.environment.update({"OPENBLAS_CORETYPE": best} if best == named else {})
        # Of PyTorch and of Retort: or else two threads of a short work may wake up on one core, and take turns on it.
        self.environment["OMP_PROC_BIND"] = "true"
        # While nothing runs beside it.
        subprocess.run([f"{self.build}/retort", "tune"], check=True, capture_output=True, env=self.environment)
        return {"used": best, "choices": said, "kernels": said[best]["kernels"], "torch": said[best]["version"]}

    def profile(self):
        """Of the dense distillation step: how near its contractions are to the rate measured beside them, and the rest's share."""
        command = [f"{self.build}/retort", "bench", "--of", "imitate", "--rows", "32", "--length", "128", "--layout", "padded",
                   "--json", "--models", "models", "--threads", str(self.options.threads),
                   "--runs", str(min(self.options.runs or 3, 3)), "tests/bench/bench.rt"]
        said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env=self.environment).stdout)
        contractions = [kernel for kernel in said["kernels"] if "matmul" in kernel["what"]]
        seconds = sum(kernel["ms"] for kernel in contractions) / 1e3
        return {"step_ms": said["step_ms"], "kernels_ms": said["kernels_ms"], "sum_of_step": said["kernels_ms"] / said["step_ms"],
                "contractions_of_rate": sum(kernel["flops"] for kernel in contractions) / seconds / said["flops_per_second"],
                "rest_of_step": 1 - seconds * 1e3 / said["kernels_ms"], "flops_per_second": said["flops_per_second"],
                "bytes_per_second": said["bytes_per_second"]}

    def steps_of(self, side):
        """In a process of their own: means over real tokens take PyTorch more memory than what is timed."""
        running = self.start(side)
        steps = [running.ask("step")["outputs"] for _ in range(STEPS if side.stage else 1)]
        running.close()
        return steps

    def group(self, group):
        """The rows of a group with their measurements."""
        there = [row for row in group.rows if "bf16" not in (row.ours.precision or "") or "avx512_bf16" in cpu_line("flags").split()]
        wanted = {side for row in there for side in (row.peer, row.ours)}
        steps = {side: self.steps_of(side) for side in sorted(wanted, key=repr) if not side.threads}
        differences = {}
        for row in there:
            if row.peer.kind != "retort":
                differences[row] = outputs.difference(steps[row.peer], steps[row.ours])
                if not differences[row] <= row.tolerance:
                    sys.exit(f"{row.work}, {row.variant}: outputs differ by {differences[row]:.2g} of the largest, "
                             f"more than {row.tolerance:g}")
        sides = {side: self.start(side) for side in sorted(wanted, key=repr)}
        self.take_turns(list(sides.values()), self.options.runs or group.runs)
        memory = {side: running.ask("memory") for side, running in sides.items()}
        floors = {side: running.ask("floor") for side, running in sides.items() if side.kind == "retort"}
        for running in sides.values():
            running.close()
        return [self.result(row, sides, floors, memory, differences.get(row)) for row in group.rows]

    def result(self, row, sides, floors, memory, difference):
        result = {"work": row.work, "variant": row.variant, "peer": row.against, "target": row.target}
        if row.ours not in sides:
            return {**result, "peer_ms": None, "ours_ms": None, "ratio": None, "peer_mib": None, "ours_mib": None,
                    "floor_ms": None, "note": "not measured: this processor does not multiply bf16"}
        peer, ours = statistics.median(sides[row.peer].times), statistics.median(sides[row.ours].times)
        return {**result, "peer_ms": peer, "ours_ms": ours, "ratio": peer / ours, "peer_mib": memory[row.peer]["peak_mib"],
                "ours_mib": memory[row.ours]["peak_mib"], "floor_ms": floors[row.ours]["floor_ms"],
                "runs": len(sides[row.ours].times), "difference": difference, "training": bool(row.ours.stage),
                "planned_mib": memory[row.ours]["planned_mib"],
                "flops": floors[row.ours]["flops"], "bytes": floors[row.ours]["bytes"],
                "flops_per_second": floors[row.ours]["flops_per_second"], "bytes_per_second": floors[row.ours]["bytes_per_second"]}


def cpu_line(name):
    with open("/proc/cpuinfo") as file:
        return next((line.split(":", 1)[1].strip() for line in file if line.startswith(name)), "unknown")


def show(row):
    if row["ratio"] is None:
        print(f"{row['work']:16} {row['variant']:34} {row['note']}", flush=True)
        return
    print(f"{row['work']:16} {row['variant']:34} {row['peer_ms']:10.3f} / {row['ours_ms']:9.3f} ms = {row['ratio']:6.2f}"
          f"  (to reach {row['target'] or '-'}; floor {row['floor_ms']:.3f} ms; "
          f"{row['peer_mib']:.0f} / {row['ours_mib']:.0f} MiB)", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=0, help="instead of each group's own number")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default="", help="groups whose name has this in it (or profile)")
    parser.add_argument("build")
    options = parser.parse_args()
    begin = time.time()
    bench = Bench(options)
    library = bench.choose_library()
    print("OpenBLAS:", json.dumps(library), flush=True)
    with open(f"{options.build}/node_modules/onnxruntime-node/package.json") as file:
        versions = f"PyTorch {library['torch'].split('a')[0]}, ONNX Runtime {json.load(file)['version']}"
    results = []
    for group in rows.GROUPS:
        if options.only in group.name:
            for row in bench.group(group):
                show(row)
                results.append(row)
    all_ = {"cpu": cpu_line("model name"), "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
            "threads": options.threads, "lengths": bench.lengths_from, "peers": versions, "openblas": library, "rows": results}
    if options.only in "profile":
        all_["profile"] = bench.profile()
        print("distill-base, dense, by kernels:", json.dumps(all_["profile"]), flush=True)
    all_["seconds"] = time.time() - begin
    with open(f"{options.build}/bench-peers.json", "w") as file:
        json.dump(all_, file, indent=1)
    print(f"{options.build}/bench-peers.json: {len(results)} rows in {time.time() - begin:.0f} seconds")


main()
