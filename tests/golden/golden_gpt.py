# Makes the goldens of models::GPT: logits, loss, gradients and ten training steps, in float64.
#
# Run as a program, it writes gpt2.json, the golden of a model of GPT-2's size (124,439,808
# parameters), which takes two minutes and 5 GB.  make_goldens.py writes the small ones.
import dataclasses
import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True
import torch

import formula
import gpt

TRAINING = {"lr": 1e-2, "beta1": 0.9, "beta2": 0.95, "weight_decay": 0.1, "grad_clip": 1.0}
STEPS = 10


def run(name, c, scale, rows, time, training, describe, dtype=torch.float64):
    """Returns the logits and a case: `describe` of each gradient, and the losses over one batch."""
    p = {key: formula.weight(key, shape, scale, dtype).requires_grad_()
         for key, shape in gpt.shapes(c).items()}
    ids, targets = formula.batch("ids", rows, time, c.vocab_size)
    y = gpt.logits(c, p, ids)
    loss = gpt.cross_entropy(y, targets)
    loss.backward()
    grads = {key: describe(key, x.grad) for key, x in p.items()}
    options = {key: value for key, value in training.items() if key != "grad_clip"}
    losses = list(gpt.train(c, p, gpt.adamw(p, **options), [(ids, targets)] * STEPS,
                            training["grad_clip"]))
    return y.detach(), {"name": name, "config": dataclasses.asdict(c), "scale": scale,
                        "parameters": sum(x.numel() for x in p.values()),
                        "batch": [rows, time], "loss": loss.item(), "gradients": grads,
                        "training": {**training, "losses": losses}}


def rounded(values):
    # 12 digits are far more than float32 has, and make the file half as large.
    return [float(f"{value:.12g}") for value in values.flatten().tolist()]


def small():
    Config, fingerprint = gpt.Config, formula.fingerprint
    whole = lambda _, gradient: rounded(gradient)
    for name, c, describe, scale, rows, time in [
        ("gpt", Config(23, 8, 2, 2, 8), whole, 1 / 4, 3, 7),
        ("gpt, untied", Config(23, 8, 1, 4, 16, tied=False, eps=1e-3), fingerprint, 1 / 4, 3, 7),
        ("gpt, no bias", Config(23, 8, 2, 1, 16, bias=False), fingerprint, 1 / 4, 2, 8),
        ("llama", Config(23, 8, 2, 4, 16, n_kv_head=2, n_inner=24, llama=True, bias=False,
                         tied=False, eps=1e-6), fingerprint, 1 / 4, 3, 7),
        ("llama, tied, one key", Config(23, 8, 1, 4, 16, n_kv_head=1, n_inner=24, llama=True,
                                        bias=False, rope_base=100.0), fingerprint, 1 / 4, 3, 7),
        # nanoGPT's CPU configuration is large enough for the fast paths of every kernel.
        ("nanogpt", Config(65, 64, 4, 4, 128, bias=False), fingerprint, 1 / 16, 2, 64),
    ]:
        # AdamW's first steps follow the signs of gradients, and rounding flips the signs near zero.
        # PyTorch's float32 ends 1.6e-5 from its float64 at lr 1e-3, and 3.2e-7 at lr 3e-4.
        training = TRAINING if c.n_embd < 128 else {**TRAINING, "lr": 3e-4}
        y, case = run(name, c, scale, rows, time, training, describe)
        yield {**case, "logits": rounded(y if c.n_embd < 128 else y[:, 21::21])}


def gpt2():
    c = gpt.Config(50257, 1024, 12, 12, 768)
    # A larger lr would let the rounding of float32 grow tenfold in ten steps.
    given = ("gpt2", c, 1 / 32, 2, 64, {**TRAINING, "lr": 1e-5}, formula.fingerprint)
    y, case = run(*given)
    print("least distance of a first from a second:",
          (-y.topk(2, -1).values.diff()).min().item())
    compare(case, y, *run(*given, torch.float32))
    stride = 251
    rows = [{"at": [b, t], "logits": y[b, t, ::stride].tolist()}
            for b in (0, 1) for t in (0, 1, 31, 63)]
    return {**case, "stride": stride, "rows": rows, "argmax": y.argmax(-1).tolist()}


def compare(wide, y, z, narrow):
    """Prints how far PyTorch's float32 is from its float64."""
    pairs = zip(wide["training"]["losses"], narrow["training"]["losses"])
    print("float32: logits", (z - y).abs().max().item(),
          "losses", max(abs(a - b) / a for a, b in pairs))
    worst = 0.0
    for key, g in wide["gradients"].items():
        d = [a - b for a, b in zip(g["projections"], narrow["gradients"][key]["projections"])]
        worst = max(worst, (sum(x * x for x in d) / len(d)) ** 0.5 / g["norm"])
    print("  the worst gradient, relative L2:", worst)


if __name__ == "__main__":
    path = Path(__file__).with_name("gpt2.json")
    path.write_text(json.dumps(gpt2(), separators=(",", ":")) + "\n", encoding="ascii")
