// `vitro generate --explain`.
#include "apps/explain.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/output.h"
#include "models/text/utf8.h"

namespace vitro::cli {

namespace {

constexpr size_t kLikeliest = 5;
constexpr int kIndent = 16;  // of notes and bars

Tensor last_row(const Tensor& x) { return x.rank() > 1 ? x.select(0, -1) : x; }

std::string linear_note(const nn::Linear& layer, const std::string& name) {
  return layer.describe() + ": x W^T + b, W = " + name + ".weight " +
         shape_text(layer.weight.shape()) + ", b = " + name + ".bias " +
         shape_text(layer.bias.shape());
}

}  // namespace

Explanation::Explanation(models::MiniLM& model, const text::Tokenizer& tokenizer,
                         const GenerateOptions& options)
    : model_(model), tokenizer_(tokenizer), options_(options) {
  auto watch = [this](nn::Module& module, Tensor& input, Tensor& output) {
    hooks_.emplace_back(
        module.register_forward_hook([&](nn::Module&, const Tensor& x, const Tensor& y) {
          input = x, output = y;
          return Tensor();  // unchanged
        }));
  };
  watch(model.embed, ids_, embedded_);
  watch(model.hidden, context_, hidden_);
  watch(model.head, activated_, logits_);
}

std::vector<Explanation::Candidate> Explanation::candidates() const {
  const Tensor logits = last_row(logits_);
  auto [p, ids] = models::likeliest_tokens(
      logits, {.temperature = options_.temperature.value_or(1), .top_k = options_.top_k});
  std::vector<Candidate> all;
  for (int64_t i = 0; i < ids.numel(); ++i)
    all.push_back({ids.data<int64_t>()[i], p.data<double>()[i]});
  return all;
}

std::string Explanation::softmax_note() const {
  std::string note = "p_i = exp(logit_i) / sum_j exp(logit_j), 1 in all";
  if (options_.temperature) note += format("; logits / %g", *options_.temperature);
  if (options_.top_k) note += "; the " + count_text(*options_.top_k) + " likeliest only";
  return note;
}

std::vector<Explanation::Stage> Explanation::stages() const {
  const nn::Embedding& embed = model_.embed;
  const int64_t last = ids_.data<int64_t>()[ids_.numel() - 1];
  std::vector<Stage> all = {{"embed", embedded_, embed.weight,
                             embed.describe() + ": row " + std::to_string(last) +
                                 " of embed.weight " + shape_text(embed.weight.shape())}};
  if (const int64_t k = model_.config.context; k > 1)
    all.push_back({"context",
                   context_,
                   {},
                   "the last " + std::to_string(k) + " embeddings side by side, " +
                       std::to_string(k) + " x " + std::to_string(model_.config.n_embd) +
                       " numbers; zeros before the first token"});
  all.push_back({"hidden", hidden_, model_.hidden.weight, linear_note(model_.hidden, "hidden")});
  all.push_back({models::activation_name(model_.config.activation),
                 activated_,
                 {},
                 "the activation, number by number; without one, two linear layers are one"});
  all.push_back({"head", logits_, model_.head.weight, linear_note(model_.head, "head")});

  Tensor probabilities = zeros({model_.config.vocab_size}, kFloat64);
  for (const Candidate& c : candidates())
    probabilities.mutable_data<double>()[c.id] = c.probability;
  all.push_back({"softmax", probabilities, {}, softmax_note()});
  return all;
}

std::string Explanation::bars() const {
  std::vector<std::vector<std::string>> rows;
  const std::vector<Candidate> all = candidates();
  for (const Candidate& c : all) {
    if (rows.size() == kLikeliest) break;
    const long length = std::lround(30 * c.probability / all[0].probability);
    rows.push_back({in_quotes(tokenizer_.token(c.id)), "id " + std::to_string(c.id),
                    format("%6.2f %%", 100 * c.probability),
                    std::string(static_cast<size_t>(length), '#')});
  }
  return table(rows, kIndent);
}

std::string Explanation::text(const std::vector<int64_t>& ids, int64_t next) const {
  int number = 0;
  std::string out;
  auto add = [&](const std::string& name, const std::string& values, const std::string& note) {
    out += format("%2d. %-12s", ++number, name.c_str()) + values + '\n' +
           std::string(kIndent, ' ') + note + '\n';
  };
  const size_t shown = std::min(ids.size(), static_cast<size_t>(kMostTokens));
  std::string tokens, numbers;
  for (int64_t id : std::span(ids).last(shown)) {
    if (!tokens.empty()) tokens += ' ', numbers += ' ';
    tokens += in_quotes(tokenizer_.token(id));
    numbers += std::to_string(id);
  }
  const std::string prompt = in_quotes(clipped(options_.prompt, 60)),
                    token = in_quotes(tokenizer_.token(next)), kind{tokenizer_.kind()},
                    unit = kind == "char" ? "character" : "word";
  const auto characters = static_cast<int64_t>(text::count_code_points(options_.prompt, "explain"));
  add("prompt", prompt, count_text(characters) + " characters");
  add("tokens", tokens,
      count_text(static_cast<int64_t>(ids.size())) + ", one per " + unit + " (--tokenizer " + kind +
          ")" + (shown < ids.size() ? "; the last " + std::to_string(shown) + " are shown" : ""));
  add("ids", numbers,
      "shape " + shape_text({static_cast<int64_t>(ids.size())}) +
          ": each token's number in the vocabulary of " + count_text(tokenizer_.vocab_size()));
  if (ids_.numel() < static_cast<int64_t>(ids.size()))
    out += "\n    The model is given the last " + count_text(ids_.numel()) +
           ": it looks back no further than --context.";
  out +=
      "\n    In what follows each token is a row. The numbers are the first of the last row,\n"
      "    that of " +
      in_quotes(tokenizer_.token(ids.back())) + ", from which the next token is predicted.\n\n";
  for (const Stage& s : stages())
    add(s.name,
        format("%-12s", shape_text(s.output.shape()).c_str()) + first_numbers(last_row(s.output)),
        s.note);
  out += bars();
  double chance = 0;
  for (const Candidate& c : candidates())
    if (c.id == next) chance = c.probability;
  add("next token", token + ", id " + std::to_string(next),
      options_.temperature || options_.top_k
          ? format("drawn by chance: its chance was %.2f %%", 100 * chance)
          : "the likeliest (greedy; --temperature or --top-k draw by chance)");
  add("text", prompt + " + " + token, "and the same again for each further token");
  return out;
}

nlohmann::ordered_json Explanation::json() const {
  nlohmann::ordered_json all = nlohmann::ordered_json::array(),
                         likeliest = nlohmann::ordered_json::array();
  for (const Stage& s : stages()) {
    Tensor row = last_row(s.output).detach().to(kFloat64).contiguous();
    const double* p = row.data<double>();
    nlohmann::ordered_json stage = {
        {"stage", s.name},
        {"shape", std::vector(s.output.shape().begin(), s.output.shape().end())}};
    if (s.weight.defined())
      stage["weight_shape"] = std::vector(s.weight.shape().begin(), s.weight.shape().end());
    stage["last_row"] = std::vector(p, p + std::min<int64_t>(row.numel(), 6));
    stage["note"] = s.note;
    all.push_back(stage);
  }
  for (const Candidate& c : candidates()) {
    if (likeliest.size() == kLikeliest) break;
    likeliest.push_back(
        {{"id", c.id}, {"token", tokenizer_.token(c.id)}, {"probability", c.probability}});
  }
  return {{"stages", all}, {"likeliest", likeliest}};
}

}  // namespace vitro::cli
