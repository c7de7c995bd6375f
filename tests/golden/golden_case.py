# The format of the goldens: makes a case from one call of PyTorch, and numbers for its inputs.
import math
import os

# With one thread and plain loops, no digit depends on the CPU's vector width or number of cores.
os.environ["ATEN_CPU_CAPABILITY"] = "default"
import torch

torch.set_num_threads(1)
NAN, INF = float("nan"), float("inf")


def plain(value):
    """JSON has no NaN and no infinity, so they become strings."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if value != value else "inf" if value > 0 else "-inf"
    return value


def flat(tensor):
    return tensor.detach().flatten().tolist()


def record(tensor, **more):
    dtype = str(tensor.dtype).removeprefix("torch.")
    return {**more, "dtype": dtype, "shape": list(tensor.shape), "data": flat(tensor)}


def bits(data, dtype, shape, **more):
    """The bit patterns as unsigned integers; `dtype` is float32 or bfloat16."""
    return {**more, "dtype": dtype + "_bits", "shape": shape, "data": data}


def case(name, op, fn, inputs, args=None, differentiable=True):
    """Runs fn(*inputs); the gradients are those of outputs[0], for a fixed grad_output."""
    leaves = {key: x.clone().requires_grad_(differentiable and x.is_floating_point())
              for key, x in inputs.items()}
    outputs = fn(*leaves.values())
    outputs = list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]
    dy, grads = None, [None] * len(leaves)
    if outputs[0].requires_grad:
        # 0.5, 1.0, -1.5, 2.0 ...: never zero, signs mixed, exact in any dtype.
        n = torch.arange(outputs[0].numel(), dtype=torch.float64)
        dy = ((n % 5 + 1) / 2 * torch.where(n % 3 == 2, -1.0, 1.0)).reshape(outputs[0].shape)
        wanted = [x for x in leaves.values() if x.requires_grad]
        found = iter(torch.autograd.grad(outputs[0], wanted, dy))
        grads = [flat(next(found)) if x.requires_grad else None for x in leaves.values()]
    return {"name": name, "op": op, "args": args or {},
            "inputs": [record(x, name=key) for key, x in leaves.items()],
            "outputs": [record(y) for y in outputs],
            "grad_output": None if dy is None else flat(dy), "grads": grads}


def numbers(*shape, seed=1):
    """Multiples of 1/16 in [-3, 3) from a linear congruential generator: exact in float32."""
    values, state = [], seed
    for _ in range(math.prod(shape)):
        state = (1103515245 * state + 12345) % 2**31
        values.append((state >> 16) % 96 / 16 - 3)
    return f64(values).reshape(shape)


def f64(values):
    return torch.tensor(values, dtype=torch.float64)


def i64(values):
    return torch.tensor(values, dtype=torch.int64)
