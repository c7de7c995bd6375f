// Hook: a function whose result replaces a value.
#pragma once
#include <functional>
#include <type_traits>
#include <utility>

#include "cxx20.h"

namespace [[gnu::visibility("default")]] vitro {

// A std::function<R(Args...)> that is also made of a function that returns nothing: it then gives
// R(), which for a Tensor is the undefined one and leaves the value as it is.
template <class Signature>
struct Hook;
template <class R, class... Args>
struct Hook<R(Args...)> {
  std::function<R(Args...)> function;

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
