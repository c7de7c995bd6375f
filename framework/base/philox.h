// The rounds of Philox4x32-10 (Salmon et al., 2011), which turn a counter into random numbers.
#pragma once
#include <cstdint>

namespace vitro {

inline constexpr int kPhiloxRounds = 10;

struct PhiloxKey {
  uint32_t k0, k1;
  explicit PhiloxKey(uint64_t seed)
      : k0(static_cast<uint32_t>(seed)), k1(static_cast<uint32_t>(seed >> 32)) {}
  void next_round() { k0 += 0x9E3779B9, k1 += 0xBB67AE85; }
};

// One round of one block.  Always inlined, so that the compiler can vectorize a loop over blocks.
[[gnu::always_inline]] inline void philox_round(const PhiloxKey& key, uint32_t& x0, uint32_t& x1,
                                                uint32_t& x2, uint32_t& x3) {
  const uint64_t a = uint64_t{0xD2511F53} * x0, b = uint64_t{0xCD9E8D57} * x2;
  x0 = static_cast<uint32_t>(b >> 32) ^ x1 ^ key.k0, x1 = static_cast<uint32_t>(b);
  x2 = static_cast<uint32_t>(a >> 32) ^ x3 ^ key.k1, x3 = static_cast<uint32_t>(a);
}

}  // namespace vitro
