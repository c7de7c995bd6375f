# GPT-2 (Radford et al., 2019) and a Llama-style variant (Touvron et al., 2023) as functions of a
# dictionary of weights.  The names are vitro's, and every matrix is (out, in).
import math
from dataclasses import dataclass

import torch
from torch.nn import functional as F


@dataclass
class Config:
    vocab_size: int
    block_size: int
    n_layer: int
    n_head: int
    n_embd: int
    n_kv_head: int = 0    # 0: n_head; fewer: each serves several heads (Ainslie et al., 2023)
    n_inner: int = 0      # 0: 4 n_embd
    llama: bool = False   # RMSNorm, rotary positions, SwiGLU
    bias: bool = True     # of the linear layers and of LayerNorm
    tied: bool = True     # the head shares the weight wte
    rope_base: float = 10000.0
    eps: float = 1e-5

    def __post_init__(self):
        self.n_kv_head = self.n_kv_head or self.n_head
        self.n_inner = self.n_inner or 4 * self.n_embd


def shapes(c):
    """Every parameter with its shape, in the order of the forward pass."""
    C, D = c.n_embd, c.n_embd // c.n_head
    found = {"wte.weight": (c.vocab_size, C)}
    if not c.llama:
        found["wpe.weight"] = (c.block_size, C)

    def norm(name):
        found[name + ".weight"] = (C,)
        if c.bias and not c.llama:
            found[name + ".bias"] = (C,)

    def linear(name, n_in, n_out):
        found[name + ".weight"] = (n_out, n_in)
        if c.bias:
            found[name + ".bias"] = (n_out,)

    for i in range(c.n_layer):
        h = f"h.{i}."
        norm(h + "ln_1")
        linear(h + "attn.c_attn", C, (c.n_head + 2 * c.n_kv_head) * D)
        linear(h + "attn.c_proj", C, C)
        norm(h + "ln_2")
        linear(h + "mlp.c_fc", C, c.n_inner)
        if c.llama:
            linear(h + "mlp.c_gate", C, c.n_inner)
        linear(h + "mlp.c_proj", c.n_inner, C)
    norm("ln_f")
    if not c.tied:
        found["lm_head.weight"] = (c.vocab_size, C)
    return found


def linear(p, name, x):
    return F.linear(x, p[name + ".weight"], p.get(name + ".bias"))


def norm(c, p, name, x):
    w = p[name + ".weight"]
    if c.llama:
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + c.eps) * w
    return F.layer_norm(x, w.shape, w, p.get(name + ".bias"), c.eps)


def rope(x, base):
    """Turns the pairs (x_i, x_(i + D/2)) of row t by t base^(-2i/D) (Su et al., 2021)."""
    T, D = x.shape[-2:]
    rates = base ** (-torch.arange(0, D, 2, dtype=torch.float64) / D)
    angles = torch.outer(torch.arange(T, dtype=torch.float64), rates)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


def attention(c, p, name, x):
    B, T, C = x.shape
    D = C // c.n_head
    sizes = [c.n_head * D, c.n_kv_head * D, c.n_kv_head * D]
    q, k, v = (y.reshape(B, T, -1, D).transpose(1, 2)
               for y in linear(p, name + ".c_attn", x).split(sizes, -1))
    if c.llama:
        q, k = rope(q, c.rope_base), rope(k, c.rope_base)
    k, v = (y.repeat_interleave(c.n_head // c.n_kv_head, 1) for y in (k, v))
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    scores = (q @ k.transpose(-1, -2) / math.sqrt(D)).masked_fill(future, -math.inf)
    y = scores.softmax(-1) @ v
    return linear(p, name + ".c_proj", y.transpose(1, 2).reshape(B, T, C))


def mlp(c, p, name, x):
    y = linear(p, name + ".c_fc", x)
    y = F.silu(linear(p, name + ".c_gate", x)) * y if c.llama else F.gelu(y, approximate="tanh")
    return linear(p, name + ".c_proj", y)


def logits(c, p, ids):
    """ids (B, T) -> (B, T, V)."""
    x = F.embedding(ids, p["wte.weight"])
    if not c.llama:
        x = x + p["wpe.weight"][:ids.shape[1]]
    for i in range(c.n_layer):
        h = f"h.{i}."
        x = x + attention(c, p, h + "attn", norm(c, p, h + "ln_1", x))
        x = x + mlp(c, p, h + "mlp", norm(c, p, h + "ln_2", x))
    head = "wte" if c.tied else "lm_head"
    return F.linear(norm(c, p, "ln_f", x), p[head + ".weight"])


def cross_entropy(y, targets):
    return F.cross_entropy(y.flatten(0, 1), targets.flatten())


def adamw(p, lr, beta1, beta2, weight_decay):
    """Matrices have weight decay; biases and norms have none."""
    matrices = [x for x in p.values() if x.dim() >= 2]
    rest = [x for x in p.values() if x.dim() < 2]
    return torch.optim.AdamW([{"params": matrices, "weight_decay": weight_decay},
                              {"params": rest, "weight_decay": 0.0}], lr=lr, betas=(beta1, beta2))


def train(c, p, opt, batches, grad_clip):
    """Gives the loss of each step, computed before the step."""
    for ids, targets in batches:
        loss = cross_entropy(logits(c, p, ids), targets)
        opt.zero_grad()
        loss.backward()
        if grad_clip:
            torch.nn.utils.clip_grad_norm_(list(p.values()), grad_clip)
        opt.step()
        yield loss.item()
