// Reads the user's input: lines of standard input, and prompts in files.
#pragma once
#include <string>

namespace vitro::cli {

// Returns the lines of standard input one by one.
class LineReader {
 public:
  enum class Result { kLine, kEnd, kInterrupted };
  // On a terminal, `sign` is printed before each line is read.
  explicit LineReader(std::string sign) : sign_(std::move(sign)) {}
  // `line` gets the next line without its line end.  IoError if the input cannot be read.
  Result next(std::string& line);

 private:
  std::string sign_, rest_;
};

// The bytes of a file, or of standard input for "-", without the last line end.  ValueError if
// nothing is left.
std::string read_prompt(const std::string& file);

}  // namespace vitro::cli
