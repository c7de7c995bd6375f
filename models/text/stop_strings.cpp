// Finds stop strings in a text that arrives in pieces.
#include "models/text/stop_strings.h"

#include <algorithm>
#include <utility>

namespace vitro::text {

// Returns the length of the longest end of held_ that is the beginning of a stop string.
size_t StopStrings::undecided() const {
  size_t longest = 0;
  for (const std::string& stop : strings_)
    for (size_t n = std::min(stop.size() - 1, held_.size()); n > longest; --n)
      if (std::string_view(held_).ends_with(std::string_view(stop).substr(0, n))) longest = n;
  return longest;
}

std::string StopStrings::pass(std::string_view piece) {
  if (found_) return "";
  held_ += piece;
  std::pair first(std::string::npos, std::string::npos);  // (end, begin) of the stop string
  for (const std::string& stop : strings_)
    if (const size_t at = held_.find(stop); at != std::string::npos)
      first = std::min(first, {at + stop.size(), at});
  found_ = first.second != std::string::npos;
  std::string decided = held_.substr(0, found_ ? first.second : held_.size() - undecided());
  held_.erase(0, found_ ? held_.size() : decided.size());
  return decided;
}

std::string StopStrings::rest() { return std::exchange(held_, ""); }

}  // namespace vitro::text
