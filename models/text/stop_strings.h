// Stop strings: they end a text that arrives in pieces.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace vitro::text {

// The stop string that is complete first ends the text.  If several stop strings end at the same
// place, the longest is removed.  So the result does not depend on how the text is cut into pieces.
class StopStrings {
 public:
  explicit StopStrings(std::vector<std::string> strings) : strings_(std::move(strings)) {}

  // Adds the next piece, and returns the text that cannot belong to a stop string any more.  The
  // end of the text is held back while it could begin a stop string.
  std::string pass(std::string_view piece);
  std::string rest();  // returns the text still held back, at the end
  bool found() const { return found_; }

 private:
  size_t undecided() const;

  std::vector<std::string> strings_;
  std::string held_;
  bool found_ = false;
};

}  // namespace vitro::text
