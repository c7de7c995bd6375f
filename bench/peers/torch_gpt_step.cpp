// The same training steps as in bench/gpt_step.cpp, in libtorch.
#include <thread>

#include "bench/peers/torch_gpt.h"

int main() {
  torch_peer::set_threads(static_cast<int>(std::thread::hardware_concurrency()));
  std::vector<int64_t> ids(4 * 64), targets(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = 997 * i % 50257, targets[i] = 991 * i % 50257;
  const torch_peer::Run step = torch_peer::gpt_training_step(
      {{50257, 1024, 12, 12, 768}, {}, ids.data(), targets.data(), 4, 64}, 1e-4);
  for (int i = 0; i < 3; ++i) step();
}
