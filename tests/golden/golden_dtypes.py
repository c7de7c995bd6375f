# Makes the goldens of conversions between dtypes.  bfloat16 is written as bit patterns.
import math

import numpy as np
import torch

from golden_case import INF, NAN, bits, f64, record


def conversion():
    def to(source, dtype, kind, values):
        x = torch.tensor(values, dtype=getattr(torch, source))
        y = x.to(getattr(torch, dtype))
        return {"name": f"{source}_to_{dtype}{kind}", "op": "to", "args": {"dtype": dtype},
                "inputs": [record(x, name="x")], "outputs": [record(y)],
                "grad_output": None, "grads": [None]}

    def to_bfloat16(name, x, inputs):
        y = x.to(torch.bfloat16)
        # Any NaN is right, because PyTorch's payload depends on the CPU.  0x7fc0 stands for all.
        words = [0x7fc0 if y[i].isnan() else word & 0xffff
                 for i, word in enumerate(y.view(torch.int16).tolist())]
        return {"name": name, "op": "to", "args": {"dtype": "bfloat16"}, "inputs": [inputs],
                "outputs": [bits(words, "bfloat16", [len(words)])],
                "grad_output": None, "grads": [None]}

    # The cases are ties to even down and up, values just below and above ties, signs, carries into
    # the exponent, the largest float32 that stays finite and the first that does not, denormals,
    # infinities, and NaNs that a rounding addition would turn into infinity or zero.
    words = [0x3f800000, 0x3f808000, 0x3f818000, 0x3f807fff, 0x3f808001, 0x3f817fff, 0x3f818001,
             0xbf808000, 0xbf818000, 0x3fffffff, 0x3fff8000, 0x3fff7fff, 0x7f7f7fff, 0x7f7f8000,
             0x7f7fffff, 0xff7fffff, 0x00000000, 0x80000000, 0x00000001, 0x00008000, 0x00008001,
             0x00018000, 0x007fffff, 0x807fffff, 0x00800000, 0x7f800000, 0xff800000, 0x7fc00000,
             0xffc00000, 0x7f800001, 0x7fffffff, 0xffffffff, 0x3dcccccd, 0x40490fdb]
    x = torch.from_numpy(np.array(words, dtype=np.uint32).view(np.float32))
    cases = [to_bfloat16("float32_to_bfloat16", x, bits(words, "float32", [len(words)], name="x"))]
    x = f64([1, 1 + 2**-8, 1 + 3 * 2**-8, 0.1, math.pi, -1 / 3, 3.3e38, 3.4e38, 1e39, -1e300,
             1e-300, 2**-133, 2**-134, 3 * 2**-134, -0.0, INF, -INF, NAN])
    cases.append(to_bfloat16("float64_to_bfloat16", x, record(x, name="x")))
    # PyTorch converts through float32 and rounds twice.  The nearest values are both 1 + 2^-7.
    x = f64([1 + 2**-8 + 2**-40, 1 + 3 * 2**-8 - 2**-40])
    cases.append(to_bfloat16("float64_to_bfloat16_rounds_twice", x, record(x, name="x")))

    values = [0, -0.0, 0.5, 0.999, 1, 1.5, 2.5, 127.9, 200, 255.5]
    for source in ("float32", "float64"):
        exact = values if source == "float64" else torch.tensor(values).tolist()
        for dtype in ("int64", "int32"):
            cases.append(to(source, dtype, "", exact + [-v for v in exact] + [-65536.75]))
        cases.append(to(source, "uint8", "", exact))
        cases.append(to(source, "bool", "", exact + [-1, 1e-30, INF, -INF, NAN]))
        cases.append(to("bool", source, "", [True, False]))
        cases.append(to("int64", source, "", [0, -7, 2**24 + 1, 2**24 + 3, 2**53 + 1, 2**62]))
    cases.append(to("float64", "int64", "_large", [2.0**53, -(2.0**62), 2.0**31]))
    cases.append(to("float64", "float32", "", [0.1, 1 + 2**-24, 1 + 3 * 2**-24, 1e39, -1e39, 1e-46,
                                               2**-149, 2**-150, NAN, -INF]))
    cases.append(to("int64", "uint8", "", [0, 1, 255]))
    cases.append(to("int64", "bool", "", [0, 1, -1, 256]))
    return cases
