// c++20 error: (no (matching|viable)|cannot convert)
#include <vitro/vitro.h>
using namespace vitro;

int main() {
  nn::Linear l(2, 3);
  l.register_forward_hook([](nn::Module&, const Tensor&, const Tensor&) { return 3; });
}
