// The user's own tensor, in a file that has the same name as one of vitro's.
#pragma once

struct ConsumerTensor {
  int rank = 2;
};
