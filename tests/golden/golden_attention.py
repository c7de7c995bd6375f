# Makes the goldens of scaled dot-product attention: softmax(q k^T scale + mask) v.
import math

import torch
from golden_case import INF, case, numbers, record


def attention(q, k, v, mask=None, causal=False, scale=None):
    """q (..., H, T, D), k and v (..., G, S, D): each of the G heads serves H / G of the queries."""
    k, v = (x.repeat_interleave(q.shape[-3] // x.shape[-3], -3) for x in (k, v))
    scores = q @ k.transpose(-1, -2) * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    T, S = scores.shape[-2:]
    seen = torch.ones(T, S, dtype=torch.bool)
    if causal:  # the last query sees every key: T new tokens follow S - T tokens of a cache
        seen = seen.tril(S - T)
    if mask is not None and mask.dtype == torch.bool:
        seen = seen & mask
    elif mask is not None:
        scores = scores + mask
    blind = ~seen.any(-1, keepdim=True)  # the output of a query that sees no key is 0
    scores = scores.masked_fill(~(seen | blind), -INF)
    return scores.softmax(-1).masked_fill(blind, 0) @ v


def attentions():
    def one(name, q, k, v, mask=None, **args):
        given = {**args, **({} if mask is None else {"mask": record(mask)})}  # the mask is a constant
        run = lambda q, k, v: attention(q, k, v, mask, **args)
        return case(name, "scaled_dot_product_attention", run, {"q": q, "k": k, "v": v}, given)

    def qkv(B, H, G, T, S, D):
        return numbers(B, H, T, D), numbers(B, G, S, D, seed=2), numbers(B, G, S, D, seed=3)

    seen = numbers(5, 6, seed=4) > -1
    seen[:, 0] = True  # every query sees at least one key
    yield one("plain", *qkv(2, 2, 2, 3, 5, 4))
    yield one("causal", *qkv(2, 2, 2, 5, 5, 4), causal=True)
    yield one("causal, after a cache", *qkv(1, 2, 2, 3, 7, 4), causal=True)
    yield one("causal, one query", *qkv(1, 2, 2, 1, 6, 4), causal=True)
    yield one("scale", *qkv(1, 2, 2, 3, 5, 4), scale=0.3)
    yield one("bool mask", *qkv(2, 2, 2, 5, 6, 3), mask=seen)
    yield one("bool mask per batch", *qkv(2, 2, 2, 5, 6, 3),
              mask=torch.stack([seen, seen.flip(0)]).unsqueeze(1))
    yield one("additive mask", *qkv(1, 2, 2, 5, 6, 3), mask=numbers(5, 6, seed=5))
    nothing = torch.tensor([[True, False, True], [False, False, False]])
    yield one("a row that sees nothing", *qkv(1, 2, 2, 2, 3, 4), mask=nothing)
    yield one("grouped", *qkv(2, 4, 2, 3, 5, 4))
    yield one("grouped, causal", *qkv(1, 6, 2, 5, 5, 3), causal=True)
    yield one("one head for all, causal", *qkv(1, 4, 1, 5, 5, 2), causal=True)
    yield one("one key", *qkv(1, 2, 2, 4, 1, 3))
    yield one("features of size one", *qkv(1, 1, 1, 4, 4, 1), causal=True)
    yield one("large scores", *(x * 30 for x in qkv(1, 2, 2, 4, 4, 3)), causal=True)
