// Formats numbers and tables.
#include "models/text/format.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>

#include "models/text/unicode/utf8.h"

namespace vitro::text {

std::string format(const char* pattern, ...) {
  char text[256];
  va_list arguments;
  va_start(arguments, pattern);
  std::vsnprintf(text, sizeof text, pattern, arguments);
  va_end(arguments);
  return text;
}

std::string small(double x) { return x == 0 ? "0" : format("%.1e", x); }

std::string table(const std::vector<std::vector<std::string>>& rows, int indent) {
  std::vector<size_t> width;
  for (auto& row : rows)
    for (size_t i = 0; i < row.size(); ++i) {
      if (i == width.size()) width.push_back(0);
      width[i] = std::max(width[i], count_code_points(row[i], "table"));
    }
  std::string out;
  for (auto& row : rows) {
    std::string line(static_cast<size_t>(indent), ' ');
    for (size_t i = 0; i < row.size(); ++i)
      line += row[i] + std::string(width[i] + 2 - count_code_points(row[i], "table"), ' ');
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  }
  return out;
}

std::string index_text(const std::vector<int64_t>& index) {
  std::string text;
  for (int64_t i : index) text += (text.empty() ? "" : ",") + std::to_string(i);
  return index.empty() ? "" : '[' + text + ']';
}

}  // namespace vitro::text
