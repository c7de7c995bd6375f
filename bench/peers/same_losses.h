// Checks that two compared models compute the same losses.
#pragma once
#include "bench/peers/torch_peer.h"

namespace vitro::bench {

// Runs five training steps of each; `ours` and `theirs` return the loss.
template <class Step>
void expect_same_losses(const Step& ours, const torch_peer::Run& theirs) {
  for (int i = 0; i < 5; ++i) {
    const double a = ours().item(), b = theirs();
    if (!(std::abs(a - b) < 1e-3 * std::abs(b)))
      throw std::runtime_error("bench_peers: expected equal losses at step " + std::to_string(i) +
                               ", got " + std::to_string(a) + " and " + std::to_string(b));
  }
}

}  // namespace vitro::bench
