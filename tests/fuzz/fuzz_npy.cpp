// Reads any bytes as a NumPy file.  The result must be a tensor that can be read, or an IoError.
#include "vitro.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vitro;
  try {
    parse_npy({reinterpret_cast<const char*>(data), size}, "fuzz").to(kFloat64);
  } catch (const IoError&) {}
  return 0;
}
