// Reads any bytes as the files of a BPE tokenizer.  The result must be an IoError, or a tokenizer
// that survives saving and loading, and whose decode undoes its encode.
//
// The first % in the bytes is replaced by the 256 byte tokens and their ids, because a fuzzer would
// not find them.  A line "---" separates vocab.json from merges.txt; without it, the bytes are
// tokenizer.json.
#include <cstdlib>

#include "models/text/bpe/bpe_bytes.h"
#include "models/text/bpe/bpe_files.h"
#include "vitro.h"

namespace {

using namespace vitro;

std::string with_bytes(std::string text) {
  std::string ids;
  for (const uint8_t byte : text::bytes_by_character()) {
    const std::string token = text::to_byte_characters(std::string(1, static_cast<char>(byte)));
    ids += (token == "\"" || token == "\\" ? "\"\\" : "\"") + token +
           "\":" + std::to_string(std::count(ids.begin(), ids.end(), '\n')) + ",\n";
  }
  if (const size_t at = text.find('%'); at != std::string::npos) text.replace(at, 1, ids);
  return text;
}

text::BpeVocabulary parse(const std::string& bytes) {
  const size_t line = bytes.find("\n---\n");
  if (line == std::string::npos) return text::parse_tokenizer_json(bytes, "fuzz");
  text::BpeParts parts;
  text::parse_bpe_ids(bytes.substr(0, line), "fuzz", parts);
  text::parse_bpe_merges(bytes.substr(line + 5), "fuzz", parts);
  try {
    return text::bpe_vocabulary(parts);
  } catch (const ValueError& error) { fail<IoError>(error.what()); }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  try {
    const text::BpeTokenizer tokenizer(parse(with_bytes(bytes)));
    const std::string json = tokenizer.to_json();
    if (text::parse_tokenizer(json, "written")->to_json() != json) std::abort();
    const text::BpeVocabulary& known = tokenizer.vocabulary();
    const bool is_plain = known.added.empty() && !known.add_prefix_space && !known.bos_id;
    const std::string again = tokenizer.decode(tokenizer.encode(bytes));
    if (is_plain && again != bytes) std::abort();
  } catch (const IoError&) {}
  return 0;
}
