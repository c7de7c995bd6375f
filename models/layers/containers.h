// Modules that hold modules.
#pragma once
#include "../../framework/nn/module.h"

namespace [[gnu::visibility("default")]] vitro {
namespace nn {

// Modules by position, "0", "1", ...; a list to call by hand.
class ModuleList : public Module {
 public:
  ModuleList() = default;
  template <class... M>
  explicit ModuleList(M... modules) {
    (push_back(std::move(modules)), ...);
  }
  template <class M>
  M& push_back(M module) {
    static_assert(!HidesForward<M>, "write: Tensor forward(const Tensor& x) override");
    auto owned = std::make_unique<M>(std::move(module));
    M& place = *owned;
    items_.push_back({std::move(owned), std::as_bytes(std::span(&place, 1))});
    return place;
  }
  size_t size() const { return items_.size(); }
  Module& operator[](size_t i) { return *items_.at(i).module; }
  void members(Visitor& v) override {
    for (size_t i = 0; i < items_.size(); ++i)
      v.child(std::to_string(i), *items_[i].module, items_[i].bytes);
  }

 protected:
  struct Item {
    std::unique_ptr<Module> module;
    std::span<const std::byte> bytes;  // of the module's class
  };
  std::vector<Item> items_;
};

// One module after another; the empty one is the identity.  Sequential(Linear(2, 3), Tanh(), ...).
struct Sequential : ModuleList {
  using ModuleList::ModuleList;
  Tensor forward(const Tensor& x) override;
};

}  // namespace nn
}  // namespace vitro
