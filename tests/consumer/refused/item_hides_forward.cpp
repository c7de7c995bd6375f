// c++20 error: write: Tensor forward\(const Tensor& x\) override
#include <vitro/vitro.h>
using namespace vitro;

struct Item : nn::Module {
  Tensor forward(Tensor& x) { return x; }
};
int main() { nn::Sequential(nn::Tanh(), Item()); }
