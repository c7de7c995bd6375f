// c++20 warning: forward.*(was hidden|hides overloaded)
#include <vitro/vitro.h>
using namespace vitro;

struct Root : nn::Module {
  Tensor forward(Tensor x) { return x; }
};
#ifndef __clang__  // -Wall of clang would warn about these classes too
struct Other {
  virtual void f(int);
  virtual void g(int);
};
struct HidesOther : Other {
  void f(double);
};
struct HidesMore : Other {
  void g(double);
};
#endif
int main() { Root()(ones({2})); }
