// The thread-local cache of ready primitives: executing one costs a look-up, no allocation of ours.
// A primitive run by two threads with oneDNN's own scratchpad computes wrong numbers, so each
// thread has its own, with scratch memory from our allocator.
#include "ops/onednn/cache.h"

#include <algorithm>
#include <cassert>
#include <memory>
#include <unordered_map>

#include "framework/allocator.h"
#include "framework/error.h"
#include "framework/runtime.h"

namespace vitro::onednn {

namespace {

constexpr size_t kLimit = size_t{64} << 20;      // bytes kept per thread
constexpr size_t kCodeBytes = size_t{48} << 10;  // what a primitive itself is taken to occupy

struct KeyHash {
  size_t operator()(const Key& key) const {
    uint64_t h = 0x9E3779B97F4A7C15u;
    for (int i = 0; i < key.count; ++i)
      h = (h ^ static_cast<uint64_t>(key.words[static_cast<size_t>(i)])) * 0xC2B2AE3D27D4EB4Fu,
      h ^= h >> 29;
    return h;
  }
};

struct Cache {
  std::unordered_map<Key, std::unique_ptr<Primitive>, KeyHash> primitives;
  uint64_t hits = 0, misses = 0, clock = 0;
  size_t bytes = 0;
};
Cache& cache() {
  thread_local Cache one;
  return one;
}

dnnl_stream_t stream() {
  struct Owner {
    dnnl_stream_t stream = nullptr;
    Owner() {
      check_status(dnnl_stream_create(&stream, engine(), dnnl_stream_default_flags), "stream");
    }
    ~Owner() { dnnl_stream_destroy(stream); }
  };
  thread_local Owner owner;
  return owner.stream;
}

}  // namespace

Key::Key() { add(get_num_threads()); }

void check_status(dnnl_status_t status, const char* what) {
  check(status == dnnl_success, "oneDNN: ", what, " failed with status ", static_cast<int>(status));
}

dnnl_engine_t engine() {
  static dnnl_engine_t const one = [] {
    dnnl_engine_t made = nullptr;
    check_status(dnnl_engine_create(&made, dnnl_cpu, 0), "engine");
    return made;
  }();
  return one;
}

dnnl_data_type_t data_type(DType dtype) { return dtype == kBFloat16 ? dnnl_bf16 : dnnl_f32; }

dnnl_primitive_attr_t new_attributes() {
  dnnl_primitive_attr_t attributes = nullptr;
  check_status(dnnl_primitive_attr_create(&attributes), "attributes");
  check_status(dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user),
               "scratchpad mode");
  return attributes;
}

Primitive::Primitive(const_dnnl_primitive_desc_t description, std::string name)
    : name_(std::move(name)) {
  const char* implementation = nullptr;
  check_status(dnnl_primitive_desc_query(description, dnnl_query_impl_info_str, 0, &implementation),
               "query");
  implementation_ = implementation;
  assert(implementation_.find("ref") == std::string::npos && "a reference loop was chosen");
  check_status(dnnl_primitive_create(&primitive_, description), "primitive");
  const dnnl_memory_desc_t* scratchpad =
      dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
  scratchpad_bytes_ = scratchpad ? dnnl_memory_desc_get_size(scratchpad) : 0;
  if (scratchpad_bytes_) {
    check_status(dnnl_memory_create(&scratchpad_, scratchpad, engine(), DNNL_MEMORY_NONE),
                 "memory");
    arguments_[static_cast<size_t>(count_++)] = {DNNL_ARG_SCRATCHPAD, scratchpad_};
  }
}

Primitive::~Primitive() {
  for (int i = 0; i < count_; ++i) dnnl_memory_destroy(arguments_[static_cast<size_t>(i)].memory);
  dnnl_primitive_destroy(primitive_);
}

void Primitive::add_argument(int role, const dnnl_memory_desc_t& layout) {
  dnnl_memory_t memory = nullptr;
  check_status(dnnl_memory_create(&memory, &layout, engine(), DNNL_MEMORY_NONE), "memory");
  arguments_[static_cast<size_t>(count_++)] = {role, memory};
}

void Primitive::run(std::initializer_list<const void*> pointers) {
  int i = scratchpad_ ? 1 : 0;
  for (const void* p : pointers)
    dnnl_memory_set_data_handle(arguments_[static_cast<size_t>(i++)].memory, const_cast<void*>(p));
  void* scratch = scratchpad_ ? allocate(scratchpad_bytes_) : nullptr;
  if (scratch) dnnl_memory_set_data_handle(scratchpad_, scratch);
  dnnl_status_t status = dnnl_primitive_execute(primitive_, stream(), count_, arguments_.data());
  if (scratch) deallocate(scratch, scratchpad_bytes_);
  check_status(status, "execute");
  ++runs;
}

size_t Primitive::bytes() const { return kCodeBytes + name_.size() + implementation_.size(); }

Primitive* find(const Key& key) {
  Cache& c = cache();
  auto it = c.primitives.find(key);
  if (it == c.primitives.end()) return nullptr;
  ++c.hits;
  it->second->last_use = ++c.clock;
  return it->second.get();
}

Primitive& keep(const Key& key, Primitive* made) {
  std::unique_ptr<Primitive> owned(made);
  Cache& c = cache();
  ++c.misses;
  while (!c.primitives.empty() && c.bytes + made->bytes() > kLimit) {
    auto oldest = c.primitives.begin();
    for (auto it = c.primitives.begin(); it != c.primitives.end(); ++it)
      if (it->second->last_use < oldest->second->last_use) oldest = it;
    c.bytes -= oldest->second->bytes();
    c.primitives.erase(oldest);
  }
  c.bytes += made->bytes();
  made->last_use = ++c.clock;
  c.primitives[key] = std::move(owned);
  return *made;
}

}  // namespace vitro::onednn

namespace vitro {

OnednnStats onednn_stats() {
  onednn::Cache& c = onednn::cache();
  OnednnStats stats{c.hits, c.misses, static_cast<int64_t>(c.bytes), {}};
  for (auto& [key, p] : c.primitives)
    stats.primitives.push_back({p->name(), p->implementation(), p->runs});
  std::sort(stats.primitives.begin(), stats.primitives.end(),
            [](const OnednnPrimitive& a, const OnednnPrimitive& b) { return a.name < b.name; });
  return stats;
}

}  // namespace vitro
