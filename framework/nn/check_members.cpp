// check_tree: checks the members() of a whole tree of modules, before the first walk over it.
#include "framework/nn/check_members.h"

#include <atomic>
#include <set>
#include <typeinfo>

#include "framework/nn/walk.h"

namespace vitro::nn {

// Visits a whole tree and records every member that members() names.  Then it searches the bytes of
// each module for other Modules and Parameters.
class MemberCheck final : public Visitor {
 public:
  void operator()(const std::string& name, Tensor& x) override {
    note(name, &x);
    check_requires_grad(prefix_ + name, x);
  }
  void buffer(const std::string& name, Tensor& x) override { note(name, &x); }
  void child(const std::string& name, Module& module, std::span<const std::byte> bytes) override {
    note(name, nullptr);
    std::string outer = std::exchange(prefix_, prefix_ + name + ".");
    visit(module, bytes);
    prefix_ = outer;
  }

  void visit(Module& module, std::span<const std::byte> bytes) {
    parts_.push_back({&module, prefix_.substr(0, prefix_.size() - !prefix_.empty()), bytes});
    named_.insert(static_cast<const Marked*>(&module));
    try {
      module.members(*this);
    } catch (Error& error) {
      error.add_context(module.describe());
      throw;
    }
  }
  // Searches inner modules first, so that the error names the module that holds the forgotten
  // member directly.
  void finish() {
    for (auto part = parts_.rbegin(); part != parts_.rend(); ++part) look_through(*part);
    for (const Part& part : parts_)
      std::atomic_ref(part.module->checked_).store(&typeid(*part.module));
  }

 private:
  struct Part {
    Module* module;
    std::string path;
    std::span<const std::byte> bytes;
  };

  void note(const std::string& name, const Tensor* x) {
    check<ValueError>(paths_.insert(prefix_ + name).second,
                      "members: expected one member of each name, got two of the name ", prefix_,
                      name);
    named_.insert(x);
  }

  void look_through(const Part& part) const {
    for (size_t at = 0; at + sizeof(Marked) <= part.bytes.size(); at += alignof(Marked)) {
      const std::byte* const place = part.bytes.data() + at;
      if (const Marked* module = Marked::find(place, Marked::Kind::kModule))
        if (!named_.contains(module))
          blame(part, at, static_cast<const Module*>(module)->describe());
      if (const Marked* marked = Marked::find(place, Marked::Kind::kParameter)) {
        const Tensor* x = static_cast<const Parameter*>(marked);
        if (x->defined() && !named_.contains(x)) blame(part, at, "a Parameter ", x->shape());
      }
    }
  }

  template <class... What>
  [[noreturn]] static void blame(const Part& part, size_t at, const What&... what) {
    fail<ValueError>(
        "members: expected ", part.path, part.path.empty() ? "" : ": ", part.module->describe(),
        " to name each Module and Parameter that it holds, got ", "none for ", what...,
        " near byte ", at, " of ", part.bytes.size(), "; add v(\"...\", member) to its members()");
  }

  std::string prefix_;
  std::vector<Part> parts_;
  std::set<std::string> paths_;
  std::set<const void*> named_;  // addresses of Tensors, and of the Marked base of Modules
};

void check_tree(Module& root, std::span<const std::byte> bytes) {
  MemberCheck check;
  check.visit(root, bytes);
  check.finish();
}

void Module::visit(Visitor& v) {
  if (std::atomic_ref(checked_).load() != &typeid(*this)) check_tree(*this);
  members(v);
}

}  // namespace vitro::nn
