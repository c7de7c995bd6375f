// Times MiniLM: forward without and with a graph, forward with backward, and a training step.
#include "bench/mini_lm_cases.h"

namespace vitro::bench {

const char* const kAbout =
    "MiniLM with gelu.  The targets were set on another machine: 2 cores of a Xeon with AVX-512\n"
    "and AMX, about 390 GFLOP/s in f32.  B and T: M1 1 and 8, M2 32 and 8, M3 16 and 64, M4 4 and "
    "32.";

void register_rows() {
  const double targets[] = {2500, 85000, 0, 0};  // ns for a forward without a graph
  const double* target = targets;
  for (const MiniLMSize& s : kMiniLMSizes) {
    Work work{.flops = s.forward_flops(), .target = *target++};
    const std::string name = s.name + ' ', shape = s.shape();
    row(name + "forward, no grad", shape, work, [=] {
      return [c = MiniLMCase(s)] {
        NoGradGuard unrecorded;
        (*c.model)(c.ids);
      };
    });
    work.target = 0;
    row(name + "forward, recorded", shape, work,
        [=] { return [c = MiniLMCase(s)] { (*c.model)(c.ids); }; });
    work.flops *= 3;  // backward adds the products for dx and dW
    row(name + "with backward", shape, work, [=] {
      return [c = MiniLMCase(s)] {
        cross_entropy((*c.model)(c.ids), c.targets).backward();
        c.model->zero_grad();
      };
    });
    row(name + "training step, AdamW", shape, work, [=] { return MiniLMStep(s); });
  }
}

}  // namespace vitro::bench
