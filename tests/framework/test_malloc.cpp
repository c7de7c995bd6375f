// Tests that repeated forwards and training steps do not call malloc in vitro's own code, and that
// memory does not grow.
//
// This file replaces malloc and related functions.  The new functions count calls while a flag is
// set, and can be made to fail.  Sanitizers have their own malloc and disable vitro's pools, so
// tests/CMakeLists.txt leaves this file out of sanitized builds.
#include <dlfcn.h>
#include <execinfo.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "framework/base/parallel.h"
#include "tests/support/malloc_fails.h"
#include "vitro.h"

namespace vitro::testing {
constinit std::atomic<bool (*)()> g_malloc_fails{nullptr};
constinit std::atomic<bool> g_malloc_spares_onednn{true};
}

namespace {

using vitro::testing::g_malloc_fails;
using vitro::testing::g_malloc_spares_onednn;

std::atomic<bool> g_counting{false};
std::atomic<int> g_vitro{0}, g_onednn{0};
char g_first_caller[4096];  // the stack of vitro's first call of malloc, for the message

constinit thread_local bool t_asking = false;  // true inside is_spared: its allocations never fail

// Whether one of the callers is a library that ends the program if it gets no memory.  oneDNN does
// so while it makes a primitive, and it does not check aligned memory for null.
bool is_spared() {
  void* frames[64];
  const int depth = backtrace(frames, 64);
  for (int i = 0; i < depth; ++i) {
    Dl_info info;
    if (!dladdr(frames[i], &info) || !info.dli_fname) continue;
    for (const char* name : {"libgomp", "ld-linux"})
      if (std::strstr(info.dli_fname, name)) return true;
    if (g_malloc_spares_onednn && std::strstr(info.dli_fname, "libdnnl")) return true;
  }
  return false;
}
bool must_fail() {
  const auto fails = g_malloc_fails.load(std::memory_order_relaxed);
  if (!fails || t_asking || !fails()) return false;
  t_asking = true;
  const bool spared = is_spared();
  t_asking = false;
  return !spared;
}

// Counts the call for oneDNN if oneDNN or libgomp is among the callers, else for vitro.
void count_call() {
  if (!g_counting.exchange(false)) return;  // allocations of this function are not counted
  void* frames[64];
  const int depth = backtrace(frames, 64);
  bool foreign = false;
  for (int i = 0; i < depth && !foreign; ++i) {
    Dl_info info;
    if (!dladdr(frames[i], &info) || !info.dli_fname) continue;
    foreign = std::strstr(info.dli_fname, "libdnnl") || std::strstr(info.dli_fname, "libgomp");
  }
  if (!foreign && g_vitro == 0) {
    size_t used = 0;
    char** names = backtrace_symbols(frames, depth);
    for (int i = 0; i < depth && names; ++i)
      used += static_cast<size_t>(
          std::snprintf(g_first_caller + used, sizeof g_first_caller - used, "%.100s\n", names[i]));
    std::free(names);
  }
  ++(foreign ? g_onednn : g_vitro);
  g_counting = true;
}

struct Counts {
  int vitro, onednn;
};
template <class F>
Counts count(F f) {
  g_vitro = g_onednn = 0, g_first_caller[0] = 0;
  g_counting = true;
  f();
  g_counting = false;
  return {g_vitro, g_onednn};
}

}  // namespace

extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);

void* malloc(size_t n) {
  if (must_fail()) return nullptr;
  return count_call(), __libc_malloc(n);
}
void* calloc(size_t n, size_t size) {
  if (must_fail()) return nullptr;
  return count_call(), __libc_calloc(n, size);
}
void* realloc(void* p, size_t n) {
  if (must_fail()) return nullptr;
  return count_call(), __libc_realloc(p, n);
}
void* memalign(size_t alignment, size_t n) {
  if (must_fail()) return nullptr;
  return count_call(), __libc_memalign(alignment, n);
}
void* aligned_alloc(size_t alignment, size_t n) { return memalign(alignment, n); }
int posix_memalign(void** p, size_t alignment, size_t n) {
  return (*p = memalign(alignment, n)) ? 0 : 12;  // ENOMEM
}
}

using namespace vitro;

TEST_CASE("the counter sees malloc, new and aligned memory") {
  static void* volatile sink;  // the compiler must allocate what is stored here
  auto calls = [](auto f) {
    int n = count([&] {
              void* p = f();
              sink = p;
            }).vitro;
    std::free(sink);
    return n;
  };
  CHECK(calls([] { return std::malloc(100); }) == 1);
  CHECK(calls([] { return std::calloc(10, 10); }) == 1);
  CHECK(calls([] { return std::realloc(nullptr, 100); }) == 1);
  CHECK(calls([] { return std::aligned_alloc(64, 128); }) == 1);
  auto* object = new std::string;
  CHECK(count([&] { object->reserve(100); }).vitro == 1);
  delete object;
  CHECK(count([] {}).vitro == 0);
}

TEST_CASE("a steady-state forward of MiniLM calls malloc nowhere in vitro") {
  struct Size {
    const char* name;
    int64_t vocab_size, n_embd, n_hidden, batch, time;
    bool on_onednn;
  };
  const Size size = GENERATE(
      Size{"one token", 30, 16, 32, 1, 1, false}, Size{"small", 30, 16, 32, 2, 16, false},
      Size{"wide", 512, 64, 256, 4, 64, true}, Size{"large", 2000, 128, 512, 8, 128, true});
  const int64_t context = GENERATE(1, 3, 9);
  const Activation f = GENERATE(Activation::kGelu, Activation::kRelu, Activation::kTanh);
  const DType dtype = GENERATE(kFloat32, kBFloat16);
  models::MiniLM m({size.vocab_size, size.n_embd, size.n_hidden, context, f});
  m.to(dtype).eval();
  Tensor ids = randint(0, size.vocab_size, {size.batch, size.time});
  NoGradGuard unrecorded;
  // A thread makes memory objects of oneDNN for each shape that is new to the thread.  With several
  // threads, it is random when they do so.  So the test uses one thread.
  ScopedThreads one(1);
  for (int i = 0; i < 3; ++i) m(ids);
  const Counts counts = count([&] { m(ids); });
  CAPTURE(size.name, context, static_cast<int>(f), dtype_name(dtype), counts.onednn,
          g_first_caller);
  CHECK(counts.vitro == 0);
  if (dtype == kFloat32) CHECK((counts.onednn > 0) == size.on_onednn);
}

TEST_CASE("a loop that forks calls malloc nowhere") {
  const int before = get_num_threads();
  set_num_threads(4);
  Tensor x = randn({1 << 20});
  float* p = x.mutable_data<float>();
  const auto loop = [p] {
    for (int i = 0; i < 100; ++i)
      parallel_for(1 << 20, 1 << 16, [p](int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; ++k) p[k] *= 0.5f;
      });
  };
  loop();
  const Counts counts = count(loop);
  set_num_threads(before);
  CAPTURE(g_first_caller);
  CHECK(counts.vitro == 0);
}

TEST_CASE("a forward does not call malloc after a hook was added and removed") {
  models::MiniLM m({.vocab_size = 30, .n_embd = 16, .n_hidden = 64});
  Tensor ids = randint(0, 30, {2, 16});
  m.summary(ids);
  NoGradGuard unrecorded;
  for (int i = 0; i < 3; ++i) m(ids);
  const Counts counts = count([&] { m(ids); });
  CAPTURE(g_first_caller);
  CHECK(counts.vitro == 0);
}

TEST_CASE("a steady-state training step calls malloc nowhere in vitro either") {
  const int64_t context = GENERATE(1, 9);
  models::MiniLM m({.vocab_size = 30, .n_embd = 16, .n_hidden = 64, .context = context});
  const std::vector<Tensor> parameters = m.parameters();
  optim::AdamW opt(m.named_parameters());
  optim::Scheduler schedule(opt, optim::LinearWarmupCosine{.lr_decay_iters = 100});
  Tensor ids = randint(0, 30, {2, 16}), targets = randint(0, 30, {2, 16});
  auto step = [&] {
    cross_entropy(m(ids), targets).backward();
    optim::clip_grad_norm_(parameters, 0.1);
    opt.step();
    opt.zero_grad();
    schedule.step();
  };
  for (int i = 0; i < 3; ++i) step();
  const Counts counts = count(step);
  CAPTURE(context, g_first_caller);
  CHECK(counts.vitro == 0);
}

namespace {

// The resident memory of the process in bytes.
int64_t resident_bytes() {
  int64_t pages = 0, resident = 0;
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (!file) return 0;
  if (std::fscanf(file, "%ld %ld", &pages, &resident) != 2) resident = 0;
  std::fclose(file);
  return resident * sysconf(_SC_PAGESIZE);
}

}  // namespace

TEST_CASE("100,000 training steps take no more memory than 1,000", "[slow]") {
  models::MiniLM m({.vocab_size = 30, .n_embd = 8, .n_hidden = 16, .context = 2, .dropout = 0.1});
  optim::AdamW opt(m.named_parameters());
  optim::Scheduler schedule(opt, optim::LinearWarmupCosine{.lr_decay_iters = 100'000});
  Tensor ids = randint(0, 30, {1, 8}), targets = randint(0, 30, {1, 8});
  auto run = [&](int64_t steps) {
    for (int64_t i = 0; i < steps; ++i) {
      cross_entropy(m(ids), targets).backward();
      optim::clip_grad_norm_(m.parameters(), 1.0);
      opt.step();
      opt.zero_grad();
      schedule.step();
    }
    return resident_bytes();
  };
  const int64_t early = run(1000), late = run(99'000);
  CAPTURE(early, late);
  CHECK(early > 0);
  CHECK(late - early < 256 << 10);
}
