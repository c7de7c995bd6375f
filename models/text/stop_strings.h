// Stop strings: they end a text that arrives in pieces.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace vitro::text {

// The stop string that is complete first ends the text.  If several end at the same place, the
// longest counts.  So the result does not depend on how the text is cut into pieces.
class StopStrings {
 public:
  explicit StopStrings(std::vector<std::string> strings) : strings_(std::move(strings)) {}

  // Takes the next piece and returns the text that is certain now, without the stop string.  An
  // end of the text that could begin a stop string is held back.
  std::string pass(std::string_view piece);
  std::string rest();  // the text that is held back, for the end
  bool found() const { return found_; }

 private:
  size_t undecided() const;

  std::vector<std::string> strings_;
  std::string held_;
  bool found_ = false;
};

}  // namespace vitro::text
