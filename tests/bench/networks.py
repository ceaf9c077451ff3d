"""What bench.rt says, in PyTorch eager as its users write it: every row padded to one length, float32.

Parameters have the published names, so that one safetensors file serves a model here and there."""
import math

import torch
from torch import nn
from torch.nn import functional as F

EPSILON = 1e-12


class SelfAttention(nn.Module):
    def __init__(self, hidden, heads):
        super().__init__()
        self.heads, self.head = heads, hidden // heads
        self.query, self.key, self.value = (nn.Linear(hidden, hidden) for _ in range(3))

    def split(self, x):
        return x.view(x.shape[0], x.shape[1], self.heads, self.head).permute(0, 2, 1, 3)

    def forward(self, x, bias):
        q, k, v = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        scores = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(self.head) + bias
        mixed = torch.matmul(F.softmax(scores, dim=-1), v).permute(0, 2, 1, 3).contiguous().view(x.shape)
        return mixed, scores


class Residual(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.dense, self.LayerNorm = nn.Linear(width, hidden), nn.LayerNorm(hidden, eps=EPSILON)

    def forward(self, x, residual):
        return self.LayerNorm(self.dense(x) + residual)


class Layer(nn.Module):
    def __init__(self, hidden, heads, ff):
        super().__init__()
        self.attention = nn.ModuleDict({"self": SelfAttention(hidden, heads), "output": Residual(hidden, hidden)})
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(hidden, ff)})
        self.output = Residual(ff, hidden)

    def forward(self, x, bias):
        mixed, scores = self.attention["self"](x, bias)
        y = self.attention["output"](mixed, x)
        return self.output(F.gelu(self.intermediate["dense"](y)), y), scores


class Embeddings(nn.Module):
    def __init__(self, hidden, vocabulary):
        super().__init__()
        self.word_embeddings, self.position_embeddings = nn.Embedding(vocabulary, hidden), nn.Embedding(512, hidden)
        self.token_type_embeddings, self.LayerNorm = nn.Embedding(2, hidden), nn.LayerNorm(hidden, eps=EPSILON)

    def forward(self, ids, types):
        positions = torch.arange(ids.shape[1])[None]
        return self.LayerNorm(
            self.word_embeddings(ids) + self.position_embeddings(positions) + self.token_type_embeddings(types))


class Classifier(nn.Module):
    """Gives logits, and of all layers the hidden states (the embeddings first) and the scores before the softmax."""

    def __init__(self, layers, hidden, heads, ff, vocabulary=30522, classes=2):
        super().__init__()
        self.bert = nn.ModuleDict({
            "embeddings": Embeddings(hidden, vocabulary),
            "encoder": nn.ModuleDict({"layer": nn.ModuleList(Layer(hidden, heads, ff) for _ in range(layers))}),
            "pooler": nn.ModuleDict({"dense": nn.Linear(hidden, hidden)}),
        })
        self.classifier = nn.Linear(hidden, classes)

    def forward(self, ids, types, mask):
        x = self.bert["embeddings"](ids, types)
        bias = (1 - mask[:, None, None, :].float()) * -10000.0
        hidden, scores = [x], []
        for layer in self.bert["encoder"]["layer"]:
            x, s = layer(x, bias)
            hidden.append(x)
            scores.append(s)
        return self.classifier(torch.tanh(self.bert["pooler"]["dense"](x[:, 0]))), hidden, scores


class Pooled(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.dense = nn.Embedding(1000, 128), nn.Linear(128, 5)

    def forward(self, ids):
        return self.dense(self.embedding(ids).mean(1))


# By their names in bench.rt; the helper of a stage has the stage's.
MODELS = {
    "teacher": lambda: Classifier(4, 256, 4, 1024),
    "student": lambda: Classifier(2, 128, 4, 512),
    "base": lambda: Classifier(12, 768, 12, 3072),
    "tiny4": lambda: Classifier(4, 312, 12, 1200),
    "bag_teacher": Pooled,
    "bag": Pooled,
    "distill": lambda: nn.ModuleDict({"fit": nn.Linear(128, 256)}),
    "imitate": lambda: nn.ModuleDict({"fit": nn.Linear(312, 768)}),
}


def initialize(model):
    """No weight is special: a bias of zero or a layer norm of one would hide an exchange. A mean of many words is small,
    and its weights are large, so that outputs are not all equal."""
    std = 1.0 if isinstance(model, Pooled) else 0.05
    for name, weight in model.named_parameters():
        nn.init.normal_(weight, mean=1.0 if name.endswith("LayerNorm.weight") else 0.0, std=std)
    return model


# ---- losses: each a dictionary of terms, named as bench.rt's ----


def mean_square(student, teacher, real):
    """`real`: 1 at real elements, to leave padding out of the mean; None counts all, as published code does."""
    if real is None:
        return F.mse_loss(student, teacher)
    real = real.expand_as(student)
    return ((student - teacher)**2 * real).sum() / real.sum()


def layer_terms(fit, student, teacher, mask):
    (_, hidden, scores), (_, hidden_t, scores_t) = student, teacher
    tokens = pairs = None
    if mask is not None:
        tokens = mask[:, :, None].float()
        pairs = tokens[:, None] * tokens[:, None].transpose(-1, -2)
    every = len(scores_t) // len(scores)
    terms = {"embedding": mean_square(fit(hidden[0]), hidden_t[0], tokens), "attention": 0, "hidden": 0}
    for m in range(len(scores)):
        t = every * (m + 1)
        terms["attention"] = terms["attention"] + mean_square(scores[m], scores_t[t - 1], pairs)
        terms["hidden"] = terms["hidden"] + mean_square(fit(hidden[m + 1]), hidden_t[t], tokens)
    return terms


def prediction_term(student, teacher):
    return {"prediction": -(F.softmax(teacher[0], -1) * F.log_softmax(student[0], -1)).sum(-1).mean()}


class Stage:
    """One step of a stage of bench.rt. `load(model)` gives the weights of the model of that name."""

    def __init__(self, name, load):
        self.name = name
        teacher, student = {"pooled": ("bag_teacher", "bag"), "distill": ("teacher", "student")}.get(name, ("base", "tiny4"))
        self.teacher, self.student = load(teacher).eval(), load(student).train()
        self.fit = load(name)["fit"] if name in ("distill", "imitate") else None
        weights = list(self.student.parameters()) + (list(self.fit.parameters()) if self.fit else [])
        if name == "pooled":
            self.optimizer = torch.optim.Adam(weights, lr=1e-3)
        else:  # without decay of biases and layer norms
            self.optimizer = torch.optim.AdamW([{"params": [w for w in weights if w.dim() > 1], "weight_decay": 0.01},
                                                {"params": [w for w in weights if w.dim() == 1], "weight_decay": 0.0}], lr=5e-4)

    def terms(self, batch, real):
        if self.name == "pooled":
            with torch.no_grad():
                soft = F.softmax(self.teacher(batch["ids"]) / 2, -1)
            logits = self.student(batch["ids"])
            return {"soft": 4 * F.kl_div(F.log_softmax(logits / 2, -1), soft, reduction="batchmean"),
                    "hard": F.cross_entropy(logits, batch["label"])}
        inputs = batch["ids"], batch["types"], batch["mask"]
        with torch.no_grad():
            teacher = self.teacher(*inputs)
        student = self.student(*inputs)
        terms = layer_terms(self.fit, student, teacher, batch["mask"] if real else None) if self.fit else {}
        if self.name != "imitate":
            terms.update(prediction_term(student, teacher))
        return terms

    def step(self, batch, real=False):
        """`real`: means over real tokens only, as bench.rt's; the loss before the step and its terms, by bench.rt's names."""
        terms = self.terms(batch, real)
        loss = sum(terms.values()) * (0.5 if self.name == "pooled" else 1.0)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return {"loss": [loss.item()], **{f"loss.{name}": [term.item()] for name, term in terms.items()}}
