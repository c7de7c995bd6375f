#!/usr/bin/env python3
# Writes hf/*: a tiny GPT-2 as directories in the form of Hugging Face's transformers, with the logits
# that it must give.  The bytes of the files are made here, so neither transformers nor the
# safetensors package is needed.
import json
import struct
import sys
from pathlib import Path

sys.dont_write_bytecode = True
import torch

import formula
import gpt

CONFIG = gpt.Config(vocab_size=17, block_size=8, n_layer=2, n_head=2, n_embd=8)
CONV1D = ("c_attn.weight", "c_proj.weight", "c_fc.weight")  # stored (in, out)
DTYPES = {torch.float32: ("F32", 4), torch.bfloat16: ("BF16", 2), torch.float16: ("F16", 2),
          torch.uint8: ("U8", 1), torch.bool: ("BOOL", 1)}


def payload(x):
    if x.dtype == torch.bfloat16:  # NumPy has no bfloat16, so its bits are taken as integers
        return x.contiguous().view(torch.int16).numpy().astype("<i2").tobytes()
    return x.contiguous().numpy().tobytes()


def write_safetensors(path, tensors):
    """Orders tensors as the safetensors package does: wide dtypes first, then by name."""
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    order = sorted(tensors, key=lambda name: (-DTYPES[tensors[name].dtype][1], name))
    for name in order:
        dtype, width = DTYPES[tensors[name].dtype]
        end = offset + width * tensors[name].numel()
        header[name] = {"dtype": dtype, "shape": list(tensors[name].shape),
                        "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text +
                     b"".join(payload(tensors[name]) for name in order))


def write_json(path, content, indent=2, sort_keys=True):
    path.write_text(json.dumps(content, indent=indent, sort_keys=sort_keys) + "\n")


def config_json(c, dtype):
    return {"activation_function": "gelu_new", "architectures": ["GPT2LMHeadModel"],
            "attn_pdrop": 0.1, "bos_token_id": c.vocab_size - 1, "embd_pdrop": 0.1,
            "eos_token_id": c.vocab_size - 1, "initializer_range": 0.02,
            "layer_norm_epsilon": c.eps, "model_type": "gpt2", "n_ctx": c.block_size,
            "n_embd": c.n_embd, "n_head": c.n_head, "n_inner": None, "n_layer": c.n_layer,
            "n_positions": c.block_size, "reorder_and_upcast_attn": False, "resid_pdrop": 0.1,
            "scale_attn_by_inverse_layer_idx": False, "scale_attn_weights": True,
            "summary_activation": None, "summary_first_dropout": 0.1,
            "summary_proj_to_labels": True, "summary_type": "cls_index",
            "summary_use_proj": True, "torch_dtype": str(dtype).removeprefix("torch."),
            "transformers_version": "4.41.0", "use_cache": True, "vocab_size": c.vocab_size}


def buffers(c, dtype):
    """The buffers that older versions saved too: the causal mask, and the score of a masked key."""
    T = c.block_size
    mask = torch.ones(T, T).tril().reshape(1, 1, T, T)
    for i in range(c.n_layer):
        yield f"h.{i}.attn.bias", mask.to(dtype)
        if dtype == torch.uint8:
            yield f"h.{i}.attn.masked_bias", torch.tensor(-1e4)


def write(name, dtype=torch.float32, prefix="", mask=None, head=False, shards=1):
    c, folder = CONFIG, Path(__file__).with_name("hf") / name
    folder.mkdir(parents=True, exist_ok=True)
    weights = {key: formula.weight(key, shape, 1 / 4, dtype) for key, shape in gpt.shapes(c).items()}
    stored = {key: x.t() if key.endswith(CONV1D) else x for key, x in weights.items()}
    if mask:
        stored.update(buffers(c, mask))
    stored = {prefix + key: x for key, x in stored.items()}
    if head:
        stored["lm_head.weight"] = weights["wte.weight"]
    write_json(folder / "config.json", config_json(c, dtype))
    write_weights(folder, stored, shards)
    ids, _ = formula.batch("ids", 2, 8, c.vocab_size)
    wide = {key: x.double() for key, x in weights.items()}
    write_json(folder / "expected.json",
               {"ids": ids.tolist(), "logits": gpt.logits(c, wide, ids).tolist()}, None)


def write_weights(folder, tensors, shards):
    if shards == 1:
        return write_safetensors(folder / "model.safetensors", tensors)
    names, where = list(tensors), {}
    for i in range(shards):
        file = f"model-{i + 1:05}-of-{shards:05}.safetensors"
        part = {name: tensors[name] for name in names[i * len(names) // shards:
                                                      (i + 1) * len(names) // shards]}
        write_safetensors(folder / file, part)
        where.update(dict.fromkeys(part, file))
    total = sum(x.numel() * x.element_size() for x in tensors.values())
    write_json(folder / "model.safetensors.index.json",
               {"metadata": {"total_size": total}, "weight_map": where})


if __name__ == "__main__":
    write("gpt2", mask=torch.float32)  # as the published gpt2: no prefix, float masks
    write("gpt2_prefixed", prefix="transformer.")  # as save_pretrained writes it
    write("gpt2_with_head", prefix="transformer.", mask=torch.uint8, head=True)
    write("gpt2_bfloat16", dtype=torch.bfloat16, prefix="transformer.")
    write("gpt2_float16", dtype=torch.float16, prefix="transformer.")
    write("gpt2_sharded", prefix="transformer.", shards=2)
