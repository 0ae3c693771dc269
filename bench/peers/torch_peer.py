"""PyTorch as a peer: see protocol.ts and job.ts. Contenders: default, channels-last, compile."""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional


class ConvBnRelu(nn.Module):
    def __init__(self, inputs, outputs, kernel=1, stride=1, affine=True, groups=1, norm="batch"):
        super().__init__()
        if kernel % 2 == 0:
            raise ValueError(f"kernel {kernel} is even, whose padding PyTorch cannot express")
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(outputs, affine=affine) if norm == "batch" else ChannelNorm(outputs, affine)

    def forward(self, x):
        return functional.relu(self.norm(self.conv(x)))


class ChannelNorm(nn.LayerNorm):
    def __init__(self, channels, affine):
        super().__init__(channels, elementwise_affine=affine)

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Shortcut(nn.Module):
    def __init__(self, main, inputs, outputs, stride, affine):
        super().__init__()
        self.main = main
        self.shortcut = ConvBnRelu(inputs, outputs, 1, stride, affine)

    def forward(self, x):
        return self.main(x) + self.shortcut(x)


class BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride, affine):
        super().__init__()
        self.first = ConvBnRelu(inputs, outputs, 3, stride, affine)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs, affine=affine)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride) if stride != 1 or inputs != outputs else None

    def forward(self, x):
        skip = x if self.shortcut is None else self.shortcut(x)
        return functional.relu(self.norm(self.second(self.first(x))) + skip)


class Pool(nn.Module):
    def __init__(self, kind, kernel, stride):
        super().__init__()
        self.kind, self.window = kind, (kernel, stride, (kernel - 1) // 2)

    def forward(self, x):
        if self.kind == "max":
            return functional.max_pool2d(x, *self.window)
        if self.kind == "average":
            return functional.avg_pool2d(x, *self.window)
        return (functional.max_pool2d(x, *self.window) + functional.avg_pool2d(x, *self.window)) * 0.5


class Vit(nn.Module):
    def __init__(self, inputs, outputs, heads, head_dim, feed_forward, norm, affine):
        super().__init__()
        self.heads, self.head_dim = heads, head_dim
        self.q, self.k, self.v = (nn.Conv2d(inputs, heads * head_dim, 1, bias=False) for _ in range(3))
        dense = lambda channels: ConvBnRelu(channels, outputs, affine=affine, norm=norm)
        self.project, self.shortcut = dense(heads * head_dim), dense(inputs)
        self.feedForward = dense(outputs) if feed_forward else None
        self.feedForwardShortcut = dense(outputs) if feed_forward else None

    def forward(self, x):
        n, _, height, width = x.shape
        tokens = lambda layer: layer(x).reshape(n, self.heads, self.head_dim, height * width).transpose(2, 3)
        attended = functional.scaled_dot_product_attention(tokens(self.q), tokens(self.k), tokens(self.v))
        y = self.project(attended.transpose(2, 3).reshape(n, -1, height, width)) + self.shortcut(x)
        return y if self.feedForward is None else self.feedForward(y) + self.feedForwardShortcut(y)


class GlobalAveragePool(nn.Module):
    def forward(self, x):
        return x.mean((2, 3))


def named(**modules):
    sequence = nn.Sequential()
    for name, module in modules.items():
        sequence.add_module(name, module)
    return sequence


def pattern(kind, inputs, outputs, kernel, stride, ratio, affine):
    if kind in ("conv", "residual"):
        return named(
            conv=ConvBnRelu(inputs, outputs, kernel, stride, affine), project=ConvBnRelu(outputs, outputs, affine=affine)
        )
    hidden = max(1, inputs // ratio) if kind == "bottleneck" else inputs * ratio
    return named(
        expand=ConvBnRelu(inputs, hidden, affine=affine),
        depthwise=ConvBnRelu(hidden, hidden, kernel, stride, affine, groups=hidden),
        project=ConvBnRelu(hidden, outputs, affine=affine),
    )


def build(blocks, channels, classes, affine):
    """A module whose state has our names, and its output channels."""
    modules = nn.Sequential()
    for index, block in enumerate(blocks):
        fields = dict(block)
        kind = fields.pop("type")
        outputs = fields.pop("channels", channels)
        stride = fields.pop("stride", 1)
        if kind == "convBnRelu":
            module = ConvBnRelu(channels, outputs, fields.pop("kernel"), stride, affine)
        elif kind in ("conv", "residual", "bottleneck", "invertedBottleneck"):
            module = pattern(kind, channels, outputs, fields.pop("kernel"), stride, fields.pop("ratio"), affine)
            if kind != "conv":
                module = Shortcut(module, channels, outputs, stride, affine)
        elif kind == "basicBlock":
            module = BasicBlock(channels, outputs, stride, affine)
        elif kind == "pool":
            module = Pool(fields.pop("kind"), fields.pop("kernel"), stride)
        elif kind == "vit":
            feed_forward = fields.pop("feedForward")
            module = Vit(
                channels, outputs, fields.pop("heads"), fields.pop("headDim"), feed_forward, fields.pop("norm"), affine
            )
        elif kind == "globalAveragePool":
            module = GlobalAveragePool()
        elif kind == "linear":
            outputs = fields.pop("features", classes)
            module = nn.Linear(channels, outputs)
        elif kind == "shortcut":
            inner = fields.pop("blocks")
            main, outputs = build(inner, channels, classes, affine)
            for block in inner:
                stride *= block.get("stride", 1)
            module = Shortcut(main, channels, outputs, stride, affine)
        else:
            raise ValueError(f"block {kind} is not known here")
        if fields:
            raise ValueError(f"block {kind}: fields {sorted(fields)} are not known here")
        modules.add_module(str(index), module)
        channels = outputs
    return modules, channels


class ChannelsLastFlatten(nn.Module):
    """Flattens as NHWC does, so that the linear layer's weights keep their meaning."""

    def forward(self, x):
        return x.permute(0, 2, 3, 1).flatten(1)


def small_cnn():
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Sequential(ChannelsLastFlatten(), nn.Linear(2048, 10)),
    )


def our_name(model, name):
    path, _, leaf = name.rpartition(".")
    if isinstance(model.get_submodule(path), (nn.BatchNorm2d, nn.LayerNorm)):
        leaf = {"weight": "gamma", "bias": "beta", "running_mean": "mean", "running_var": "variance"}[leaf]
    if path == "6.1":
        path = "6"
    return f"{path}.{leaf}"


def their_layout(model, name, value):
    module = model.get_submodule(name.rpartition(".")[0])
    if isinstance(module, nn.Conv2d) and value.ndim > 1:
        return value.transpose(2, 0, 1)[:, None] if value.ndim == 3 else value.transpose(3, 2, 0, 1)
    return value.T if isinstance(module, nn.Linear) else value


class Job:
    def __init__(self, folder):
        folder = Path(folder)
        self.facts = json.loads((folder / "job.json").read_text())
        self.entries = {entry["name"]: entry for entry in self.facts["tensors"]}
        self.data = (folder / "tensors.f32").read_bytes()

    def tensor(self, name):
        entry = self.entries[name]
        count = int(np.prod(entry["shape"]))
        return np.frombuffer(self.data, "<f4", count, entry["offset"]).reshape(entry["shape"])

    def model(self):
        network = self.facts["network"]
        if network == "small-cnn":
            model = small_cnn()
        else:
            model, _ = build(network["blocks"], network["input"][2], network["classes"], network["affine"])
        taken = set()
        with torch.no_grad():
            for name, value in [*model.named_parameters(), *model.named_buffers()]:
                if name.endswith("num_batches_tracked"):
                    continue
                ours = our_name(model, name)
                taken.add(ours)
                value.copy_(torch.tensor(np.ascontiguousarray(their_layout(model, name, self.tensor(ours)))))
        if left := self.entries.keys() - taken - {"images", "labels"}:
            raise ValueError(f"tensors without a place in the network: {sorted(left)}")
        return model


class Training:
    def __init__(self, job, contender):
        facts = job.facts
        self.checked = facts["checkedSteps"]
        self.model = job.model().train()
        self.images = torch.tensor(np.ascontiguousarray(job.tensor("images").transpose(0, 3, 1, 2)))
        self.labels = torch.tensor(job.tensor("labels").astype(np.int64))
        if contender != "default":
            self.model = self.model.to(memory_format=torch.channels_last)
            self.images = self.images.to(memory_format=torch.channels_last)
        decayed, others = [], []
        for name, parameter in self.model.named_parameters():
            (decayed if our_name(self.model, name).endswith(".weight") else others).append(parameter)
        groups = [
            {"params": decayed, "weight_decay": facts["weightDecay"]},
            {"params": others, "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=facts["learningRate"], foreach=True)
        self.loss = lambda: functional.cross_entropy(self.model(self.images), self.labels)
        if contender == "compile":
            self.loss = torch.compile(self.loss)

    def step(self):
        self.optimizer.zero_grad()
        loss = self.loss()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def check(self):
        return [self.step() for _ in range(self.checked)]


class Inference:
    def __init__(self, job, contender):
        self.model = job.model().eval()
        self.images = torch.tensor(np.ascontiguousarray(job.tensor("images").transpose(0, 3, 1, 2)))
        if contender != "default":
            self.model = self.model.to(memory_format=torch.channels_last)
            self.images = self.images.to(memory_format=torch.channels_last)
        self.run = torch.compile(self.model) if contender == "compile" else self.model

    def step(self):
        with torch.inference_mode():
            return self.run(self.images)

    def check(self):
        return self.step().flatten().tolist()


class Product:
    def __init__(self, job, _):
        self.every = job.facts["every"]
        self.a, self.b = (torch.tensor(job.tensor(name)) for name in "ab")

    def step(self):
        self.c = torch.mm(self.a, self.b)

    def check(self):
        self.step()
        return self.c.flatten()[:: self.every].tolist()


KINDS = {"train": Training, "infer": Inference, "gemm": Product}


def obey(request, loaded):
    contender = request["contender"]
    if request["request"] == "load":
        torch.set_num_threads(request["threads"])
        job = Job(request["job"])
        loaded[contender] = KINDS[job.facts["kind"]](job, contender)
        return {"loaded": True}
    work = loaded[contender]
    if request["request"] == "check":
        return {"values": work.check()}
    if request["request"] == "run":
        seconds = []
        for _ in range(request["times"]):
            start = time.perf_counter()
            work.step()
            seconds.append(time.perf_counter() - start)
        return {"seconds": seconds}
    del loaded[contender]
    return {"unloaded": True}


def main():
    replies = os.fdopen(3, "w")

    def answer(reply):
        print(json.dumps(reply), file=replies, flush=True)

    loaded = {}
    answer({"ready": True, "versions": {"torch": torch.__version__, "python": sys.version.split()[0]}})
    for line in sys.stdin:
        try:
            answer(obey(json.loads(line), loaded))
        except Exception as error:  # every failure is an answer: the other side decides
            answer({"error": f"{type(error).__name__}: {error}"})


main()
