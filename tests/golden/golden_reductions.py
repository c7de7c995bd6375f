# Makes the goldens of ties, bounds, NaN as an extreme, and var's correction.
import numpy as np
import torch

from golden_case import INF, NAN, case, f64, flat, numbers


# In vitro the first of equal elements gives the index and gets the gradient.  PyTorch 1.13 agrees for
# max and min along an axis, argmax and argmin.  It differs in two places, which are left out:
#   topk with ties along an axis longer than 3 (its partial sort gives equal elements in any order);
#   max(x), min(x) over the whole tensor (the ties share the gradient equally).
def ties():
    cases = []
    x = f64([[1, 3, 3, 2], [0, 0, 0, 0], [-1, -2, -1, -2]])
    with_nan = f64([[1, NAN, 3, NAN], [-INF, 2, INF, INF], [NAN, NAN, NAN, NAN]])
    distinct = f64([[0.5, -2, 3, 1, 2.5], [4, -1, -3, 0, 2]])

    def add_extremum(kind, op, x, axis, keepdim=False):
        fn, args = getattr(torch, op), {"axis": axis, "keepdim": keepdim}
        made = case(f"{op}/{kind}/axis_{axis}", op, lambda x: fn(x, dim=axis, keepdim=keepdim),
                    {"x": x}, args, differentiable=op in ("max", "min"))
        # NumPy promises the first occurrence, and counts NaN as the extreme.
        first = getattr(np, "arg" + op[-3:])(x.numpy(), axis).flatten().tolist()
        assert made["outputs"][-1]["data"] == first, made["name"]
        cases.append(made)

    def add_topk(kind, x, k, axis, largest):
        made = case(f"topk/{kind}/k{k}_axis_{axis}_{'largest' if largest else 'smallest'}", "topk",
                    lambda x: torch.topk(x, k, axis, largest, True), {"x": x},
                    {"k": k, "axis": axis, "largest": largest})
        order = torch.sort(x, dim=axis, descending=largest, stable=True).indices
        assert made["outputs"][1]["data"] == flat(order.narrow(axis, 0, k)), made["name"]
        cases.append(made)

    for op in ("max", "min", "argmax", "argmin"):
        for axis in (0, 1, -1):
            add_extremum("ties", op, x, axis, keepdim=axis == -1)
            add_extremum("nan", op, with_nan, axis)
    for op in ("argmax", "argmin"):
        for kind, data in (("ties", x), ("nan", with_nan)):
            cases.append(case(f"{op}/{kind}/whole", op, getattr(torch, op), {"x": data},
                              {"axis": None}, differentiable=False))
    for largest in (True, False):
        add_topk("distinct", distinct, 3, 1, largest)
        add_topk("distinct", distinct, 1, 0, largest)
        add_topk("distinct", distinct, 5, -1, largest)
        add_topk("ties", f64([[2, 2, 1], [1, 2, 2], [0, 0, 0]]), 2, 1, largest)
        add_topk("nan", f64([1, NAN, 3, -INF, INF]), 3, 0, largest)
        cases.append(case(f"sort/stable_{'descending' if largest else 'ascending'}", "sort",
                          lambda x: torch.sort(x, dim=1, descending=largest, stable=True),
                          {"x": torch.cat([x, with_nan])}, {"axis": 1, "descending": largest}))

    a, b = f64([1, 2, 2, -0.0, 5, -INF, INF]), f64([2, 2, 1, 0.0, 5, -INF, 1])
    nan_a, nan_b = f64([NAN, 1, NAN, NAN]), f64([1, NAN, NAN, INF])
    for op in ("maximum", "minimum"):
        cases.append(case(f"{op}/ties", op, getattr(torch, op), {"a": a, "b": b}))
        cases.append(case(f"{op}/nan", op, getattr(torch, op), {"a": nan_a, "b": nan_b}))
    points = f64([-2, -1, -0.5, -0.0, 0, 0.5, 1, 2, -INF, INF, NAN])
    for low, high in ((-1.0, 1.0), (0.0, 1.0), (1.0, 1.0), (1.0, -1.0)):
        cases.append(case(f"clamp/{low}_{high}", "clamp", lambda x: x.clamp(low, high),
                          {"x": points}, {"min": low, "max": high}))
    cases.append(case("relu", "relu", torch.relu, {"x": points}))
    cases.append(case("abs", "abs", torch.abs, {"x": points}))
    return cases


def variance():
    cases = []
    x, column = numbers(2, 3, 2, seed=4), numbers(3, 1, seed=5)

    def add(kind, x, axes, correction, keepdim):
        cases.append(case(
            f"var/{kind}/correction_{correction}" + ("/keepdim" if keepdim else ""), "var",
            lambda x: torch.var(x, dim=axes, correction=correction, keepdim=keepdim), {"x": x},
            {"axes": axes, "correction": correction, "keepdim": keepdim}))

    for correction in (1, 0):
        for keepdim in (False, True):
            add("several", x, [0, 2], correction, keepdim)
            add("all", x, [0, 1, 2], correction, keepdim)
        add("last", x, [-1], correction, True)
        add("middle", x, [1], correction, False)
        add("size_1_axis", column, [1], correction, False)
        add("constant", torch.full((2, 3), 1.5, dtype=torch.float64), [1], correction, False)
        add("far_from_zero", numbers(2, 4) + 1e6, [1], correction, False)
    return cases


def norms():
    """The gradient of a norm of 0 is 0."""
    cases = []
    rows = f64([[3, 4, 0], [0, 0, 0], [-1, 2, 2]])
    for axis, keepdim in ((None, False), (0, False), (1, True), (-1, False)):
        cases.append(case(f"norm/{axis}" + ("/keepdim" if keepdim else ""), "norm",
                          lambda x: torch.linalg.vector_norm(x, dim=axis, keepdim=keepdim),
                          {"x": rows}, {"axis": axis, "keepdim": keepdim}))
    for kind, x in (("zero", f64([0, 0])), ("scalar", f64(-2)), ("nan", f64([1, NAN])),
                    ("empty", f64([]))):
        cases.append(case(f"norm/{kind}", "norm", torch.linalg.vector_norm, {"x": x},
                          {"axis": None, "keepdim": False}))
    return cases
