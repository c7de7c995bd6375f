# Makes the goldens of initial values: the bounds and deviations that PyTorch draws with.
import math
from unittest import mock

import torch


# Records the arguments that PyTorch passes to uniform_(low, high) or normal_(mean, std).  The drawn
# values are not recorded, because vitro has another generator.
def initial():
    cases, drawn = [], []

    def drawing(kind):
        return mock.patch.object(torch.Tensor, kind,
                                 lambda x, a=0, b=1, **_: drawn.append((kind, a, b)) or x)

    def add(name, op, args, run):
        drawn.clear()
        with drawing("uniform_"), drawing("normal_"):
            run()
        names = {"uniform_": ("low", "high"), "normal_": ("mean", "std")}
        cases.append({"name": name, "op": op, "args": args, "inputs": [],
                      "draws": [{"kind": kind.rstrip("_"), **dict(zip(names[kind], map(float, ab)))}
                                for kind, *ab in drawn]})

    for shape in ((5, 8), (5, 8, 3)):
        w, label = torch.zeros(shape), "x".join(map(str, shape))
        for gain in (1.0, 5 / 3):
            for op in ("xavier_uniform_", "xavier_normal_"):
                add(f"{op}/{label}/gain_{gain:.3g}", op, {"shape": list(shape), "gain": gain},
                    lambda: getattr(torch.nn.init, op)(w, gain=gain))
        for op in ("kaiming_uniform_", "kaiming_normal_"):
            for a, mode, slope in ((math.sqrt(5), "fan_in", "leaky_relu"), (0, "fan_in", "relu"),
                                   (0, "fan_out", "relu"), (0, "fan_in", "linear")):
                args = {"a": a, "mode": mode, "nonlinearity": slope}
                add(f"{op}/{label}/{mode}_{slope}", op, {"shape": list(shape), **args},
                    lambda: getattr(torch.nn.init, op)(w, **args))
    add("Linear(8, 5): weight, bias", "Linear", {"in": 8, "out": 5}, lambda: torch.nn.Linear(8, 5))
    add("Embedding(8, 5)", "Embedding", {"V": 8, "C": 5}, lambda: torch.nn.Embedding(8, 5))
    for slope in ("linear", "sigmoid", "tanh", "relu", "leaky_relu"):
        cases.append({"name": f"gain/{slope}", "op": "calculate_gain",
                      "args": {"nonlinearity": slope}, "inputs": [],
                      "gain": float(torch.nn.init.calculate_gain(slope))})
    return cases
