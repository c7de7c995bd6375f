// Merges pairs.  Short pieces are scanned for the lowest rank; long pieces use a heap of ranks.
#include "models/text/bpe/bpe_merge.h"

#include <algorithm>
#include <bit>

#include "framework/base/error.h"

namespace vitro::text {

namespace {

// A scan takes O(n^2) time, but up to this length it is faster than a heap.
constexpr size_t kShort = 48;

}  // namespace

BpeMerger::BpeMerger(const BpeVocabulary& vocabulary) : byte_ids_(vocabulary.byte_ids()) {
  const size_t size = std::bit_ceil(2 * vocabulary.merges.size() + 2);
  slots_.resize(size);
  shift_ = 64 - std::countr_zero(size);
  results_.reserve(vocabulary.merges.size());
  for (const BpeMerge& merge : vocabulary.merges) {
    slots_[slot_of(merge.left, merge.right)] = {merge.left, merge.right,
                                                static_cast<uint32_t>(results_.size())};
    results_.push_back(merge.result);
  }
}

// Returns the slot of the pair, or the empty slot where it would be inserted.
size_t BpeMerger::slot_of(int32_t left, int32_t right) const {
  const uint64_t pair = uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
  size_t i = (pair ^ pair >> 29) * 0x9E3779B97F4A7C15 >> shift_;
  while (slots_[i].left >= 0 && (slots_[i].left != left || slots_[i].right != right))
    i = (i + 1) & (slots_.size() - 1);
  return i;
}

int64_t BpeMerger::append(std::string_view piece, std::vector<TokenId>& ids) const {
  if (piece.size() > kShort) return append_long(piece, ids);
  if (piece.size() > 1) return append_short(piece, ids);
  if (!piece.empty()) ids.push_back(byte_ids_[static_cast<uint8_t>(piece[0])]);
  return 0;
}

int64_t BpeMerger::append_short(std::string_view piece, std::vector<TokenId>& ids) const {
  // rank[i] is the rank of the pair of symbol i and its right neighbour.
  std::array<int32_t, kShort> id;
  std::array<uint32_t, kShort> rank;
  size_t n = piece.size();
  for (size_t i = 0; i < n; ++i) id[i] = byte_ids_[static_cast<uint8_t>(piece[i])];
  for (size_t i = 0; i + 1 < n; ++i) rank[i] = rank_of(id[i], id[i + 1]);
  auto work = static_cast<int64_t>(n);
  while (n > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < n; ++i)
      if (rank[i] < rank[best]) best = i;
    work += static_cast<int64_t>(n) + 2;
    if (rank[best] == kNone) break;
    id[best] = results_[rank[best]];
    --n;
    std::copy(id.data() + best + 2, id.data() + n + 1, id.data() + best + 1);
    std::copy(rank.data() + best + 1, rank.data() + n, rank.data() + best);
    if (best + 1 < n) rank[best] = rank_of(id[best], id[best + 1]);
    if (best > 0) rank[best - 1] = rank_of(id[best - 1], id[best]);
  }
  ids.insert(ids.end(), id.begin(), id.begin() + n);
  return work;
}

int64_t BpeMerger::append_long(std::string_view piece, std::vector<TokenId>& ids) const {
  check<ValueError>(piece.size() < UINT32_MAX,
                    "text: expected pieces of less than 4 GiB, got a piece of ", piece.size(),
                    " bytes");
  const auto n = static_cast<uint32_t>(piece.size());
  // A symbol is at the index of its first byte.  `rank` is the rank of its pair with the next
  // symbol.
  struct Symbol {
    int32_t id;
    uint32_t rank, previous, next;
  };
  std::vector<Symbol> symbols(n);
  for (uint32_t i = 0; i < n; ++i)
    symbols[i] = {byte_ids_[static_cast<uint8_t>(piece[i])], kNone, i - 1, i + 1};

  // An entry is (rank, place): the lowest rank comes first, then the leftmost place.  An entry is
  // outdated, and skipped, if the rank of its symbol has changed.
  int64_t work = 0;
  std::vector<uint64_t> heap;
  const auto later = [&work](uint64_t a, uint64_t b) { return ++work, a > b; };
  const auto set_rank = [&](uint32_t i) {
    Symbol& symbol = symbols[i];
    symbol.rank = symbol.next < n ? rank_of(symbol.id, symbols[symbol.next].id) : kNone;
    ++work;
    if (symbol.rank != kNone) heap.push_back(uint64_t{symbol.rank} << 32 | i);
    return symbol.rank != kNone;
  };
  for (uint32_t i = 0; i < n; ++i) set_rank(i);
  std::make_heap(heap.begin(), heap.end(), later);
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), later);
    const auto rank = static_cast<uint32_t>(heap.back() >> 32);
    const auto i = static_cast<uint32_t>(heap.back());
    heap.pop_back();
    Symbol& symbol = symbols[i];
    if (symbol.rank != rank) continue;
    Symbol& right = symbols[symbol.next];
    right.rank = kNone;
    symbol.id = results_[rank];
    symbol.next = right.next;
    if (symbol.next < n) symbols[symbol.next].previous = i;
    if (set_rank(i)) std::push_heap(heap.begin(), heap.end(), later);
    if (i > 0 && set_rank(symbol.previous)) std::push_heap(heap.begin(), heap.end(), later);
  }
  for (uint32_t i = 0; i < n; i = symbols[i].next) ids.push_back(symbols[i].id);
  return work;
}

}  // namespace vitro::text
