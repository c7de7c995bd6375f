#!/usr/bin/env python3
"""Plants one fault after another in the functions by hand, and shows that the tests find each.

    python3 tests/support/by_hand_mutants.py build/release

For each fault it compiles one file of models/proof/kinds, links it with the tests of the functions
by hand, and runs them: about four seconds.  It ends with 1 if the tests accept a fault.
"""
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
KINDS = ROOT / "models/proof/kinds"
TESTS = ["tests/models/test_by_hand.cpp", "tests/models/test_by_hand_models.cpp",
         "tests/models/test_by_hand_identities.cpp", "tests/support/golden.cpp",
         "tests/support/formula.cpp", "tests/support/paths.cpp"]
# What the functions and the tests use of models/proof.
CORE = ["array", "compare", "hand", "local", "members", "replay", "trace", "whole", "work"]

# (file, text that is in it once, what replaces it)
FAULTS = [
    ("linear", "sum[t] += columns[i * rows + t] * w[i]", "sum[t] += columns[i * rows + t] * w[0]"),
    ("linear", "y[i] += part_of(bias[i % bias.size()], part)", "y[i] += part_of(bias[0], part)"),
    ("linear", "dy[t * out + o] * w[i]", "dy[t * out + o - first] * w[i]"),
    ("linear", "dy[t * out + o] * x[t * in + i]", "dy[t * out + o] * x[i]"),
    ("linear", "db[i % out] += of_dy[i]", "db[i % out] = of_dy[i]"),
    ("linear", "  if (m.bias.defined()) hand.gradient(", "  if (false) hand.gradient("),
    ("embedding", "static_cast<int64_t>(ids.value[i]), y.row(i)", "i % weight.count(), y.row(i)"),
    ("embedding", "dw.row(id)[c] += dy.row(i)[c]", "dw.row(id)[c] = dy.row(i)[c]"),
    ("embedding", "if (id == m.padding_idx) continue;", ""),
    ("layer_norm", "exact(x.row(row)[i]) - mean", "exact(x.row(row)[i])"),
    ("layer_norm", "variance + exact(eps)", "variance"),
    ("layer_norm", "w[i] * of.z[i] +", "of.z[i] +"),
    ("layer_norm", "(b.empty() ? Sized() : exact(b[i]))", "Sized()"),
    ("layer_norm", "along += share * (g * of.z[i])", "along += share * g"),
    ("layer_norm", "exact(d[i] * w[i]) - mean -", "exact(d[i] * w[i]) -"),
    ("layer_norm", " - of.z[i] * along)", ")"),
    ("layer_norm", "dw[i] += d[i] * of.z[i]", "dw[i] += d[i] * of.z[0]"),
    ("layer_norm", "db[i] += exact(d[i])", "db[i] += exact(d[i] * w[i])"),
    ("rms_norm", "squares + exact(eps)", "squares"),
    ("rms_norm", "x.row(row)[i] * w[i] * r", "x.row(row)[i] * r"),
    ("rms_norm", " - v[i] * r * along", ""),
    ("rms_norm", "dw[i] += d[i] * (v[i] * r)", "dw[i] += d[i] * r"),
    ("activation", "0.044715 * x * x * x", "0.0447 * x * x * x"),
    ("activation", "3 * 0.044715 * x * x", "0.044715 * x * x"),
    ("activation", "exp(exact(-x * x / 2))", "exp(exact(-x * x))"),
    ("activation", "case Activation::kRelu: return exact(x > 0 || std::isnan(x));",
     "case Activation::kRelu: return exact(x >= -1);"),
    ("activation", "return exact(1) - y * y;", "return exact(1) - y;"),
    ("activation", "return y * (exact(1) - y);", "return y;"),
    ("activation", "s + x * (s * (exact(1) - s) * slope)", "s + x * (s * (exact(1) - s))"),
    ("activation", "std::abs(x) > kGateEnd) return exact(x > 0);",
     "std::abs(x) > kGateEnd) return exact(1);"),
    ("softmax", "exp({number.value - high,", "exp({number.value,"),
    ("softmax", "dy[i] = y[i] * (dy[i] - along)", "dy[i] = y[i] * dy[i]"),
    ("softmax", "axis < 0 ? axis + shape.rank() : axis", "axis < 0 ? shape.rank() - 1 : axis"),
    ("softmax", "(outer * places.size() + j) * inner + i", "(outer * places.size() + i) * inner + j"),
    ("rotary", "y[at_a] = c * a - s * b", "y[at_a] = c * a + s * b"),
    ("rotary", "y[at_b] = c * b + s * a", "y[at_b] = c * b"),
    ("rotary", "row / heads % time", "row % time"),
    ("rotary", "std::sin(angle) : -std::sin(angle)", "std::sin(angle) : std::sin(angle)"),
    ("rotary", "-2 * static_cast<double>(i)", "-1 * static_cast<double>(i)"),
    ("attention", "t + s.cols - s.rows + 1", "t + s.cols - s.rows + 2"),
    ("attention", "t + s.cols - s.rows + 1", "t + 1"),
    ("attention", "1 / std::sqrt(static_cast<double>(head_size))", "1.0"),
    ("attention", "dq.add(b, h, scaled(form.scale, product(ds, of_k)))",
     "dq.add(b, h, product(ds, of_k))"),
    ("attention", "dk.add(b, g, scaled(form.scale, product(transpose_of(ds), of_q)))",
     "dk.add(b, g, scaled(form.scale, product(transpose_of(ds), of_k)))"),
    ("attention", "dv.add(b, g, product(transpose_of(p), of_dz))", "dv.add(b, g, of_dz)"),
    ("attention", "i % G * (H / G)", "i % G"),
    ("attention", "first * width + place % columns", "place % columns"),
    ("attention", "dp.add(b, h, product(head_of(dz, kRows, b, h),",
     "dp.add(b, h, product(head_of(dz, kRows, b, 0),"),
    ("attention", "dk.add(b, g, of_head(scaled(form.scale, ", "dk.add(b, g, of_head(scaled(1, "),
    ("causal_self_attention", "hand.backward(m.hook_q, turned(m, d.dq, Turn::kBack))",
     "hand.backward(m.hook_q, turned(m, d.dq, Turn::kForward))"),
    ("causal_self_attention", "heads_of(qkv, H + G, G, D)", "heads_of(qkv, H, G, D)"),
    ("causal_self_attention", "side_by_side(dq, dk, dv)", "side_by_side(dq, dv, dk)"),
    ("causal_self_attention", "attention_form(m.head_size, /*is_causal=*/true)",
     "attention_form(m.head_size, /*is_causal=*/false)"),
    ("multihead_attention", "/*is_causal=*/false", "/*is_causal=*/true"),
    ("multihead_attention", "plus(rounded(plus(through(0), through(1))), through(2))",
     "plus(through(0), through(1))"),
    ("multihead_attention", "part * x.width(), x.width(), sizes", "0, x.width(), sizes"),
    ("mlp", "times(gate, hand(m.c_fc, x))", "times(pre, hand(m.c_fc, x))"),
    ("mlp", "times(da, hand.output(m.c_fc))", "da"),
    ("mlp", "hand.backward(m.c_fc, times(da, gate))", "hand.backward(m.c_fc, da)"),
    ("mlp", "plus(hand.backward(*m.c_gate, dg), dx)", "hand.backward(*m.c_gate, dg)"),
    ("mlp", "activation_by_hand(m.activation, pre)",
     "activation_by_hand(Activation::kGeluTanh, pre)"),
    ("block", "plus(rounded(mid), after)", "plus(x, after)"),
    ("block", "hand(*m.ln_2, mid)", "hand(*m.ln_2, x)"),
    ("block", "plus(dout, through_mlp)", "through_mlp"),
    ("block", "plus(rounded(dmid), through_attention)", "plus(dout, through_attention)"),
    ("gpt", "sum.value[i % sum.value.size()] += dy.value[i]",
     "sum.value[i % sum.value.size()] = dy.value[i]"),
    ("gpt", "for (size_t i = m.h.size(); i-- > 0;)", "for (size_t i = 0; i < m.h.size(); ++i)"),
    ("gpt", "push_back(static_cast<double>(i))", "push_back(0.0)"),
    ("mini_lm", "back = k - 1 - j", "back = j"),
    ("mini_lm", "row % time >= back", "row >= back"),
    ("mini_lm", "dx.value[from * width + c] += dy.value[to * width + c]",
     "dx.value[from * width + c] = dy.value[to * width + c]"),
    ("sequential", "for (size_t i = m.size(); i-- > 0;)", "for (size_t i = m.size(); i-- > 1;)"),
    ("cross_entropy", "log(total) + exact(high - x[target])", "log(total) - exact(x[target])"),
    ("cross_entropy", "of_row[target] = of_row[target] - exact(1)",
     "of_row[target] = of_row[target] - exact(0.9)"),
    ("cross_entropy", "number = 1 / count * number",
     "number = 1 / static_cast<double>(targets.size()) * number"),
    ("kinds", "found == kinds.last.end() ? built_in(typeid(m))", "true ? built_in(typeid(m))"),
    ("sized", "std::abs(c) * x.size, c * c * x.stored", "x.size, c * c * x.stored"),
    ("sized", "a.size * y + x * b.size - x * y", "x * y"),
    ("sized", "a.stored * y * y + x * x * b.stored", "0"),
    ("sized", "all.stored[i] = std::sqrt(numbers[i].stored)", "all.stored[i] = 0"),
]


def compile_file(source, obj, overlay=ROOT):
    subprocess.run(["g++", "-std=c++20", "-O0", f"-I{overlay}", f"-I{ROOT}",
                    f'-DVITRO_SOURCE_DIR="{ROOT}"', "-c", str(source), "-o", str(obj)], check=True)


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    work = pathlib.Path(tempfile.mkdtemp())
    objects = {}
    main_object = next(build.glob("tests/CMakeFiles/vitro_tests.dir/main.cpp.o"))
    proof = [KINDS.parent / f"{name}.cpp" for name in CORE]
    for source in [*proof, *sorted(KINDS.glob("*.cpp")), *(ROOT / t for t in TESTS)]:
        objects[source] = work / (source.stem + f"_{len(objects)}.o")
        compile_file(source, objects[source])

    def accepted(replaced):
        program = work / "program"
        subprocess.run(["g++", str(main_object), *map(str, {**objects, **replaced}.values()),
                        str(build / "libvitro.a"), "-ldnnl", "-lpcre2-8", "-lutf8proc",
                        "-lhwy", "-lgomp", "-lpthread", "-o", str(program)], check=True)
        run = subprocess.run([str(program), "by hand:*"], capture_output=True, text=True,
                             timeout=120, check=False)
        return run.returncode == 0, run.stdout.strip().splitlines()[-1:]

    good, last = accepted({})
    if not good:
        sys.exit(f"the tests fail without a fault: {last}")
    missed = 0
    for name, old, new in FAULTS:
        header = name == "sized" and old in (KINDS / "sized.h").read_text()
        source = KINDS / (name + (".h" if header else ".cpp"))
        text = source.read_text()
        if text.count(old) != 1:
            sys.exit(f"{name}: expected once, found {text.count(old)} times: {old}")
        overlay = work / "overlay"
        planted = overlay / source.relative_to(ROOT)
        planted.parent.mkdir(parents=True, exist_ok=True)
        planted.write_text(text.replace(old, new))
        users = [s for s in objects if "kinds" in s.parts or "identities" in s.stem]
        replaced = {}
        for one in users if header else [source]:
            replaced[one] = work / f"changed_{one.stem}.o"
            compile_file(one if header else planted, replaced[one], overlay)
        planted.unlink()
        try:
            found = not accepted(replaced)[0]
        except subprocess.TimeoutExpired:
            found = True
        missed += not found
        print(f"{'found ' if found else 'MISSED'} {name}: {old}  ->  {new}", flush=True)
    print(f"{len(FAULTS) - missed} of {len(FAULTS)} faults found")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
