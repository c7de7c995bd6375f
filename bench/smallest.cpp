// The smallest program: one Linear, one forward.  It is timed, and so is its compilation.
#include <vitro/vitro.h>

int main() {
  vitro::nn::Linear layer(8, 4);
  return layer(vitro::ones({2, 8})).shape() == vitro::Shape{2, 4} ? 0 : 1;
}
