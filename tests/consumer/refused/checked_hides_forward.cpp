// c++20 error: write: Tensor forward\(const Tensor& x\) override
#include <vitro/vitro.h>
using namespace vitro;

struct Model : nn::Module {
  Tensor forward(const Tensor& x) const { return x; }
};
int main() {
  Model m;
  nn::check_members(m);
}
