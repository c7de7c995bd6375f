# Computes weights and ids from formulas of integers, so that they need no file.  They are exact in
# float32.  formula.h has the same formulas.
import numpy as np
import torch


def mix(x):
    """The finaliser of MurmurHash3 (Appleby, 2011) for uint32 numbers."""
    x = x ^ (x >> np.uint32(16))
    x = x * np.uint32(0x85EBCA6B)
    x = x ^ (x >> np.uint32(13))
    x = x * np.uint32(0xC2B2AE35)
    return x ^ (x >> np.uint32(16))


def words(name, count):
    """mix(seed + i 0x9E3779B9) for i < count; the seed is the FNV-1a hash of the name."""
    seed = 0x811C9DC5
    for byte in name.encode():
        seed = (seed ^ byte) * 0x01000193 % 2**32
    i = np.arange(count, dtype=np.uint32)
    return mix(np.uint32(seed) + i * np.uint32(0x9E3779B9))


def halfwidth(name, scale):
    """The largest distance of a weight from its middle; `scale` is a power of two."""
    kind = name.split(".")[-2:]
    if kind[-1] == "bias":
        return 1 / 8
    if kind[0].startswith("ln_"):
        return 1 / 4
    if kind[0] in ("wte", "wpe"):
        return scale
    return scale / 2 if kind[0] == "c_proj" else 2 * scale


def weight(name, shape, scale, dtype=torch.float64):
    """(1 for the weight of a norm, else 0) + halfwidth u, u in [-1, 1) in steps of 2^-15."""
    u = (words(name, int(np.prod(shape))) >> np.uint32(16)).astype(np.float64) / 2**15 - 1
    middle = name.endswith("weight") and name.split(".")[-2].startswith("ln_")
    values = middle + halfwidth(name, scale) * u
    return torch.from_numpy(values).to(dtype).reshape(shape)


def batch(name, rows, time, vocab_size):
    """Ids (B, T), and the targets that follow them."""
    stream = torch.from_numpy((words(name, rows * (time + 1)) % vocab_size).astype(np.int64))
    stream = stream.reshape(rows, time + 1)
    return stream[:, :-1], stream[:, 1:]


def signs(name, count):
    """Eight vectors of +-1: bit k of word i decides element i of vector k."""
    w = words("signs of " + name, count)
    for k in range(8):
        yield torch.from_numpy(1.0 - 2.0 * ((w >> np.uint32(k)) & np.uint32(1)))


def fingerprint(name, gradient):
    """The L2 norm and the products with the eight sign vectors.  They estimate |g - g'|."""
    g = gradient.detach().double().flatten()
    return {"norm": g.norm().item(),
            "projections": [torch.dot(s, g).item() for s in signs(name, g.numel())]}
