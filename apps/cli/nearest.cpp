// Finds the known word that is most similar to a misspelt one.
#include <algorithm>

#include "apps/cli/arguments.h"

namespace vitro::cli {

namespace {

// The number of edits that turn `a` into `b`.  An edit inserts, removes or replaces a letter, or
// swaps two neighbours; no letter is edited twice (optimal string alignment; Damerau, 1964).
size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i)
    for (size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      d[i][j] =
          std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[a.size()][b.size()];
}

}  // namespace

std::string nearest(const std::string& word, const std::vector<std::string>& known) {
  constexpr size_t kLongest = 64;  // names are shorter, and the time grows with the length
  if (word.size() > kLongest) return "";
  std::string best;
  size_t least = std::max<size_t>(1, word.size() / 3) + 1;
  for (const std::string& name : known)
    if (const size_t distance = edit_distance(word, name); distance < least)
      least = distance, best = name;
  return best;
}

}  // namespace vitro::cli
