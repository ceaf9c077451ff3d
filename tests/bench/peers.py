#!/usr/bin/env python3
"""The works of `make bench` in PyTorch eager, as its users write them: dense, float32, every row padded to the stated length.

  tests/bench/peers.py [--threads N] [--runs N] [WORK…]      prints {"results": [{"name", "unit", "value", "runs", "peak_mib"}…]}

Each work runs in a process of its own, so that its peak memory is its own. Needs Debian's python3-torch."""
import argparse
import json
import math
import resource
import statistics
import subprocess
import sys
import time

WORKS = ["distill-small", "pooled", "infer-tiny4-1x32", "infer-tiny4-1x128", "infer-base-1x128"]


def build(torch):
    nn, F = torch.nn, torch.nn.functional

    class Attention(nn.Module):
        def __init__(self, hidden, heads):
            super().__init__()
            self.heads, self.head = heads, hidden // heads
            self.query, self.key, self.value = (nn.Linear(hidden, hidden) for _ in range(3))
            self.dense, self.norm = nn.Linear(hidden, hidden), nn.LayerNorm(hidden, eps=1e-12)

        def split(self, x):
            return x.view(x.shape[0], x.shape[1], self.heads, self.head).permute(0, 2, 1, 3)

        def forward(self, x, bias):
            q, k, v = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
            scores = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(self.head) + bias
            mixed = torch.matmul(F.softmax(scores, dim=-1), v).permute(0, 2, 1, 3).contiguous().view(x.shape)
            return self.norm(self.dense(mixed) + x), scores

    class Layer(nn.Module):
        def __init__(self, hidden, heads, ff):
            super().__init__()
            self.attention = Attention(hidden, heads)
            self.up, self.down, self.norm = nn.Linear(hidden, ff), nn.Linear(ff, hidden), nn.LayerNorm(hidden, eps=1e-12)

        def forward(self, x, bias):
            y, scores = self.attention(x, bias)
            return self.norm(self.down(F.gelu(self.up(y))) + y), scores

    class Bert(nn.Module):
        def __init__(self, layers, hidden, heads, ff, vocabulary=30522, classes=2):
            super().__init__()
            self.word, self.position = nn.Embedding(vocabulary, hidden), nn.Embedding(512, hidden)
            self.segment, self.norm = nn.Embedding(2, hidden), nn.LayerNorm(hidden, eps=1e-12)
            self.layers = nn.ModuleList(Layer(hidden, heads, ff) for _ in range(layers))
            self.pooler, self.classifier = nn.Linear(hidden, hidden), nn.Linear(hidden, classes)

        def forward(self, ids, types, mask):
            positions = torch.arange(ids.shape[1])[None]
            x = self.norm(self.word(ids) + self.position(positions) + self.segment(types))
            bias = (1 - mask[:, None, None, :].float()) * -10000.0
            hidden, scores = [x], []
            for layer in self.layers:
                x, s = layer(x, bias)
                hidden.append(x)
                scores.append(s)
            return self.classifier(torch.tanh(self.pooler(x[:, 0]))), hidden, scores

    class Pooled(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.dense = nn.Embedding(1000, 128), nn.Linear(128, 5)

        def forward(self, ids):
            return self.dense(self.embedding(ids).mean(1))

    return Bert, Pooled


def work(torch, name):
    F = torch.nn.functional
    Bert, Pooled = build(torch)
    torch.manual_seed(1)

    def batch(rows, length):
        return torch.randint(0, 30522, (rows, length)), torch.zeros(rows, length, dtype=torch.long), torch.ones(rows, length, dtype=torch.long)

    if name == "distill-small":
        teacher, student = Bert(4, 256, 4, 1024).eval(), Bert(2, 128, 4, 512).train()
        fit = torch.nn.Linear(128, 256)
        optimizer = torch.optim.AdamW(list(student.parameters()) + list(fit.parameters()), lr=5e-4, weight_decay=0.01)
        inputs = batch(64, 64)

        def step():
            with torch.no_grad():
                logits_t, hidden_t, scores_t = teacher(*inputs)
            logits, hidden, scores = student(*inputs)
            loss = F.mse_loss(fit(hidden[0]), hidden_t[0])
            for m in range(2):
                loss = loss + F.mse_loss(scores[m], scores_t[2 * m + 1]) + F.mse_loss(fit(hidden[m + 1]), hidden_t[2 * m + 2])
            loss = loss - (F.softmax(logits_t, -1) * F.log_softmax(logits, -1)).sum(-1).mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            return loss.item()

        return step
    if name == "pooled":
        teacher, student = Pooled().eval(), Pooled()
        optimizer = torch.optim.Adam(student.parameters(), lr=1e-3)
        ids, labels = torch.randint(0, 1000, (32, 128)), torch.randint(0, 5, (32,))

        def step():
            with torch.no_grad():
                soft = F.softmax(teacher(ids) / 2, -1)
            logits = student(ids)
            loss = F.cross_entropy(logits, labels) + 4 * F.kl_div(F.log_softmax(logits / 2, -1), soft, reduction="batchmean")
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            return loss.item()

        return step
    model = (Bert(12, 768, 12, 3072) if "base" in name else Bert(4, 312, 12, 1200)).eval()
    inputs = batch(1, int(name.rsplit("x", 1)[1]))

    def infer():
        with torch.inference_mode():
            return model(*inputs)[0][0, 0].item()

    return infer


def measure(name, threads, runs):
    import torch

    torch.set_num_threads(threads)
    step = work(torch, name)
    step()
    once = time.perf_counter()
    step()
    repeat = max(1, int(0.02 / (time.perf_counter() - once)))
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        for _ in range(repeat):
            step()
        times.append((time.perf_counter() - begin) / repeat * 1e3)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"name": name, "unit": "ms", "value": statistics.median(times), "runs": runs, "peak_mib": peak}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--here", action="store_true", help="in this process")
    parser.add_argument("works", nargs="*", default=WORKS)
    options = parser.parse_args()
    results = []
    for name in options.works:
        if options.here:
            results.append(measure(name, options.threads, options.runs))
            continue
        command = [sys.executable, __file__, "--here", "--threads", str(options.threads), "--runs", str(options.runs), name]
        results += json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["results"]
    print(json.dumps({"threads": options.threads, "results": results}, indent=1))


main()
