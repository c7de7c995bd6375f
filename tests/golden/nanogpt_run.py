#!/usr/bin/env python3
# Trains nanoGPT's CPU configuration (no biases) in PyTorch on the characters of a text.
# docs/benchmarks.md compares the losses with those of vitro.  Usage: nanogpt_run.py TEXT [SEED]
import math
import os
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
import torch

import gpt

ITERATIONS, WARMUP, BATCH = 2000, 100, 12
LR, MIN_LR = 1e-3, 1e-4


def initial(c):
    """N(0, 0.02); N(0, 0.02 / sqrt(2 n_layer)) for the projections into the residual stream."""
    for name, shape in gpt.shapes(c).items():
        if len(shape) == 1:
            x = torch.ones(shape) if "ln_" in name and name.endswith("weight") else torch.zeros(shape)
        else:
            residual = name.endswith("c_proj.weight")
            x = torch.randn(shape) * 0.02 / (math.sqrt(2 * c.n_layer) if residual else 1)
        yield name, x.requires_grad_()


def learning_rate(step):
    if step < WARMUP:
        return LR * (step + 1) / (WARMUP + 1)
    progress = (step - WARMUP) / (ITERATIONS - WARMUP)
    return MIN_LR + (LR - MIN_LR) * (1 + math.cos(math.pi * progress)) / 2


def batches(c, ids, opt):
    for step in range(ITERATIONS):
        for group in opt.param_groups:
            group["lr"] = learning_rate(step)
        starts = torch.randint(len(ids) - c.block_size, (BATCH,))
        windows = torch.stack([ids[i:i + c.block_size + 1] for i in starts.tolist()])
        yield windows[:, :-1], windows[:, 1:]


@torch.no_grad()
def evaluate(c, p, ids):
    """Returns the nats per token over consecutive windows."""
    total, T = 0.0, c.block_size
    for i in range(0, len(ids) - 1, T):
        window = ids[i:i + T + 1].unsqueeze(0)
        loss = gpt.cross_entropy(gpt.logits(c, p, window[:, :-1]), window[:, 1:])
        total += loss.item() * (window.shape[1] - 1)
    return total / (len(ids) - 1)


def main(path, seed=1):
    torch.manual_seed(int(seed))
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    text = Path(path).read_text(encoding="utf-8")
    characters = sorted(set(text))
    ids = torch.tensor([characters.index(one) for one in text])
    part = len(ids) - len(ids) // 10
    train, valid = ids[:part], ids[part:]
    c = gpt.Config(len(characters), 64, 4, 4, 128, bias=False)
    p = dict(initial(c))
    opt = gpt.adamw(p, lr=LR, beta1=0.9, beta2=0.99, weight_decay=0.1)
    print(f"vocabulary {len(characters)}, tokens {len(train)} + {len(valid)}, parameters "
          f"{sum(x.numel() for x in p.values())}, threads {torch.get_num_threads()}")
    began, best = time.perf_counter(), math.inf
    for step, loss in enumerate(gpt.train(c, p, opt, batches(c, train, opt), 1.0), 1):
        if step % 250 == 0:
            best = min(best, (last := evaluate(c, p, valid)))
            print(f"step {step}: loss {loss:.4f}, {time.perf_counter() - began:.1f} s, "
                  f"validation {last:.4f}", flush=True)
    print(f"train {evaluate(c, p, train):.4f}, validation {last:.4f}, at best {best:.4f}")


main(*sys.argv[1:])
