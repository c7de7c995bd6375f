// Module: a struct of parameters and child modules, one list of their names, and a forward.
//
// Everything a user asks of a model (its parameters, its state dict, its printed tree ...) is a
// walk over members().  There is no registration: PyTorch's registries, macros and holders are
// replaced by one virtual function, so that moving, tying and cloning modules need no bookkeeping.
#pragma once
#include <atomic>
#include <map>
#include <optional>
#include <typeinfo>

#include "../autograd/node.h"
#include "../tensor/named_tensors.h"
#include "../tensor/random.h"
#include "hooks.h"
#include "visitor.h"

namespace [[gnu::visibility("default")]] vitro {
namespace nn {

using NamedModules = std::vector<std::pair<std::string, Module*>>;

struct Mismatch {
  std::string name, reason;
};
struct LoadResult {
  std::vector<std::string> missing;     // in the model only
  std::vector<std::string> unexpected;  // in the file only
  std::vector<Mismatch> mismatched;     // shape or dtype differs
};
struct LoadOptions {
  bool strict = true;
};

class Module : public Marked {
 public:
  Module() : Marked(Kind::kModule) {}
  Module(Module&& other) noexcept;
  Module& operator=(Module&& other) noexcept;
  Module(const Module&) = delete;  // clone() is explicit
  Module& operator=(const Module&) = delete;
  virtual ~Module();

  virtual void members(Visitor&) {}      // the one list that everything is derived from
  virtual std::string describe() const;  // "Linear(8 -> 32)"; the class name unless overridden
  // The forward of a module with one tensor in and one out.  g++ warns of one that hides it.
#pragma GCC diagnostic push
#pragma GCC diagnostic warning "-Woverloaded-virtual"
  virtual Tensor forward(const Tensor& x);
#pragma GCC diagnostic pop
  // Multiplications and additions of one forward, given its input and output; 0 if not a product.
  virtual int64_t macs(const Shape& x, const Shape& y) const { return (void)x, (void)y, 0; }

  // forward with hooks, and with this module's path in any error that passes.
  Tensor operator()(const Tensor& x) {
    return call(x, [this](const Tensor& in) { return forward(in); });
  }

  // --- walks; a tied tensor is listed once, under its first name; the first checks members() ---
  NamedTensors named_parameters();
  NamedTensors named_buffers();
  NamedModules named_modules();   // this one first, under ""
  NamedModules named_children();  // one level
  std::vector<Tensor> parameters();
  std::vector<Tensor> buffers();
  std::vector<Module*> modules();
  std::vector<Module*> children();
  Module& find(const std::string& path);  // "h.3.attn"; ValueError lists what there is
  int64_t parameter_count();
  void visit(Visitor& v);     // one level: members(), after the check
  NamedTensors state_dict();  // parameters and buffers, sharing storage
  // Copies the values in.  Strict: one error lists everything that does not fit, and nothing
  // changes. A tensor of another shape or dtype is never loaded.  Tied names must bring equal
  // values.
  LoadResult load_state_dict(const NamedTensors& dict, const LoadOptions& options = {});

  Module& train(bool on = true);
  Module& eval() { return train(false); }
  bool is_training() const { return training_; }
  Module& to(DType dtype);  // floating parameters and buffers, in place
  void zero_grad();
  Module& apply(const std::function<void(Module&)>& f);  // children first, then this
  // The tree with shapes and parameter counts; with an example input, MACs per module too.
  std::string summary(const Tensor& example = {});

  // --- hooks; a Tensor replaces the value; an undefined one, or nothing, leaves it as it is ---
  RemovableHandle register_forward_pre_hook(Hook<ForwardPreHook> hook);
  RemovableHandle register_forward_hook(Hook<ForwardHook> hook);
  // Runs when the gradients of the input and output are known; grad_input is undefined for an input
  // without gradient, grad_output where the gradient entered inside the module.  The result becomes
  // the input's gradient.
  RemovableHandle register_full_backward_hook(Hook<FullBackwardHook> hook);

  bool is_hooked() const;  // whether any hook is attached now

  const std::string& path() const { return interned(path_); }  // from the root that first ran

 protected:
  // The front of every call.  A module with other arguments gives its own operator() on top of
  // this.
  template <class F>
  Tensor call(const Tensor& x, F&& run) {
    Scope scope(*this);
    try {
      if (!hooks_ || !is_hooked()) [[likely]]
        return run(x);
      auto state =
          std::make_shared<BackwardHookState>(BackwardHookState{hooks_, x.requires_grad()});
      Tensor in = before(x, state);
      return after(in, run(in), state);
    } catch (...) { rethrow_here(); }
  }

 private:
  friend class Scope;
  friend class MemberCheck;
  // Marks this module as the one whose ops are recorded; the outermost names the whole tree.
  class Scope {
   public:
    explicit Scope(Module& module) : outer_(t_module_path) {
      if (!t_root || !module.knows_path()) [[unlikely]]
        enter(module);
      t_module_path = module.path_;
    }
    ~Scope() {
      t_module_path = outer_;
      if (is_root_) t_root = nullptr;
    }

   private:
    void enter(Module& module);
    NameId outer_;
    bool is_root_ = false;
  };
  static constinit thread_local Module* t_root;  // the outermost module that runs
  static constinit thread_local bool t_in_hook;  // a hook of a module runs

  Tensor before(const Tensor& x, const std::shared_ptr<BackwardHookState>& state);
  Tensor after(const Tensor& x, Tensor y, const std::shared_ptr<BackwardHookState>& state);
  [[noreturn]] void rethrow_here() const;  // the error being handled, and where it passed
  ModuleHooks& hooks();

  bool training_ = true;
  // kUnnamed: the module that ran it does not name it, and it would be trained if grad mode were
  // on.
  enum class Path : uint8_t { kUnknown, kUnnamed, kKnown };
  Path path_state() const {
    return std::atomic_ref(const_cast<Path&>(path_state_)).load(std::memory_order_acquire);
  }
  bool knows_path() const { return path_state() == Path::kKnown; }
  void set_path_state(Path to) {
    std::atomic_ref(path_state_).store(to, std::memory_order_release);
  }
  Path path_state_ = Path::kUnknown;
  const std::type_info* checked_ = nullptr;  // the class whose members() were checked
  NameId path_ = 0;
  std::shared_ptr<ModuleHooks> hooks_;
};

}  // namespace nn
}  // namespace vitro
