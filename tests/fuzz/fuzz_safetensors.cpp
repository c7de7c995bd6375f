// Reads any bytes as a safetensors file.  The result must be readable tensors, or an IoError.
#include "vitro.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vitro;
  try {
    const Safetensors all = parse_safetensors({reinterpret_cast<const char*>(data), size}, "fuzz");
    for (const auto& [name, x] : all.tensors) x.to(kFloat64);
  } catch (const IoError&) {}
  return 0;
}
