// ModuleList and Sequential: modules that hold other modules.
#pragma once
#include "../../framework/nn/module.h"

namespace [[gnu::visibility("default")]] vitro {
namespace nn {

// A list of modules with the names "0", "1", ...  It has no forward: its owner calls the modules.
class ModuleList : public Module {
 public:
  ModuleList() = default;  // empty
  // Moves the modules into the list, in this order.
  template <class... M>
  explicit ModuleList(M... modules) {
    (push_back(std::move(modules)), ...);
  }
  // Moves a module into the list.  The returned reference is valid as long as the list exists.
  template <class M>
  M& push_back(M module) {
    static_assert(!HidesForward<M>, "write: Tensor forward(const Tensor& x) override");
    auto owned = std::make_unique<M>(std::move(module));
    M& place = *owned;
    items_.push_back({std::move(owned), std::as_bytes(std::span(&place, 1))});
    return place;
  }
  size_t size() const { return items_.size(); }                  // how many modules
  Module& operator[](size_t i) { return *items_.at(i).module; }  // std::out_of_range
  void members(Visitor& v) override {
    for (size_t i = 0; i < items_.size(); ++i)
      v.child(std::to_string(i), *items_[i].module, items_[i].bytes);
  }

 protected:
  // A module, and the memory of its object.
  struct Item {
    std::unique_ptr<Module> module;    // owned
    std::span<const std::byte> bytes;  // the whole object, for the check of members()
  };
  std::vector<Item> items_;  // in the order of the names
};

// Calls its modules one after another: Sequential(Linear(2, 3), Tanh(), ...).  Empty, it returns x.
struct Sequential : ModuleList {
  using ModuleList::ModuleList;
  Tensor forward(const Tensor& x) override;
};

}  // namespace nn
}  // namespace vitro
