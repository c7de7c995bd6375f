// The user's own tensor, in a file named as one of vitro's.
#pragma once

struct ConsumerTensor {
  int rank = 2;
};
