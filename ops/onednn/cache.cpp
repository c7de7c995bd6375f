// The caches of oneDNN primitives.  A thread takes no lock to find a primitive that it has run
// before.
#include "ops/onednn/cache.h"

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <mutex>
#include <unordered_map>

#include "framework/base/error.h"
#include "framework/base/parallel_end.h"
#include "framework/base/parallel_fork.h"
#include "framework/base/runtime.h"
#include "framework/base/scratch.h"
#include "ops/onednn/single_thread.h"

namespace vitro::onednn {

namespace {

constexpr size_t kLimit = size_t{64} << 20;      // most bytes of primitives in the process's cache
constexpr size_t kCodeBytes = size_t{48} << 10;  // assumed bytes of one primitive
constexpr size_t kMostExecutions = kLimit / kCodeBytes;  // most executions in a thread's cache

struct KeyHash {
  size_t operator()(const Key& key) const {
    uint64_t h = 0x9E3779B97F4A7C15u;
    for (int i = 0; i < key.count; ++i)
      h = (h ^ static_cast<uint64_t>(key.words[static_cast<size_t>(i)])) * 0xC2B2AE3D27D4EB4Fu,
      h ^= h >> 29;
    return h;
  }
};

struct ThreadCache {
  std::unordered_map<Key, std::unique_ptr<Execution>, KeyHash> executions;
  std::mutex mutex;  // locked while `executions` changes, or while another thread reads its counts
  std::atomic<uint64_t> hits{0};
  uint64_t clock = 0;
  dnnl_stream_t stream = nullptr;
  ThreadCache();
  ~ThreadCache();
};
constinit thread_local ThreadCache* t_cache = nullptr;

// All threads share this.  It is never destroyed, because workers outlive static objects.
struct Process {
  struct Entry {
    std::shared_ptr<Primitive> primitive;
    uint64_t last_request;  // the clock when a thread last took it from this map
  };
  std::mutex mutex;
  std::unordered_map<Key, Entry, KeyHash> primitives;
  std::vector<ThreadCache*> threads;
  uint64_t ended_hits = 0, shared_hits = 0, misses = 0, clock = 0;
  size_t bytes = 0;
};
Process& process() {
  static Process* const one = new Process;
  static const bool registered = [] {
    const auto lock = [] { one->mutex.lock(); };
    const auto unlock = [](bool in_child) {
      // The child has neither the other threads nor the memory that holds their caches.
      if (in_child) std::erase_if(one->threads, [](ThreadCache* c) { return c != t_cache; });
      one->mutex.unlock();
    };
    at_fork(ForkLock::kPrimitives, lock, unlock);
    return true;
  }();
  (void)registered;
  return *one;
}

// Created before main, so that no thread creates it while another forks.
[[maybe_unused]] Process& g_process = process();

ThreadCache::ThreadCache() {
  Process& all = process();
  std::lock_guard lock(all.mutex);
  all.threads.reserve(all.threads.size() + 1);
  check_status(dnnl_stream_create(&stream, engine(), dnnl_stream_default_flags), "stream");
  all.threads.push_back(this);
}
ThreadCache::~ThreadCache() {
  Process& all = process();
  std::lock_guard lock(all.mutex);
  std::erase(all.threads, this);
  all.ended_hits += hits;
  executions.clear();
  dnnl_stream_destroy(stream);
}

// The cache is deleted when the thread ends.  The main thread's is never deleted, because a static
// object may compute after main.
ThreadCache& thread_cache() {
  if (!t_cache) [[unlikely]] {
    static AtThreadEnd at_end([](void* cache) {
      t_cache = nullptr;
      delete static_cast<ThreadCache*>(cache);
    });
    auto made = std::make_unique<ThreadCache>();
    if (!at_end.set(made.get())) fail_memory();
    t_cache = made.release();
  }
  return *t_cache;
}

std::atomic<bool> g_program_ends{false};
void check_alive() {
  check(!g_program_ends.load(std::memory_order_relaxed),
        "oneDNN: expected matrix products only before main returns, got one later, when oneDNN's "
        "static objects are destroyed; compute it earlier");
}

// oneDNN and the OpenMP library end the program if a small allocation fails.  If a larger block can
// be allocated, there is memory for small ones.
void require_memory() {
  constexpr size_t kBytes = size_t{1} << 20;
  const std::unique_ptr<void, void (*)(void*)> probe(std::malloc(kBytes), std::free);
  if (!probe) fail_memory(kBytes);
}

template <class Map, class Age>
auto oldest(Map& map, Age age) {
  return std::min_element(map.begin(), map.end(),
                          [&](auto& a, auto& b) { return age(a.second) < age(b.second); });
}

// The process's primitive for `key`.  If it is missing, one thread makes it, and the others wait.
std::shared_ptr<Primitive> shared_primitive(const Key& key, const Make& make) {
  Process& all = process();
  std::lock_guard lock(all.mutex);
  const auto found = all.primitives.find(key);
  if (found != all.primitives.end()) {
    ++all.shared_hits;
    found->second.last_request = ++all.clock;
    return found->second.primitive;
  }
  SingleThread planned_for_one;
  std::shared_ptr<Primitive> made = make();
  static const int registered = std::atexit([] { g_program_ends = true; });
  (void)registered;
  while (!all.primitives.empty() && all.bytes + made->bytes() > kLimit) {
    const auto old = oldest(all.primitives, [](auto& entry) { return entry.last_request; });
    all.bytes -= old->second.primitive->bytes();
    all.primitives.erase(old);
  }
  all.primitives.insert_or_assign(key, Process::Entry{made, ++all.clock});
  all.bytes += made->bytes();
  ++all.misses;
  return made;
}

}  // namespace

void check_status(dnnl_status_t status, const char* what) {
  if (status == dnnl_out_of_memory) fail_memory();
  check(status == dnnl_success, "oneDNN: ", what, ": expected success, got status ",
        static_cast<int>(status));
}

dnnl_engine_t engine() {
  static dnnl_engine_t const one = [] {
    const auto runtime = dnnl_version()->cpu_runtime;
    check(runtime == DNNL_RUNTIME_OMP || runtime == DNNL_RUNTIME_SEQ,
          "oneDNN: expected a library that runs on OpenMP or on one thread, got runtime ", runtime);
    dnnl_engine_t made = nullptr;
    check_status(dnnl_engine_create(&made, dnnl_cpu, 0), "engine");
    return made;
  }();
  return one;
}

dnnl_data_type_t data_type(DType dtype) { return dtype == kBFloat16 ? dnnl_bf16 : dnnl_f32; }

Attributes new_attributes() {
  dnnl_primitive_attr_t made = nullptr;
  check_status(dnnl_primitive_attr_create(&made), "attributes");
  Attributes attributes(made);
  check_status(dnnl_primitive_attr_set_scratchpad_mode(made, dnnl_scratchpad_mode_user),
               "scratchpad mode");
  return attributes;
}

namespace {

// If memory runs out while a primitive is made, oneDNN's own cache has a broken entry, and every
// later request for the primitive would fail.  Setting the capacity to 0 drops the entry.
dnnl_primitive_t new_primitive(const_dnnl_primitive_desc_t description) {
  dnnl_primitive_t made = nullptr;
  try {
    check_status(dnnl_primitive_create(&made, description), "primitive");
  } catch (...) {
    int capacity = 0;
    dnnl_get_primitive_cache_capacity(&capacity);
    dnnl_set_primitive_cache_capacity(0);
    dnnl_set_primitive_cache_capacity(capacity);
    throw;
  }
  return made;
}

}  // namespace

Primitive::Primitive(const_dnnl_primitive_desc_t description, std::string name)
    : name_(std::move(name)) {
  const char* implementation = nullptr;
  check_status(dnnl_primitive_desc_query(description, dnnl_query_impl_info_str, 0, &implementation),
               "query");
  implementation_ = implementation;
  assert(implementation_.find("ref") == std::string::npos && "a reference loop was chosen");
  primitive_.reset(new_primitive(description));
  const dnnl_memory_desc_t* scratchpad =
      dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
  scratchpad_bytes_ = scratchpad ? dnnl_memory_desc_get_size(scratchpad) : 0;
  if (scratchpad_bytes_) scratchpad_ = *scratchpad;
}

size_t Primitive::bytes() const { return kCodeBytes + name_.size() + implementation_.size(); }

Execution::Execution(std::shared_ptr<Primitive> primitive) : primitive_(std::move(primitive)) {
  const auto add = [this](int role, const dnnl_memory_desc_t& layout) {
    dnnl_memory_t memory = nullptr;
    check_status(dnnl_memory_create(&memory, &layout, engine(), DNNL_MEMORY_NONE), "memory");
    memory_[static_cast<size_t>(count_)].reset(memory);
    arguments_[static_cast<size_t>(count_++)] = {role, memory};
  };
  for (const auto& [role, layout] : primitive_->arguments_) add(role, layout);
  if (primitive_->scratchpad_bytes_) add(DNNL_ARG_SCRATCHPAD, primitive_->scratchpad_);
}

Execution::~Execution() { primitive_->ended_runs_ += runs_; }

void Execution::run(std::initializer_list<const void*> pointers) {
  check_alive();
  size_t i = 0;
  for (const void* p : pointers)
    dnnl_memory_set_data_handle(arguments_[i++].memory, const_cast<void*>(p));
  const Scratch scratch(primitive_->scratchpad_bytes_);
  if (scratch.data()) dnnl_memory_set_data_handle(arguments_[i].memory, scratch.data());
  dnnl_status_t status;
  try {
    SingleThread alone;
    status = dnnl_primitive_execute(primitive_->primitive_.get(), t_cache->stream, count_,
                                    arguments_.data());
  } catch (const std::bad_alloc&) { fail_memory(); }
  check_status(status, "execute");
  runs_.store(runs_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

Execution* find(const Key& key) {
  if (!t_cache) [[unlikely]]
    return nullptr;
  ThreadCache& c = *t_cache;
  const auto it = c.executions.find(key);
  if (it == c.executions.end()) return nullptr;
  c.hits.store(c.hits.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  it->second->last_use = ++c.clock;
  return it->second.get();
}

Execution& add(const Key& key, const Make& make) try {
  check_alive();
  require_memory();
  ThreadCache& c = thread_cache();
  auto made = std::make_unique<Execution>(shared_primitive(key, make));
  made->last_use = ++c.clock;
  std::lock_guard lock(c.mutex);
  if (c.executions.size() >= kMostExecutions)
    c.executions.erase(oldest(c.executions, [](auto& e) { return e->last_use; }));
  return *c.executions.insert_or_assign(key, std::move(made)).first->second;
} catch (const std::bad_alloc&) { fail_memory(); }

// Reads the private counters of Primitive and Execution, which declare this struct a friend.
struct Statistics {
  static OnednnStats read() {
    Process& all = process();
    std::lock_guard lock(all.mutex);
    OnednnStats stats{
        all.ended_hits + all.shared_hits, all.misses, static_cast<int64_t>(all.bytes), {}};
    std::unordered_map<const Primitive*, int64_t> runs;
    for (ThreadCache* c : all.threads) {
      std::lock_guard lock_thread(c->mutex);
      stats.hits += c->hits;
      for (auto& [key, e] : c->executions) runs[e->primitive_.get()] += e->runs_;
    }
    for (auto& [key, entry] : all.primitives) {
      const Primitive& p = *entry.primitive;
      stats.primitives.push_back({p.name_, p.implementation_, p.ended_runs_ + runs[&p]});
    }
    std::sort(stats.primitives.begin(), stats.primitives.end(),
              [](const OnednnPrimitive& a, const OnednnPrimitive& b) { return a.name < b.name; });
    return stats;
  }
};

}  // namespace vitro::onednn

namespace vitro {

OnednnStats onednn_stats() { return onednn::Statistics::read(); }

}  // namespace vitro
