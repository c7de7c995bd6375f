// c++20 error: deleted
#include <vitro/vitro.h>
using namespace vitro;

struct Model : nn::Module {
  nn::Parameter gain = ones({3});
  void members(nn::Visitor& v) override { v.buffer("gain", gain); }
};
int main() { Model().parameters(); }
