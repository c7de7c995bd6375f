// Makes the text and the JSON of `vitro generate --explain` from the stages of any model.
#include "apps/generate/explain.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "apps/cli/output.h"
#include "models/text/unicode/utf8.h"

namespace vitro::cli {

namespace {

constexpr size_t kLikeliest = 5;
constexpr int kIndent = 16;         // columns before notes and bars
constexpr size_t kTokenWidth = 24;  // characters of a token that are shown
constexpr size_t kCellRows = 4;     // of the table in the worked cell

std::string indented(const std::string& text, size_t spaces) {
  std::string all;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    all += line.empty() ? "\n" : std::string(spaces, ' ') + line + '\n';
  return all;
}

}  // namespace

Tensor last_row(const Tensor& x) { return x.rank() > 1 ? x.select(0, -1) : x; }

std::string linear_note(const nn::Linear& layer, const std::string& name) {
  std::string note = layer.describe() + ": x W^T" + (layer.bias.defined() ? " + b" : "") +
                     ", W = " + name + ".weight " + shape_text(layer.weight.shape());
  if (layer.bias.defined()) note += ", b = " + name + ".bias " + shape_text(layer.bias.shape());
  return note;
}

void Explanation::watch(nn::Module& module, Tensor& input, Tensor& output) {
  // Removes the batch axis of one text: (1, T, ...) or ids (1, T).
  const auto text_of = [](const Tensor& x) {
    return x.rank() == (x.dtype() == kInt64 ? 2 : 3) ? x.select(0, 0) : x;
  };
  hooks_.emplace_back(module.register_forward_hook(
      [&input, &output, text_of](nn::Module&, const Tensor& x, const Tensor& y) {
        input = text_of(x), output = text_of(y);
        return Tensor();  // unchanged
      }));
}

std::vector<Explanation::Candidate> Explanation::candidates() const {
  const Tensor logits = last_row(logits_);
  models::GenerateOptions sampling = options_.decided;
  sampling.vocab_size = tokenizer_.vocab_size();
  auto [p, ids] = models::likeliest_tokens(logits, sampling, text_);
  std::vector<Candidate> all;
  for (int64_t i = 0; i < ids.numel(); ++i)
    all.push_back({ids.data<int64_t>()[i], p.data<double>()[i]});
  return all;
}

std::string Explanation::softmax_note() const {
  const models::GenerateOptions& sampling = options_.decided;
  std::string note = "p_i = exp(logit_i) / sum_j exp(logit_j); their sum is 1";
  if (sampling.repetition_penalty != 1)
    note += format("; tokens of the text are made less likely by %g", sampling.repetition_penalty);
  if (sampling.temperature != 1) note += format("; logits / %g", sampling.temperature);
  if (sampling.top_k) note += "; only the " + count_text(*sampling.top_k) + " likeliest";
  if (sampling.top_p)
    note += format("; only the likeliest with total probability %g", *sampling.top_p);
  return note;
}

std::vector<Explanation::Stage> Explanation::stages() const {
  std::vector<Stage> all = own_stages();
  Tensor probabilities = zeros({last_row(logits_).numel()}, kFloat64);
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
    rows.push_back({in_quotes(tokenizer_.token(c.id), kTokenWidth), "id " + std::to_string(c.id),
                    format("%6.2f %%", 100 * c.probability),
                    std::string(static_cast<size_t>(length), '#')});
  }
  return table(rows, kIndent);
}

proof::Cell Explanation::probability_of(int64_t id) const {
  const models::GenerateOptions& sampling = options_.decided;
  const Tensor row = last_row(logits_).detach().to(kFloat64).contiguous();
  const double *logits = row.data<double>(), penalty = sampling.repetition_penalty;
  proof::Scores scores{.temperature = sampling.temperature == 0 ? 1 : sampling.temperature,
                       .most = kCellRows};
  const std::vector<Candidate> all = candidates();
  size_t at = 0;
  for (const Candidate& c : all) {
    double x = logits[c.id];
    if (std::ranges::find(text_, c.id) != text_.end()) x = x > 0 ? x / penalty : x * penalty;
    if (c.id == id) at = scores.x.size();
    scores.x.push_back(x);
    scores.ids.push_back(std::to_string(c.id));
    scores.tokens.push_back(in_quotes(tokenizer_.token(c.id), kTokenWidth));
  }
  proof::Cell cell = proof::worked_softmax(scores, at, "probability", all.at(at).probability);
  cell.text = "The probability p of " + in_quotes(tokenizer_.token(id), kTokenWidth) +
              " with a calculator, from the digits shown. x is a logit" +
              (penalty == 1 ? ".\n" : " after the penalty.\n") + cell.text;
  return cell;
}

std::string Explanation::text(const std::vector<int64_t>& ids, int64_t next) {
  text_ = ids;
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
    tokens += in_quotes(tokenizer_.token(id), kTokenWidth);
    numbers += std::to_string(id);
  }
  const std::string given = text::to_valid_utf8(options_.prompt), prompt = in_quotes(given, 60),
                    token = in_quotes(tokenizer_.token(next), kTokenWidth), kind{tokenizer_.kind()},
                    unit = kind == "char"   ? "one per character"
                           : kind == "word" ? "one per word"
                                            : "each a frequent piece of text";
  const auto characters = static_cast<int64_t>(text::count_code_points(given, "explain"));
  add("prompt", prompt, count_text(characters) + " characters");
  add("tokens", tokens,
      count_text(static_cast<int64_t>(ids.size())) + ", " + unit + " (--tokenizer " + kind + ")" +
          (shown < ids.size() ? "; only the last " + std::to_string(shown) + " are shown" : ""));
  add("ids", numbers,
      "shape " + shape_text({static_cast<int64_t>(ids.size())}) +
          ": each token's number in the vocabulary of " + count_text(tokenizer_.vocab_size()));
  if (ids_.numel() < static_cast<int64_t>(ids.size()))
    out += "\n    The model reads only the last " + count_text(ids_.numel()) + ": " + limit();
  out +=
      "\n    From here on, each token is a row. The next token is predicted from the last row,\n"
      "    which belongs to " +
      in_quotes(tokenizer_.token(ids.back()), kTokenWidth) +
      "; the first numbers of this row are shown.\n\n";
  for (const Stage& s : stages())
    add(s.name,
        format("%-12s", shape_text(s.output.shape()).c_str()) + first_numbers(last_row(s.output)),
        s.note);
  out += bars() + '\n' + indented(probability_of(next).text, 4) + '\n';
  double chance = 0;
  for (const Candidate& c : candidates())
    if (c.id == next) chance = c.probability;
  add("next token", token + ", id " + std::to_string(next),
      options_.decided.do_sample
          ? format("drawn at random: its probability was %.2f %%", 100 * chance)
          : "the likeliest (greedy; --temperature or --top-k draw at random)");
  add("text", prompt + " + " + token, "the same steps are repeated for each further token");
  return out;
}

nlohmann::ordered_json Explanation::json(const std::vector<int64_t>& ids, int64_t next) {
  text_ = ids;
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
  const proof::Cell cell = probability_of(next);
  return {{"stages", all},
          {"likeliest", likeliest},
          {"cell",
           {{"path", cell.path},
            {"id", next},
            {"text", cell.text},
            {"shown", cell.shown},
            {"from_digits", cell.from_digits},
            {"by_hand", cell.by_hand},
            {"model", cell.model}}}};
}

}  // namespace vitro::cli
