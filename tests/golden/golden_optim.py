# Makes the goldens of the optimizers and schedules: 100 steps of torch.optim, with gradients that a
# formula gives.
import math

import torch

SHAPES = {"weight": (3, 4), "bias": (5,)}
KEPT = (1, 2, 3, 10, 100)  # the steps whose parameters are written


def start(name):
    n = math.prod(SHAPES[name])
    return torch.tensor([math.cos(1 + i) for i in range(n)], dtype=torch.float64)


def gradient(name, step):
    n = math.prod(SHAPES[name])
    return torch.tensor([math.sin(0.7 * i + 0.3 * step) + 0.1 * i for i in range(n)],
                        dtype=torch.float64)


def run(name, make, steps=100, **options):
    parameters = {key: torch.nn.Parameter(start(key).reshape(shape))
                  for key, shape in SHAPES.items()}
    optimizer = make(list(parameters.values()), **options)
    values = []
    for step in range(1, steps + 1):
        for key, p in parameters.items():
            # The bias has no gradient in step 2, so it is not changed and its step count falls behind.
            skipped = key == "bias" and step == 2
            p.grad = None if skipped else gradient(key, step).reshape(p.shape)
        optimizer.step()
        if step in KEPT:
            values.append({"step": step, **{key: p.detach().flatten().tolist()
                                            for key, p in parameters.items()}})
    if "betas" in options:
        options["beta1"], options["beta2"] = options.pop("betas")
    return {"name": name, "op": make.__name__, "options": options, "values": values}


def optimizers():
    o = torch.optim
    variants = {
        o.SGD: ({}, {"lr": 0.1}, {"momentum": 0.9}, {"momentum": 0.9, "dampening": 0.5},
                {"momentum": 0.9, "nesterov": True}, {"weight_decay": 0.1},
                {"momentum": 0.8, "dampening": 0.1, "weight_decay": 0.2}),
        o.Adam: ({}, {"lr": 0.01}, {"betas": (0.5, 0.9)}, {"eps": 1e-2}, {"weight_decay": 0.1},
                 {"amsgrad": True}, {"amsgrad": True, "weight_decay": 0.1, "betas": (0.8, 0.9)}),
        o.AdamW: ({}, {"lr": 0.01}, {"betas": (0.5, 0.9)}, {"eps": 1e-2}, {"weight_decay": 0.0},
                  {"weight_decay": 0.5}, {"amsgrad": True}),
        o.RMSprop: ({}, {"lr": 0.1}, {"alpha": 0.5}, {"eps": 1e-2}, {"weight_decay": 0.1},
                    {"momentum": 0.9}, {"centered": True}, {"centered": True, "momentum": 0.9}),
        o.Adagrad: ({}, {"lr": 0.1}, {"lr_decay": 0.1}, {"weight_decay": 0.1},
                    {"initial_accumulator_value": 0.5}, {"eps": 1e-2}),
    }
    for make, all_options in variants.items():
        for given in all_options:
            options = {} if make is not o.SGD or "lr" in given else {"lr": 1e-3}
            options.update(given)
            yield run(f"{make.__name__} {given}", make, **options)


def schedules():
    s = torch.optim.lr_scheduler
    sequence = lambda o: s.SequentialLR(
        o, [s.LinearLR(o, total_iters=5), s.ExponentialLR(o, gamma=0.9)], milestones=[5])
    made = {
        "StepLR": lambda o: s.StepLR(o, step_size=7, gamma=0.5),
        "ExponentialLR": lambda o: s.ExponentialLR(o, gamma=0.95),
        "CosineAnnealingLR": lambda o: s.CosineAnnealingLR(o, T_max=20, eta_min=0.01),
        "LinearLR": lambda o: s.LinearLR(o, start_factor=0.25, end_factor=0.75, total_iters=10),
        "LambdaLR": lambda o: s.LambdaLR(o, lambda step: 1 / (1 + step)),
        "SequentialLR": sequence,
    }
    for name, make in made.items():
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.2)
        schedule, lrs = make(optimizer), []
        for _ in range(30):
            lrs.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
        yield {"name": name, "op": name, "lrs": lrs}
