// Hook: a function that gets a value and may return a replacement for it.
#pragma once
#include <functional>
#include <type_traits>
#include <utility>

#include "cxx20.h"

namespace [[gnu::visibility("default")]] vitro {

// A std::function<R(Args...)> that can also be made from a function that returns nothing.  The Hook
// then returns R().  If R is Tensor, R() is the undefined tensor, and the value is not replaced.
template <class Signature>
struct Hook;
// The definition for a function signature.
template <class R, class... Args>
struct Hook<R(Args...)> {
  std::function<R(Args...)> function;  // returns R() if the given function returns nothing

  // Wraps f, which is called with Args... and returns an R or nothing.
  template <class F>
  requires std::is_invocable_r_v<R, F&, Args...> ||
      std::is_void_v<std::invoke_result_t<F&, Args...>>
      Hook(F f) {
    if constexpr (std::is_void_v<std::invoke_result_t<F&, Args...>>)
      function = [f = std::move(f)](Args... args) mutable -> R {
        f(std::forward<Args>(args)...);
        return R();
      };
    else function = std::move(f);
  }
};

}  // namespace vitro
