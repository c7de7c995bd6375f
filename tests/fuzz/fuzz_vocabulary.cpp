// Reads any bytes as a tokenizer's JSON.  The result must be an IoError, or a tokenizer that is the
// same after it is written and read again.
#include <cstdlib>

#include "models/text/tokenizer.h"
#include "vitro.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vitro;
  try {
    const auto tokenizer =
        text::parse_tokenizer({reinterpret_cast<const char*>(data), size}, "fuzz");
    const std::string json = tokenizer->to_json();
    if (text::parse_tokenizer(json, "written")->to_json() != json) std::abort();
    if (tokenizer->vocab_size() > 0) {
      const int64_t ids[] = {0, tokenizer->vocab_size() - 1};
      tokenizer->decode(ids);
    }
  } catch (const IoError&) {}
  return 0;
}
