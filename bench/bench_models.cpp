// MiniLM whole: forward without and with record, and forward, loss and backward.
#include "bench/rows.h"
#include "vitro.h"

namespace vitro::bench {

const char* const kAbout =
    "MiniLM with gelu.  The milestones were set on another machine: 2 cores of a Xeon with "
    "AVX-512\n"
    "and AMX, about 390 GFLOP/s in f32.  B and T: M1 1 and 8, M2 32 and 8, M3 16 and 64, M4 4 and "
    "32.";

namespace {

struct Setting {
  std::string name;
  int64_t vocab_size, n_embd, n_hidden, batch, time;
  double target;  // ns for a forward without record
  std::string shape() const {
    std::ostringstream text;
    text << 'V' << vocab_size << " E" << n_embd << " H" << n_hidden;
    return text.str();
  }
};

struct Case {
  std::shared_ptr<models::MiniLM> model;
  Tensor ids, targets;
  explicit Case(const Setting& s)
      : model(std::make_shared<models::MiniLM>(models::MiniLMConfig{
            .vocab_size = s.vocab_size, .n_embd = s.n_embd, .n_hidden = s.n_hidden})),
        ids(randint(0, s.vocab_size, {s.batch, s.time})),
        targets(randint(0, s.vocab_size, {s.batch, s.time})) {}
};

// Forward: two products.  With backward: those of dx and dW of each as well.
void rows_of(const Setting& s) {
  double products = static_cast<double>(s.batch * s.time * s.n_hidden * (s.n_embd + s.vocab_size));
  Work work{.flops = 2 * products, .target = s.target};
  const std::string name = s.name + ' ';
  const std::string shape = s.shape();
  row(name + "forward, no grad", shape, work, [=] {
    return [c = Case(s)] {
      NoGradGuard unrecorded;
      (*c.model)(c.ids);
    };
  });
  work.target = 0;
  row(name + "forward, recorded", shape, work,
      [=] { return [c = Case(s)] { (*c.model)(c.ids); }; });
  work.flops *= 3;
  row(name + "with backward", shape, work, [=] {
    return [c = Case(s)] {
      cross_entropy((*c.model)(c.ids), c.targets).backward();
      c.model->zero_grad();
    };
  });
}

}  // namespace

void register_rows() {
  rows_of({"M1", 65, 32, 64, 1, 8, 2500});
  rows_of({"M2", 65, 64, 256, 32, 8, 85000});
  rows_of({"M3", 256, 128, 512, 16, 64, 0});
  rows_of({"M4", 50257, 256, 1024, 4, 32, 0});
}

}  // namespace vitro::bench
