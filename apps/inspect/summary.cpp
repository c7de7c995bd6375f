// `vitro summary`: the modules of a model, what they hold and what they compute.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "apps/cli/model_options.h"
#include "apps/cli/output.h"

namespace vitro::cli {

namespace {

struct Row {
  std::string path = {}, what = {};
  std::vector<std::pair<std::string, Shape>> tensors = {};  // its own
  std::string tie = {};                                     // the name of what it shares
  int64_t parameters = 0, macs = 0;                         // with those of the modules inside
  bool operator==(const Row&) const = default;
};

// Multiplications of a forward over `tokens` of one text; what they are follows from the weights.
int64_t macs_of(const nn::Module& module, int64_t tokens) {
  if (const auto* linear = dynamic_cast<const nn::Linear*>(&module))
    return linear->macs({1, tokens, linear->weight.size(1)}, {1, tokens, linear->weight.size(0)});
  if (const auto* attention = dynamic_cast<const nn::CausalSelfAttention*>(&module))
    return attention->macs({1, tokens, attention->c_proj.weight.size(1)}, {});
  return 0;
}

bool is_inside(const std::string& path, const std::string& outer) {
  return outer.empty() || path == outer || path.starts_with(outer + '.');
}

// A row per module, but for what holds and computes nothing, such as hook points.
std::vector<Row> rows_of(nn::Module& model, int64_t tokens) {
  std::vector<Row> rows;
  std::map<const TensorImpl*, std::string> seen;
  for (auto& [path, module] : model.named_modules()) {
    Row row{path, module->describe()};
    row.macs = macs_of(*module, tokens);
    for (auto& [name, x] : module->state_dict()) {
      if (name.find('.') != std::string::npos) continue;
      const auto [first, is_new] =
          seen.try_emplace(x.impl(), path + (path.empty() ? "" : ".") + name);
      row.tensors.emplace_back(name, x.shape());
      if (is_new) row.parameters += x.numel();
      else row.tie = first->second;
    }
    const bool is_empty = row.tensors.empty() && row.macs == 0 && module->children().empty();
    if (!is_empty) rows.push_back(std::move(row));
  }
  for (size_t i = 0; i < rows.size(); ++i)
    for (size_t j = i + 1; j < rows.size() && is_inside(rows[j].path, rows[i].path); ++j)
      rows[i].parameters += rows[j].parameters, rows[i].macs += rows[j].macs;
  return rows;
}

// "h.11.attn" is at index 11 of "h".
struct Indexed {
  std::string list, rest;
  int64_t index = 0;
};
std::optional<Indexed> indexed(const std::string& path) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  for (size_t dot = path.find('.'); dot != path.npos; dot = path.find('.', dot + 1)) {
    const size_t end = std::min(path.find('.', dot + 1), path.size());
    const std::string number = path.substr(dot + 1, end - dot - 1);
    if (std::ranges::all_of(number, is_digit))
      return Indexed{path.substr(0, dot), path.substr(end), std::stoll(number)};
  }
  return {};
}

std::vector<std::string> cells(const Row& row, const std::string& label) {
  std::string tensors;
  for (const auto& [tensor, shape] : row.tensors)
    tensors += (tensors.empty() ? "" : ", ") + tensor + ' ' + shape_text(shape);
  if (!row.tie.empty()) tensors += " = " + row.tie;
  return {label, tensors, format("%15s", count_text(row.parameters).c_str()),
          row.macs ? format("%18s", count_text(row.macs).c_str()) : ""};
}

// Indented below the module that it is in, and named as from there.
std::string label(const std::vector<Row>& rows, size_t i) {
  std::string name = rows[i].path, outer;
  size_t depth = 0;
  for (size_t j = 1; j < i; ++j)
    if (is_inside(rows[i].path, rows[j].path)) ++depth, outer = rows[j].path;
  if (!outer.empty()) name = name.substr(outer.size() + 1);
  return std::string(2 * depth, ' ') + name + ": ";
}

// Whether it is a part of a list's element that is as that part of the first element.
bool is_as_first(const std::vector<Row>& rows, const Row& row) {
  const auto at = indexed(row.path);
  if (!at || at->index == 0) return false;
  const auto first = std::ranges::find(rows, at->list + ".0" + at->rest, &Row::path);
  if (first == rows.end()) return false;
  Row same = *first;
  same.path = row.path;
  return same == row;
}

// The modules below the root.  Elements of a list that are as its first are told in one row.
std::string tree(const std::vector<Row>& rows) {
  std::vector<std::vector<std::string>> lines = {
      {"module", "tensors", format("%15s", "parameters"), format("%18s", "MACs")}};
  for (size_t i = 1; i < rows.size(); ++i) {
    const auto at = indexed(rows[i].path);
    const auto is_of_list = [&](size_t j) {
      return at && j < rows.size() && rows[j].path.starts_with(at->list + '.');
    };
    size_t end = i;
    while (is_of_list(end) && is_as_first(rows, rows[end])) ++end;
    if (end == i || is_of_list(end)) {
      lines.push_back(cells(rows[i], label(rows, i) + rows[i].what));
      continue;
    }
    const int64_t last = indexed(rows[end - 1].path)->index, more = last - at->index + 1;
    const Row all{.parameters = more * rows[i].parameters, .macs = more * rows[i].macs};
    std::string range = label(rows, i);
    range.resize(range.size() - 2);
    lines.push_back(
        cells(all, range + " to " + std::to_string(last) + ": each as " + at->list + ".0"));
    i = end - 1;
  }
  return table(lines, 0);
}

// The model, and how many tokens a forward is counted for.
struct Summarised {
  std::unique_ptr<nn::Module> model;
  std::string name;
  int64_t tokens;
};

Summarised subject(const SummaryOptions& options) {
  if (!options.saved.empty()) {
    models::SavedModel saved = load_saved(options.saved, models::TokenizerIs::kOptional);
    return {std::move(saved.model), options.saved, options.tokens.value_or(saved.window)};
  }
  models::GPTConfig config = models::GPTConfig::preset(options.preset);
  if (options.vocab_size) config.vocab_size = *options.vocab_size;
  const int64_t tokens = options.tokens.value_or(config.block_size);
  return {std::make_unique<models::GPT>(config, models::InitialValues::kNone), options.preset,
          tokens};
}

// Keys and values of a whole context of one text; 0 for what has none.
int64_t cache_bytes(const nn::Module& model) {
  const auto* gpt = dynamic_cast<const models::GPT*>(&model);
  if (!gpt) return 0;
  const models::GPTConfig& c = gpt->config;
  return 2 * c.n_layer * c.kv_heads() * (c.n_embd / c.n_head) * c.block_size *
         static_cast<int64_t>(item_size(accumulation_dtype(gpt->wte.weight.dtype())));
}

}  // namespace

int summary(const SummaryOptions& options) {
  check<UsageError>(options.saved.empty() != options.preset.empty(),
                    "summary: --model DIR or --preset NAME expected");
  check<UsageError>(!options.vocab_size || !options.preset.empty(),
                    "--vocab-size: --preset expected, of which it is the size");
  const Summarised subject = cli::subject(options);
  const std::vector<Row> rows = rows_of(*subject.model, subject.tokens);
  const DType dtype = subject.model->parameters().at(0).dtype();
  const int64_t parameters = rows[0].parameters,
                bytes = parameters * static_cast<int64_t>(item_size(dtype)),
                cache = cache_bytes(*subject.model);
  std::ostringstream dtype_name;
  dtype_name << dtype;

  if (options.json) {
    nlohmann::ordered_json modules = nlohmann::ordered_json::array();
    for (const Row& row : rows) {
      nlohmann::ordered_json tensors = nlohmann::ordered_json::object();
      for (const auto& [name, shape] : row.tensors)
        tensors[name] = std::vector(shape.begin(), shape.end());
      modules.push_back({{"name", row.path},
                         {"module", row.what},
                         {"tensors", tensors},
                         {"parameters", row.parameters},
                         {"macs", row.macs}});
      if (!row.tie.empty()) modules.back()["tied_to"] = row.tie;
    }
    write_json({{"model", subject.name},
                {"parameters", parameters},
                {"dtype", dtype_name.str()},
                {"bytes", bytes},
                {"tokens", subject.tokens},
                {"macs", rows[0].macs},
                {"cache_bytes", cache},
                {"modules", modules}});
    return 0;
  }
  const double mib = 1 << 20;
  std::vector<std::vector<std::string>> totals = {
      {"parameters", count_text(parameters) + ", " + dtype_name.str() +
                         format(": %.1f MiB", static_cast<double>(bytes) / mib)},
      {"MACs",
       count_text(rows[0].macs) + " for a text of " + count_text(subject.tokens) + " tokens"}};
  if (cache)
    totals.push_back({"cache", format("%.1f MiB", static_cast<double>(cache) / mib) +
                                   " of keys and values for a whole context"});
  write_out(rows[0].what + "\n\n" + tree(rows) + '\n' + table(totals, 0));
  return 0;
}

}  // namespace vitro::cli
