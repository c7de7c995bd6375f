// Module: a struct of parameters and child modules, one list of their names, and a forward.
//
// Parameters, the state dict and the printed tree all come from a walk over members().  This one
// virtual function replaces PyTorch's registries, macros and holders.  Nothing is registered, so
// modules can be moved, tied and cloned without bookkeeping.
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

using NamedModules = std::vector<std::pair<std::string, Module*>>;  // pairs of path and module

// A tensor that load_state_dict() did not load.
struct Mismatch {
  std::string name, reason;  // its name, and the difference
};
// The result of load_state_dict(): names that did not fit.
struct LoadResult {
  std::vector<std::string> missing;     // in the model only
  std::vector<std::string> unexpected;  // in the dictionary only
  std::vector<Mismatch> mismatched;     // shape, dtype or values of tied names differ
};
// Options of load_state_dict().
struct LoadOptions {
  bool strict = true;  // whether a name that does not fit is an error
};

// The base of all modules and models.
class Module : public Marked {
 public:
  // Modules can be moved, but not copied; clone() makes copies.
  Module() : Marked(Kind::kModule) {}
  Module(Module&& other) noexcept;
  Module& operator=(Module&& other) noexcept;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;
  virtual ~Module();

  virtual void members(Visitor&) {}      // names every parameter, buffer and child to the visitor
  virtual std::string describe() const;  // "Linear(8 -> 32)"; the class name unless overridden
  // Computes the output of a module that has one input.  g++ warns of a forward that hides it.
#pragma GCC diagnostic push
#pragma GCC diagnostic warning "-Woverloaded-virtual"
  virtual Tensor forward(const Tensor& x);
#pragma GCC diagnostic pop
  // Multiply-accumulates of one forward from shape x to shape y, without children; 0 if none.
  virtual int64_t macs(const Shape& x, const Shape& y) const { return (void)x, (void)y, 0; }

  // Calls forward and the hooks.  An error that passes through gets a line with this module's path.
  Tensor operator()(const Tensor& x) {
    return call(x, [this](const Tensor& in) { return forward(in); });
  }

  // --- walks; a tied tensor is listed once, by its first name; the first walk checks members() ---

  NamedTensors named_parameters();        // all parameters with their paths
  NamedTensors named_buffers();           // all buffers with their paths
  NamedModules named_modules();           // this one first, under ""
  NamedModules named_children();          // the modules one level below
  std::vector<Tensor> parameters();       // named_parameters() without the paths
  std::vector<Tensor> buffers();          // named_buffers() without the paths
  std::vector<Module*> modules();         // named_modules() without the paths
  std::vector<Module*> children();        // named_children() without the paths
  Module& find(const std::string& path);  // "h.3.attn"; ValueError lists the paths that exist
  int64_t parameter_count();              // how many numbers the parameters have
  void visit(Visitor& v);                 // members(v), after the check of the first walk
  NamedTensors state_dict();              // parameters and buffers; they share the storage
  // Copies values into the model.  Strict: a ValueError lists every name that does not fit, and
  // nothing changes.  Shapes and dtypes must be equal, and so must values for one tied tensor.
  LoadResult load_state_dict(const NamedTensors& dict, const LoadOptions& options = {});

  Module& train(bool on = true);                  // sets the training mode of the whole tree
  Module& eval() { return train(false); }         // ends training mode
  bool is_training() const { return training_; }  // the mode of this module
  Module& to(DType dtype);  // converts floating parameters and buffers in place; drops gradients
  void zero_grad();         // drops the gradients of all parameters
  Module& apply(const std::function<void(Module&)>& f);  // f(m) for all modules, children first
  // The tree with shapes and parameter counts; with an example input, also MACs per module.
  std::string summary(const Tensor& example = {});

  // --- hooks; if one returns a defined tensor, that replaces the value ---

  RemovableHandle register_forward_pre_hook(Hook<ForwardPreHook> hook);  // may replace the input
  RemovableHandle register_forward_hook(Hook<ForwardHook> hook);         // may replace the output
  // Runs when the gradients of input and output are known; may replace grad_input.  grad_input is
  // undefined if the input requires no grad, grad_output if no gradient came through the output.
  RemovableHandle register_full_backward_hook(Hook<FullBackwardHook> hook);

  bool is_hooked() const;  // whether the module has a hook

  const std::string& path() const { return interned(path_); }  // in the first root that ran it

 protected:
  // Calls run(x) with hooks and error context.  An operator() with other arguments uses this too.
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
  // In the scope, recorded ops get this module's path.  The outermost call sets all paths.
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
  static constinit thread_local Module* t_root;  // the outermost module that runs; else null
  static constinit thread_local bool t_in_hook;  // whether a forward or pre-hook runs

  Tensor before(const Tensor& x, const std::shared_ptr<BackwardHookState>& state);
  Tensor after(const Tensor& x, Tensor y, const std::shared_ptr<BackwardHookState>& state);
  [[noreturn]] void rethrow_here() const;  // rethrows the current error with this module's path
  ModuleHooks& hooks();

  bool training_ = true;
  // kUnnamed: the root that ran the module does not name it: an error if grad mode is on.
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
