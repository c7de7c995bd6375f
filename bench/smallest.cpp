// The smallest program: one forward of one Linear.  Its compilation and its run are timed.
#include <vitro/vitro.h>

int main() {
  vitro::nn::Linear layer(8, 4);
  return layer(vitro::ones({2, 8})).shape() == vitro::Shape{2, 4} ? 0 : 1;
}
