// What the user writes: lines of standard input, and prompts in files.
#pragma once
#include <string>

namespace vitro::cli {

// Lines of standard input, as they come.
class LineReader {
 public:
  enum class Result { kLine, kEnd, kInterrupted };
  // On a terminal the sign asks for each line.
  explicit LineReader(std::string sign) : sign_(std::move(sign)) {}
  Result next(std::string& line);  // without its end; IoError if the input cannot be read

 private:
  std::string sign_, rest_;
};

// The bytes of a file, or of standard input for "-", without a line end after them.  ValueError if
// there are none.
std::string read_prompt(const std::string& file);

}  // namespace vitro::cli
