// Strings that end a text which arrives in pieces.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace vitro::text {

// Of several strings the one that is complete first ends the text, the longest of those that end
// together; so the result does not depend on how the text is cut into pieces.
class StopStrings {
 public:
  explicit StopStrings(std::vector<std::string> strings) : strings_(std::move(strings)) {}

  // What the piece decides of the text, the stop string excluded.  An end of the text that could
  // begin a stop string is held back.
  std::string pass(std::string_view piece);
  std::string rest();  // what is held back, when no piece will follow
  bool found() const { return found_; }

 private:
  size_t undecided() const;

  std::vector<std::string> strings_;
  std::string held_;
  bool found_ = false;
};

}  // namespace vitro::text
