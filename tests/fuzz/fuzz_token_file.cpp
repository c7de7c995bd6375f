// Reads any bytes as a token file.  The result must be ids that can be read, or an IoError.
#include "models/text/token_file.h"
#include "vitro.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vitro;
  try {
    const text::TokenFile tokens({reinterpret_cast<const char*>(data), size}, "fuzz");
    std::vector<int64_t> ids(static_cast<size_t>(tokens.size()));
    tokens.copy(0, ids);
    tokens.verify();
  } catch (const IoError&) {}
  return 0;
}
