// c++20 error: write: Tensor forward\(const Tensor& x\) override
#include <vitro/vitro.h>
using namespace vitro;

struct Child : nn::Module {
  Tensor forward(Tensor x) { return x; }
};
struct Model : nn::Module {
  std::vector<std::unique_ptr<Child>> children;
  void members(nn::Visitor& v) override { v("children", children); }
};
int main() { Model().parameters(); }
