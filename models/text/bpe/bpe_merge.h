// Turns the bytes of one piece into tokens: the pair of lowest rank is merged first.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "models/text/bpe/bpe_vocabulary.h"
#include "models/text/tokenizer.h"

namespace vitro::text {

// Stores the merges of a vocabulary in a hash table.
class BpeMerger {
 public:
  explicit BpeMerger(const BpeVocabulary& vocabulary);

  // Appends the ids of `piece`.  Returns how many pairs were looked up and ranks compared, which is
  // O(n log n) for a piece of n bytes.
  int64_t append(std::string_view piece, std::vector<TokenId>& ids) const;

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  struct Slot {
    int32_t left = -1, right = 0;
    uint32_t rank = kNone;
  };
  size_t slot_of(int32_t left, int32_t right) const;
  uint32_t rank_of(int32_t left, int32_t right) const { return slots_[slot_of(left, right)].rank; }
  int64_t append_short(std::string_view piece, std::vector<TokenId>& ids) const;
  int64_t append_long(std::string_view piece, std::vector<TokenId>& ids) const;

  std::array<int32_t, 256> byte_ids_;
  std::vector<int32_t> results_;  // by rank
  std::vector<Slot> slots_;  // a hash table: open addressing, a power of two, at most half full
  int shift_ = 0;
};

}  // namespace vitro::text
