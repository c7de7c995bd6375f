#!/usr/bin/env python3
# Writes the golden JSON files in this folder.  They hold results of PyTorch and NumPy that finite
# differences cannot check: reductions, ties, bounds, non-finite values, rounding, fans.
import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True
from golden_case import plain
from golden_attention import attentions
from golden_dtypes import conversion
from golden_elementwise import elementwise, softmax
from golden_gpt import small
from golden_indices import gathering, indexing
from golden_init import initial
from golden_losses import losses
from golden_npy import npy
from golden_optim import optimizers, schedules
from golden_printing import printing
from golden_reductions import norms, ties, variance

FILES = {"losses": losses, "ties": ties, "var": variance, "norm": norms, "elementwise": elementwise,
         "softmax": softmax, "gathering": gathering, "indexing": indexing,
         "conversion": conversion, "init": initial, "printing": printing,
         "npy": npy, "optimizers": optimizers, "schedules": schedules, "attention": attentions,
         "gpt": small}

for name, make in FILES.items():
    # There is one case per line, so that diffs are easy to read.
    lines = [json.dumps(plain(one), allow_nan=False, separators=(",", ":")) for one in make()]
    path = Path(__file__).with_name(name + ".json")
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="ascii")
    print(f"{path.name}: {len(lines)} cases, {path.stat().st_size} bytes")
