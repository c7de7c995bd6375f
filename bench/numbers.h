// The median of measured numbers, and times as text.
#pragma once
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

namespace vitro::bench {

// The middle number, or the mean of the two in the middle.  `x` has at least one number.
inline double median(std::vector<double> x) {
  std::sort(x.begin(), x.end());
  const size_t middle = x.size() / 2;
  return x.size() % 2 ? x[middle] : (x[middle - 1] + x[middle]) / 2;
}

// snprintf into a string of at most 511 bytes.
template <class... Parts>
std::string format(const char* pattern, Parts... parts) {
  char text[512];
  std::snprintf(text, sizeof text, pattern, parts...);
  return text;
}

// The time with three digits and a unit.
inline std::string time_text(double ns) {
  const char* unit[] = {"ns", "us", "ms", "s"};
  int i = 0;
  for (; i < 3 && ns >= 999.5; ++i) ns /= 1000;
  return format(ns < 9.995 ? "%.2f %s" : ns < 99.95 ? "%.1f %s" : "%.0f %s", ns, unit[i]);
}

}  // namespace vitro::bench
