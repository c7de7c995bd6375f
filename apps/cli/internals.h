// Removes the names of C++ functions from the library's messages.
#pragma once
#include <string>
#include <string_view>

namespace vitro::cli {

// Functions and classes whose name stands at the start of messages of the library.  Words that
// users know, such as "text" or "tokens", are not in the list.
inline constexpr std::string_view kFunctionNames =
    " ActivationCache CausalSelfAttention Conversation Decimal Dropout Embedding GPTConfig "
    "KVCache MultiheadAttention Rows TrainingOptions TrainingRun activation append_utf8 "
    "batches calculate_gain cell check_length clone compare copy decode encode evaluate field "
    "find fit forward_from from_checkpoint from_pretrained generate generate_text "
    "likeliest_tokens load load_checkpoint load_model load_npy load_safetensors "
    "load_state_dict load_tokenizer make_model map members next_token normal_ orthogonal_ "
    "parse_tokenizer plus proof read_file read_stream register_model remove_file resume "
    "sample save save_checkpoint save_npy save_pretrained save_safetensors schedule_of "
    "set_num_threads slice split to to_checkpoint to_nfc token train trunc_normal_ uniform_ "
    "worked_softmax write_file write_token_file ";

// Removes the function names from a message of the library: "load: PATH: cannot be read" becomes
// "PATH: cannot be read".  Users of the program know paths and options, but no C++ names.  A name
// is removed where it stands between ": " and ": ", or between the start of the message and ": ".
inline std::string without_internals(std::string message) {
  const auto is_name = [](const std::string& part) {
    return part.find(' ') == part.npos && kFunctionNames.find(' ' + part + ' ') != part.npos;
  };
  for (size_t begin = 0, end; (end = message.find(": ", begin)) != message.npos;) {
    if (is_name(message.substr(begin, end - begin))) message.erase(begin, end + 2 - begin);
    else begin = end + 2;
  }
  return message;
}

}  // namespace vitro::cli
