// Reads texts for a GPT with a cache of keys and values.
#include <algorithm>

#include "framework/tensor/factories.h"
#include "framework/tensor/loops.h"
#include "models/language/gpt.h"

namespace vitro::models {

namespace {

// Reads only the new tokens of each window.  When the cache is full, or the windows have slid, it
// reads all windows again from their start.
class CachedReader final : public Reader {
 public:
  CachedReader(GPT& model, int64_t texts, int64_t capacity)
      : model_(model), cache_(model.make_cache(texts, capacity)) {}

  std::vector<Tensor> next_logits(std::span<const Window> windows) override {
    const bool begins =
        cache_.length() == 0 || cache_.length() == cache_.capacity() || windows[0].start != start_;
    const Tensor logits = model_.next_logits(begins ? whole(windows) : news(windows), cache_);
    std::vector<Tensor> each;
    for (int64_t r = 0; r < logits.size(0); ++r) each.push_back(logits[r]);
    return each;
  }
  void forget() override { cache_.clear(); }

 private:
  // (B, T).  One text: every token not yet cached.  Several texts: each text's last token, also for
  // texts that have ended, but their logits are not used.
  Tensor news(std::span<const Window> windows) const {
    if (windows.size() == 1)
      return unsqueeze(from_span(windows[0].ids.subspan(static_cast<size_t>(cache_.length()))), 0);
    const Tensor ids = empty({cache_.batch(), 1}, kInt64);
    for (size_t r = 0; r < windows.size(); ++r) raw<int64_t>(ids)[r] = windows[r].ids.back();
    return ids;
  }

  // (B, T): all tokens of the windows.  Shorter windows are padded with zeros on the left.
  Tensor whole(std::span<const Window> windows) {
    std::vector<std::span<const int64_t>> texts;
    int64_t longest = 0;
    for (const Window& window : windows) {
      texts.push_back(window.ended ? window.ids.last(1) : window.ids);
      longest = std::max<int64_t>(longest, std::ssize(texts.back()));
    }
    const Tensor ids = zeros({cache_.batch(), longest}, kInt64);
    int64_t* end = raw<int64_t>(ids);
    std::vector<int64_t> padding;
    for (const auto& text : texts) {
      padding.push_back(longest - std::ssize(text));
      std::copy_backward(text.begin(), text.end(), end += longest);
    }
    cache_.clear();
    cache_.set_padding(std::move(padding));
    start_ = windows[0].start;
    return ids;
  }

  GPT& model_;
  nn::KVCache cache_;
  size_t start_ = 0;  // where the first window began when all windows were read
};

}  // namespace

std::unique_ptr<Reader> GPT::make_reader(int64_t texts, int64_t capacity) {
  return std::make_unique<CachedReader>(*this, texts, capacity);
}

}  // namespace vitro::models
