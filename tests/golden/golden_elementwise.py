# Makes the goldens of elementwise ops and softmax at the points where their formulas break.
import torch
import torch.nn.functional as F

from golden_case import INF, NAN, case, f64, numbers


def elementwise():
    cases = []
    finite = f64([-100, -20, -5, -1, -0.5, -0.0, 0, 1e-8, 0.5, 1, 5, 20, 100])
    nonfinite = f64([-INF, INF, NAN])
    # F.softplus is linear above 20.  At 20 and 100 it agrees with log(1 + e^x).
    for kind, points in (("finite", finite), ("nonfinite", nonfinite)):
        for op, fn in (("silu", F.silu), ("softplus", F.softplus), ("erf", torch.erf),
                       ("sigmoid", torch.sigmoid), ("tanh", torch.tanh)):
            cases.append(case(f"{op}/{kind}", op, fn, {"x": points}))
        for form in ("none", "tanh"):
            cases.append(case(f"gelu/{form}/{kind}", "gelu",
                              lambda x: F.gelu(x, approximate=form), {"x": points},
                              {"approximate": form}))

    bases = f64([-2, -1, -0.5, 0, 0.5, 1, 3, INF, NAN])
    # PyTorch computes exponents of +-0.5 as sqrt and rsqrt, which differ from pow at -0.0 and -inf.
    negative = f64([-0.0, -INF])
    for exponent in (0.0, 1.0, 2.0, 3.0, -1.0, -2.0, 0.5, -0.5, 1.5):
        x = torch.cat([bases, negative]) if exponent == round(exponent) else bases
        cases.append(case(f"pow/scalar_{exponent}", "pow", lambda x: torch.pow(x, exponent),
                          {"x": x}, {"exponent": exponent}))
    pairs = {"base_zero": ([0, 0, 0, 0, 0, 0], [0, 1, 2, 0.5, -1, 3]),
             "base_negative_integer_exponent": ([-2, -2, -1, -0.5, -3], [2, 3, 0, -1, 1]),
             "base_negative_fractional_exponent": ([-2, -1, -0.5], [0.5, 1.5, -0.5]),
             "base_positive": ([0.5, 1, 2, 3], [2, -1, 0.5, 0])}
    for kind, (base, exponent) in pairs.items():
        cases.append(case(f"pow/tensor_{kind}", "pow", torch.pow,
                          {"x": f64(base), "exponent": f64(exponent)}))

    edges = f64([-INF, -1, -0.0, 0, 1e-300, 4, INF, NAN])
    for op in ("sqrt", "rsqrt", "log"):
        cases.append(case(op, op, getattr(torch, op), {"x": edges}))
    cases.append(case("div/by_zero", "div", torch.div,
                      {"a": f64([1, -1, 0, 1, INF, INF, NAN]),
                       "b": f64([0, 0, 0, -0.0, 0, INF, 1])}))
    return cases


def softmax():
    rows = {"ordinary": numbers(2, 4, seed=6),
            "some_minus_inf": f64([[0, -INF, 1], [-INF, -INF, 2]]),
            "all_minus_inf": f64([[-INF, -INF, -INF], [0, 1, 2]]),
            "plus_inf": f64([[0, INF, 1], [INF, INF, 0]]), "nan": f64([[0, NAN, 1], [0, 1, 2]]),
            "huge": f64([[1e4, 1e4 - 1, -1e4], [1e300, -1e300, 0], [-1e4, -1e4, -1e4]])}
    cases = []
    for op in ("softmax", "log_softmax", "logsumexp"):
        for kind, x in rows.items():
            cases.append(case(f"{op}/{kind}", op, lambda x: getattr(torch, op)(x, dim=-1), {"x": x},
                              {"axis": -1}))
        cases.append(case(f"{op}/axis_0", op, lambda x: getattr(torch, op)(x, dim=0),
                          {"x": rows["some_minus_inf"]}, {"axis": 0}))
    return cases
