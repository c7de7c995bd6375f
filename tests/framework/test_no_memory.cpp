// Tests training steps in which allocation k fails, alone or with all later ones.  The step throws
// a MemoryError and leaks no memory, and the next step gives the same bits as without the failure.
#include <catch2/catch.hpp>
#include <thread>

#include "framework/base/allocator_faults.h"
#include "tests/support/malloc_fails.h"
#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;

namespace {

std::atomic<int64_t> g_left{0};  // allocations left until one fails
std::atomic<bool> g_all{false};  // whether all later ones fail too
bool this_one_fails() {
  const int64_t left = g_left.fetch_sub(1);
  return left == 1 || (left < 1 && g_all);
}

// While an object exists, allocation k fails.  Allocations of all threads count, those of malloc
// and those of vitro's allocator.
struct FailingAllocation {
  FailingAllocation(int64_t k, bool all) {
    g_left = k, g_all = all;
    set_allocation_fails(this_one_fails);
    g_malloc_fails = this_one_fails;
  }
  ~FailingAllocation() {
    g_malloc_fails = nullptr;
    set_allocation_fails(nullptr);
  }
  static bool reached() { return g_left < 1; }
};

// Returns null if f throws nothing, "" for a MemoryError, else a message.  Allocates nothing.
template <class F>
const char* error_of(F f) {
  try {
    f();
    return nullptr;
  } catch (const MemoryError&) { return ""; } catch (const Error&) {
    return "another error of vitro's";
  } catch (...) { return "an error that is not vitro's"; }
}

struct Training {
  std::unique_ptr<models::LanguageModel> model;
  std::unique_ptr<optim::AdamW> optimizer;
  Tensor ids, targets;

  // A new number of rows gives products of a new shape, for which oneDNN makes a new primitive.
  Training(bool gpt, DType dtype, int64_t rows) {
    manual_seed(3);
    if (gpt)
      model = std::make_unique<models::GPT>(models::GPTConfig{
          .block_size = 32, .vocab_size = 40, .n_layer = 1, .n_head = 2, .n_embd = 48});
    else
      model = std::make_unique<models::MiniLM>(
          models::MiniLMConfig{.vocab_size = 40, .n_embd = 48, .n_hidden = 192, .context = 2});
    model->to(dtype);
    optimizer = std::make_unique<optim::AdamW>(model->named_parameters());
    ids = randint(0, 40, {rows, 32}), targets = randint(0, 40, {rows, 32});
  }
  void step() {
    cross_entropy((*model)(ids), targets).backward();
    optim::clip_grad_norm_(model->parameters(), 0.5);
    optimizer->step();
    optimizer->zero_grad();
  }
  bool equals(const Training& other) const {
    const auto a = model->parameters(), b = other.model->parameters();
    for (size_t i = 0; i < a.size(); ++i)
      if (!same_bits(a[i], b[i])) return false;
    return true;
  }
};

struct Failures {
  bool gpt, warm, all;
  DType dtype;
  int threads;
};

// Runs one step in which allocation k fails.  Returns whether the step made that many allocations.
bool step_fails(const Failures& f, int64_t k, int64_t rows) {
  const int64_t before_all = live_bytes();
  bool reached;
  {
    Training x(f.gpt, f.dtype, rows), undisturbed(f.gpt, f.dtype, rows);
    if (f.warm) x.step(), undisturbed.step();
    const int64_t before = live_bytes();
    const char* error = nullptr;
    {
      FailingAllocation failing(k, f.all);
      error = error_of([&] { x.step(); });
      reached = failing.reached();
    }
    if (!error) undisturbed.step();
    else if (*error) FAIL_CHECK("allocation " << k << " failed: " << error);
    x.optimizer->zero_grad();
    const int64_t lost = live_bytes() - before;
    if (f.warm && lost != 0 && error) FAIL_CHECK("allocation " << k << " lost " << lost);
    x.step(), undisturbed.step();
    if (!x.equals(undisturbed)) FAIL_CHECK("after allocation " << k << " failed: other bits");
  }
  const int64_t lost = live_bytes() - before_all;
  if (lost != 0) FAIL_CHECK("after allocation " << k << " failed, " << lost << " bytes are lost");
  return reached;
}

// Tries k = 1, 2, ..., and above `each` only some k, until a step makes fewer than k allocations.
void try_all(const Failures& f, int64_t each) {
  CAPTURE(f.gpt, f.warm, f.all, dtype_name(f.dtype), f.threads);
  const int threads = get_num_threads();
  set_num_threads(f.threads);
  static int64_t rows = 1;
  bool reached = true;
  for (int64_t k = 1; reached; k += 1 + std::max<int64_t>(0, k - each) / 4) {
    // A new thread has no memory objects for oneDNN yet.
    const auto run = [&] { reached = step_fails(f, k, f.warm ? 4 : rows = rows % 64 + 1); };
    if (f.warm) run();
    else std::thread(run).join();
  }
  set_num_threads(threads);
}

Failures generated() {
  return {GENERATE(false, true), GENERATE(false, true), GENERATE(false, true),
          GENERATE(kFloat32, kBFloat16), GENERATE(1, 2)};
}

}  // namespace

TEST_CASE(
    "a training step without memory is a MemoryError, and the next one "
    "is right") {
  try_all(generated(), 40);
}

// Allocations inside oneDNN fail too, which may end the program.
TEST_CASE("a training step without memory, at every allocation", "[.memory]") {
  struct Restore {
    ~Restore() { g_malloc_spares_onednn = true; }
  } restore;
  g_malloc_spares_onednn = false;
  try_all(generated(), 1'000'000);
}

TEST_CASE("linear_cross_entropy without memory leaks nothing") {
  const DType dtype = GENERATE(kFloat32, kBFloat16);
  const bool all = GENERATE(false, true);
  const Tensor x = randn({96, 32}).to(dtype).requires_grad_(),
               weight = randn({3000, 32}).to(dtype).requires_grad_(),
               targets = randint(0, 3000, {96});
  const auto step = [&] { linear_cross_entropy(x, weight, targets).backward(); };
  step();
  const Tensor dx = x.grad(), dw = weight.grad();
  x.zero_grad(), weight.zero_grad();
  const int64_t before = live_bytes();
  bool reached = true;
  for (int64_t k = 1; reached; ++k) {
    CAPTURE(dtype_name(dtype), all, k);
    const char* error = nullptr;
    {
      FailingAllocation failing(k, all);
      error = error_of(step);
      reached = failing.reached();
    }
    if (error && *error) FAIL_CHECK(error);
    x.zero_grad(), weight.zero_grad();
    if (live_bytes() != before) FAIL_CHECK(live_bytes() - before << " bytes are lost");
  }
  step();
  CHECK(same_bits(x.grad(), dx));
  CHECK(same_bits(weight.grad(), dw));
}

TEST_CASE("a loop on two threads passes a MemoryError to the caller") {
  const int before = get_num_threads();
  set_num_threads(2);
  const Tensor q = randn({4, 4, 256, 16});
  {
    NoGradGuard unrecorded;
    const Tensor y = scaled_dot_product_attention(q, q, q);
    for (int64_t k = 1;; ++k) {
      bool reached;
      const char* error = nullptr;
      {
        FailingAllocation failing(k, /*all=*/true);
        error = error_of([&] { (void)scaled_dot_product_attention(q, q, q); });
        reached = failing.reached();
      }
      if (!reached) break;
      if (!error || *error) FAIL_CHECK("allocation " << k << ": " << (error ? error : "no error"));
    }
    CHECK(same_bits(scaled_dot_product_attention(q, q, q), y));
  }
  set_num_threads(before);
}

TEST_CASE("a MemoryError says how much was wanted, and where if there is memory to say it") {
  const std::string where = "h.0: Block",
                    text = "allocate: expected 4096 bytes of memory, got none";
  try {
    FailingAllocation failing(1, /*all=*/true);
    fail_memory(4096);
  } catch (MemoryError& error) {
    CHECK(error.what() == text);
    {
      FailingAllocation failing(1, /*all=*/true);
      error.add_context(where);
    }
    CHECK(error.what() == text);
    error.add_context(where);
    CHECK(error.what() == text + "\n  in " + where);
  }
}
