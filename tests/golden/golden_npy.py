# Makes the goldens of .npy files: the bytes that numpy.save writes, as hexadecimal digits.
import io

import numpy as np


def record(name, array, version=None, fortran=False):
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asfortranarray(array) if fortran else array, version)
    values = np.ascontiguousarray(array).flatten().tolist()
    output = {"dtype": array.dtype.name, "shape": list(array.shape), "data": values}
    args = {"bytes": file.getvalue().hex(), "is_saved_so": version is None and not fortran}
    return {"name": name, "op": "npy", "args": args, "inputs": [], "outputs": [output],
            "grad_output": None, "grads": []}


def npy():
    grid = np.arange(6).reshape(2, 3) - 2
    cases = [record(kind, grid.astype(kind))
             for kind in ("float32", "float64", "int64", "int32", "bool")]
    cases.append(record("uint8", (grid + 2).astype("uint8")))
    for shape in ((), (1,), (0,), (3, 0), (1, 2, 3, 1), (2,) * 8):
        count = int(np.prod(shape))
        cases.append(record(f"shape {shape}", (np.arange(count) * 0.5).reshape(shape)))
    cases.append(record("non-finite", np.array([np.nan, np.inf, -np.inf, -0.0], dtype="float32")))
    cases.append(record("fortran order", np.arange(24, dtype="float32").reshape(2, 3, 4),
                        fortran=True))
    for version in ((2, 0), (3, 0)):
        cases.append(record(f"version {version}", grid.astype("float32"), version=version))
    return cases
