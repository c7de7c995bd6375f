# Makes the goldens of printing: NumPy's str() of arrays with its default options.
import math

import numpy as np

from golden_case import INF, NAN, numbers


# Large arrays are not listed: element i is start + i * step, row-major.
def printing():
    cases = []

    def add(name, dtype, data, shape=None, arange=None):
        x = np.array(data, dtype=dtype) if arange is None else (
            arange[0] + arange[1] * np.arange(math.prod(shape))).astype(dtype).reshape(shape)
        made = {"name": name, "dtype": dtype, "shape": list(x.shape)}
        made.update({"data": x.flatten().tolist()} if arange is None else {"arange": arange})
        cases.append({**made, "text": str(x)})

    def grid(*shape, seed=1):
        return numbers(*shape, seed=seed).numpy()

    for dtype in ("float32", "float64"):
        add("scalar third", dtype, 1 / 3)
        add("scalar whole", dtype, -2)
        add("whole numbers", dtype, [1, -2, 30])
        add("fractions", dtype, [0.1, -1 / 3, 2.5, 1e-3])
        add("nan and inf", dtype, [NAN, 1.5, -INF, INF, -0.0])
        add("only nan", dtype, [NAN, NAN])
        add("mixed magnitude", dtype, [1e-5, 1, -123456.789, 0])
        add("nine digits before the point", dtype, [1e8, 1])
        add("ratio of 1000", dtype, [1000, 1])
        add("ratio above 1000", dtype, [1001.5, 1])
        add("empty", dtype, np.zeros((0,)))
        add("2-d", dtype, grid(2, 3))
        add("3-d", dtype, grid(2, 2, 3, seed=2))
        add("row that wraps", dtype, grid(30))
        add("summarised", dtype, None, [1100], [0.0, 0.5])
    add("scalar large", "float64", 1e16)
    add("scalar small", "float64", 1e-5)
    add("three-digit exponent", "float64", [1e-300, 1e300])
    add("below 1e-4", "float64", [9e-5, 0.05])
    add("eight digits", "float64", [99999999, 0.5 * 99999999])
    add("scientific with nan and inf", "float64", [1e-10, NAN, -INF])
    add("rows that wrap", "float64", grid(2, 15) / 3)
    add("4-d", "float64", grid(2, 2, 1, 2))
    # Only the shown elements decide the format: the hidden 1 causes no exponent.
    add("summarised, hidden small", "float64", None, [4001], [-2000.0, 1.0])
    add("summarised matrix", "float64", None, [40, 30], [-1.0, 0.25])
    add("summarised short rows", "float32", None, [400, 3], [1.0, 1.0])
    add("scalar", "int64", -7)
    add("signs", "int64", [1, -20, 300])
    add("extremes", "int64", [-2**63, 2**63 - 1])
    add("empty rows", "int64", np.zeros((0, 3)))
    add("rows of nothing", "int64", np.zeros((2, 0)))
    add("3-d", "int64", np.arange(12).reshape(2, 3, 2) - 5)
    add("row that wraps", "int64", np.arange(40))
    add("1000 elements in full", "int64", None, [1000], [0, 1])
    add("summarised", "int64", None, [1001], [0, 1])
    add("summarised rows", "int64", None, [3, 400], [-5, 1])
    add("summarised 3-d", "int64", None, [11, 10, 10], [0, 1])
    add("scalar", "bool", True)
    add("2-d", "bool", [[True, False], [False, False]])
    add("all true", "bool", [True, True])
    add("row that wraps", "bool", np.arange(20) % 3 == 0)
    add("1-d", "uint8", [0, 7, 255])
    add("2-d", "uint8", [[1, 2], [30, 4]])
    return cases
