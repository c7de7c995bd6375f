// Works one number of the attention layers, and of their hook points.
#include "models/layers/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "models/proof/cells/heads.h"
#include "models/proof/hand.h"

namespace vitro::proof::cells {

namespace {

const nn::CausalSelfAttention& layer_of(const Place& place) {
  return static_cast<const nn::CausalSelfAttention&>(*place.call.module);
}

// The queries, keys or values of all heads: (B, T, heads, D).
Tensor heads_of(const Place& place, char which) {
  const auto& layer = layer_of(place);
  if (const Call* hook = child_of(place.call, std::string("hook_") + which)) return hook->y;
  const Tensor qkv = needed_child(place.call, "c_attn").y.detach();
  const int64_t width = layer.n_head * layer.head_size, kv = layer.n_kv_head * layer.head_size;
  const int64_t from = which == 'q'   ? 0
                       : which == 'k' ? width
                                      : width + kv,
                heads = which == 'q' ? layer.n_head : layer.n_kv_head;
  return narrow(qkv, -1, from, heads * layer.head_size)
      .reshape({qkv.size(0), qkv.size(1), heads, layer.head_size});
}

// The numbers that head h sees at position t of text b.
HeadView view_of(const Place& place, int64_t b, int64_t h, int64_t t) {
  const auto& layer = layer_of(place);
  const int64_t group = h / (layer.n_head / layer.n_kv_head);
  const Tensor q = heads_of(place, 'q'), k = heads_of(place, 'k'), v = heads_of(place, 'v');
  HeadView head{.t = t, .positions = q.size(1), .rope_base = layer.rope_base};
  head.q = row_of(q, Index{b, t, h});
  for (int64_t s = 0; s <= t; ++s) {
    head.k.push_back(row_of(k, Index{b, s, group}));
    head.v.push_back(row_of(v, Index{b, s, group}));
  }
  return head;
}

// Says which columns of c_attn's output belong to head h.
void say_columns(Steps& s, const nn::CausalSelfAttention& layer, int64_t h) {
  const int64_t size = layer.head_size, width = layer.n_head * size, kv = layer.n_kv_head * size,
                shared = layer.n_head / layer.n_kv_head, group = h / shared;
  const auto range = [&](int64_t from) {
    return std::to_string(from) + " to " + std::to_string(from + size - 1);
  };
  s.say("Head " + std::to_string(h) + ": q is columns " + range(h * size) +
        " of c_attn's output, k " + range(width + group * size) + ", v " +
        range(width + kv + group * size) + ".");
  if (shared > 1)
    s.say("This is head " + std::to_string(group) + " of k and v, which " + std::to_string(shared) +
          " heads of q share.");
}

Model model_of(const Place& place, const std::string& name, const DType dtype) {
  if (const Call* hook = child_of(place.call, name))
    return {number_at(hook->y, place.index), hook->y.dtype()};
  return {{}, dtype};
}

Cell z_cell(const Place& place) {
  const auto& layer = layer_of(place);
  const Tensor& out = needed_child(place.call, "c_proj").x;
  check_index(place.path, {out.size(0), out.size(1), layer.n_head, layer.head_size}, place.index);
  const int64_t b = place.index[0], t = place.index[1], h = place.index[2], d = place.index[3];
  Model model = model_of(place, "hook_z", out.dtype());
  if (!model.value) model.value = number_at(out, Index{b, t, h * layer.head_size + d});
  const HeadView head = view_of(place, b, h, t);
  return worked(place.path, place.index, model,
                "the sum over s of pattern[" + listed(Index{b, h, t}) + ",s] * v[" +
                    std::to_string(b) + ",s," +
                    std::to_string(h / (layer.n_head / layer.n_kv_head)) + "," + std::to_string(d) +
                    "]",
                [&](Steps& s) {
                  say_columns(s, layer, h);
                  return z_steps(s, head, d);
                });
}

// A score or weight that the mask sets.
Cell masked_cell(const Place& place, double value, const Model& model) {
  Cell cell{.path = place.path, .index = place.index};
  cell.by_hand = cell.from_digits = value;
  cell.model = model.value.value_or(std::numeric_limits<double>::quiet_NaN());
  cell.shown = value == 0 ? "0" : "-inf";
  cell.text = at(place.path, place.index) + " = " + cell.shown + "\n  Position " +
              std::to_string(place.index[3]) + " comes after position " +
              std::to_string(place.index[2]) + ": the mask sets its score to -infinity, so its " +
              "weight is 0.\n";
  return cell;
}

Cell scores_cell(const Place& place, bool is_pattern) {
  const auto& layer = layer_of(place);
  const Shape& x = place.call.x.shape();
  check_index(place.path, {x[0], layer.n_head, x[1], x[1]}, place.index);
  const int64_t b = place.index[0], h = place.index[1], t = place.index[2], s_ = place.index[3];
  const Model model = model_of(place, is_pattern ? "hook_pattern" : "hook_attn_scores",
                               accumulation_dtype(place.call.y.dtype()));
  const double hidden = is_pattern ? 0 : -std::numeric_limits<double>::infinity();
  if (s_ > t) return masked_cell(place, hidden, model);
  const HeadView head = view_of(place, b, h, t);
  const std::string title =
      is_pattern ? "softmax of the scores of all positions up to " + std::to_string(t)
                 : "q of position " + std::to_string(t) + " times k of position " +
                       std::to_string(s_) + ", divided by sqrt(D)";
  return worked(place.path, place.index, model, title, [&](Steps& s) {
    say_columns(s, layer, h);
    return is_pattern ? pattern_steps(s, head, s_) : score_steps(s, head, s_);
  });
}

// A query, key or value: a number of c_attn's output.
Cell projected_cell(const Place& place, char which) {
  const auto& layer = layer_of(place);
  check_index(place.path, heads_of(place, which).shape(), place.index);
  const int64_t width = layer.n_head * layer.head_size, kv = layer.n_kv_head * layer.head_size,
                column = (which == 'q'   ? 0
                          : which == 'k' ? width
                                         : width + kv) +
                         place.index[2] * layer.head_size + place.index[3];
  const Call& c_attn = needed_child(place.call, "c_attn");
  const Index in_row = {place.index[0], place.index[1], column};
  Cell cell = linear_cell({place.trace, c_attn, c_attn.path, in_row});
  cell.text = at(place.path, place.index) + " is " + at(c_attn.path, in_row) + ":\n\n" + cell.text;
  cell.path = place.path, cell.index = place.index;
  return cell;
}

// Head h of a MultiheadAttention whose keys and values come from x.
HeadView view_of_multihead(const Place& place, int64_t b, int64_t h, int64_t t) {
  const auto& layer = static_cast<const nn::MultiheadAttention&>(*place.call.module);
  const int64_t width = layer.in_proj_weight.size(1), size = width / layer.n_head;
  const Rows weight(layer.in_proj_weight);
  const auto projected = [&](int64_t position, int64_t part) {
    const std::vector<double> x = row_of(place.call.x, Index{b, position});
    std::vector<double> y;
    for (int64_t d = 0; d < size; ++d) {
      const int64_t row = part * width + h * size + d;
      const std::vector<double> w = weight.row(row);
      double sum = layer.in_proj_bias.defined()
                       ? Rows(layer.in_proj_bias).row(0).at(static_cast<size_t>(row))
                       : 0;
      for (size_t i = 0; i < w.size(); ++i) sum += x[i] * w[i];
      y.push_back(sum);
    }
    return y;
  };
  HeadView head{.t = t, .positions = place.call.x.size(1)};
  head.q = projected(t, 0);
  for (int64_t s = 0; s < head.positions; ++s) {
    head.k.push_back(projected(s, 1));
    head.v.push_back(projected(s, 2));
  }
  return head;
}

}  // namespace

Cell attention_cell(const Place& place) {
  const auto& layer = layer_of(place);
  const Call& c_proj = needed_child(place.call, "c_proj");
  const int64_t k = largest_term(c_proj, place.index);
  const Index inside = {place.index[0], place.index[1], k / layer.head_size, k % layer.head_size};
  const Place z{place.trace, place.call, joined(place.path, "hook_z"), inside};
  const Place projection{place.trace, c_proj, c_proj.path, place.index};
  return renamed(
      followed(
          at(place.path, place.index) + " is a number of c_proj's output. (1) c_proj's input " +
              "is z, the mixed\nvalues of all heads. The z that matters most here is z[" +
              std::to_string(k) + "]: number " + std::to_string(inside[3]) + " of head " +
              std::to_string(inside[2]) + ".\n",
          z_cell(z), "(2) All z together, as the model computed them, are the input x of c_proj:\n",
          linear_cell(projection)),
      place.path, place.index);
}

Cell multihead_cell(const Place& place) {
  const auto& layer = static_cast<const nn::MultiheadAttention&>(*place.call.module);
  const Call& out_proj = needed_child(place.call, "out_proj");
  const int64_t size = layer.in_proj_weight.size(1) / layer.n_head,
                k = largest_term(out_proj, place.index), b = place.index[0], t = place.index[1];
  const HeadView head = view_of_multihead(place, b, k / size, t);
  const Index inside = {b, t, k / size, k % size};
  const Model model{number_at(out_proj.x, Index{b, t, k}), out_proj.x.dtype()};
  const Cell z =
      worked(joined(place.path, "z"), inside, model,
             "the sum over s of pattern * v, if keys and values come from x", [&](Steps& s) {
               s.say("q, k and v are products of rows of x with rows of in_proj_weight.");
               return z_steps(s, head, inside[3]);
             });
  const Place projection{place.trace, out_proj, out_proj.path, place.index};
  return renamed(
      followed(at(place.path, place.index) + " is a number of out_proj's output. (1) " +
                   "out_proj's input is z, the mixed\nvalues of all heads. The z that " +
                   "matters most here is z[" + std::to_string(k) + "]:\n",
               z, "(2) All z together, as the model computed them, are the input x of out_proj:\n",
               linear_cell(projection)),
      place.path, place.index);
}

std::optional<Cell> inside_attention(const Place& place, const std::string& name) {
  if (name == "hook_q" || name == "hook_k" || name == "hook_v")
    return projected_cell(place, name.back());
  if (name == "hook_z") return z_cell(place);
  if (name == "hook_attn_scores") return scores_cell(place, /*is_pattern=*/false);
  if (name == "hook_pattern" || name == "attn_dropout")
    return scores_cell(place, /*is_pattern=*/true);
  if (name != "resid_dropout") return {};
  const Call& c_proj = needed_child(place.call, "c_proj");
  check_index(place.path, c_proj.y.shape(), place.index);
  return renamed(attention_cell({place.trace, place.call, place.call.path, place.index}),
                 place.path, place.index);
}

}  // namespace vitro::proof::cells
