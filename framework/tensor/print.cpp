// Prints tensors as NumPy's str() prints arrays.
//
// A floating number is printed with the fewest digits that read back as the same number, at most 8
// after the point; all elements of a tensor have one format.  A bfloat16 needs at most 4 digits to
// read back as itself, so 0.1 is not printed as its float32 value, 0.10009766.
#include <charconv>
#include <cmath>
#include <string>

#include "framework/tensor/tensor.h"

namespace vitro {

namespace {

constexpr int64_t kThreshold = 1000;  // larger tensors are summarised
constexpr int64_t kEdge = 3;          // elements printed at each end of a summarised axis
constexpr size_t kLineWidth = 75;
constexpr int kPrecision = 8;  // digits after the point

// |x| = d_0.d_1 d_2 ... x 10^exponent, without trailing zeros.
struct Decimal {
  std::string digits;
  int exponent;
};

// With `precision`, the number is rounded to that many digits after the first.
template <class T, class... Precision>
Decimal decimal_of(T x, Precision... precision) {
  char text[64];
  auto* end = std::to_chars(text, text + sizeof text, std::abs(x), std::chars_format::scientific,
                            precision...)
                  .ptr;
  const std::string_view all(text, static_cast<size_t>(end - text));
  const size_t e = all.find('e');
  Decimal d{std::string(1, all[0]), 0};
  if (e > 1) d.digits += all.substr(2, e - 2);
  d.digits.erase(std::max<size_t>(1, d.digits.find_last_not_of('0') + 1));
  const char* digits = text + e + 1;
  std::from_chars(*digits == '+' ? digits + 1 : digits, end, d.exponent);
  return d;
}
Decimal decimal_of(BFloat16 x, int precision) {
  return decimal_of(static_cast<float>(x), precision);
}
Decimal decimal_of(BFloat16 x) {
  for (int precision = 0;; ++precision) {
    Decimal d = decimal_of(x, precision);
    const std::string text =
        d.digits.substr(0, 1) + "." + d.digits.substr(1) + "e" + std::to_string(d.exponent);
    float back = 0;
    auto error = std::from_chars(text.data(), text.data() + text.size(), back).ec;
    if (error == std::errc() && BFloat16(back).bits == (x.bits & 0x7fff)) return d;
  }
}

// A number split at its decimal point: 12.5 is {12, 5}, and 1.25e+01 is {1, 25, 1}.
struct Parts {
  std::string whole, fraction;
  int exponent = 0;
};
template <class T>
Parts parts_of(T x, const Decimal& d, bool scientific) {
  Parts p{std::signbit(static_cast<double>(x)) ? "-" : "", "", scientific ? d.exponent : 0};
  const int before = scientific ? 1 : std::max(d.exponent + 1, 0);  // digits left of the point
  std::string digits = d.digits;
  if (!scientific && d.exponent < 0) digits.insert(0, static_cast<size_t>(-d.exponent - 1), '0');
  const auto point = static_cast<size_t>(before);
  if (digits.size() < point) digits.append(point - digits.size(), '0');
  p.whole += before ? digits.substr(0, point) : "0";
  p.fraction = digits.substr(point);
  return p;
}

std::string exponent_text(int exponent, size_t width) {
  std::string digits = std::to_string(std::abs(exponent));
  if (digits.size() < width) digits.insert(0, width - digits.size(), '0');
  return (exponent < 0 ? "e-" : "e+") + digits;
}
size_t exponent_width(int exponent) { return std::abs(exponent) < 100 ? 2 : 3; }

std::string nonfinite_text(double x) { return x != x ? "nan" : x < 0 ? "-inf" : "inf"; }

template <class T>
bool needs_exponent(const std::vector<T>& values) {
  using Wide = std::conditional_t<std::is_same_v<T, double>, double, float>;
  Wide least = 0, most = 0;
  for (T v : values) {
    const Wide x = std::abs(static_cast<Wide>(v));
    if (!std::isfinite(x) || x == 0) continue;
    least = least == 0 ? x : std::min(least, x);
    most = std::max(most, x);
  }
  return most > 0 && (most >= 1e8 || static_cast<double>(least) < 1e-4 || most / least > 1000);
}

// The texts of the elements.  Padded on the left to one width, their decimal points align.
template <class T>
std::vector<std::string> float_words(const std::vector<T>& values) {
  const bool scientific = needs_exponent(values);
  std::vector<Parts> parts;
  size_t fraction = 0, exponent = 0;
  for (T v : values) {
    parts.emplace_back();
    if (!std::isfinite(static_cast<double>(v))) continue;
    Decimal d = decimal_of(v);
    const int count = static_cast<int>(d.digits.size()) - 1, units = scientific ? 0 : d.exponent;
    if (count > units + kPrecision) d = decimal_of(v, units + kPrecision);
    if (count < units) d = decimal_of(v, units);  // every digit of a large whole number
    parts.back() = parts_of(v, d, scientific);
    fraction = std::max(fraction, parts.back().fraction.size());
    exponent = std::max(exponent, exponent_width(d.exponent));
  }
  std::vector<std::string> words;
  for (size_t i = 0; i < values.size(); ++i) {
    Parts& p = parts[i];
    if (p.whole.empty()) {
      words.push_back(nonfinite_text(static_cast<double>(values[i])));
      continue;
    }
    // With an exponent, a short fraction is filled with further digits of the number, not zeros.
    if (scientific && p.fraction.size() < fraction)
      p = parts_of(values[i], decimal_of(values[i], static_cast<int>(fraction)), scientific);
    p.fraction.append(fraction - p.fraction.size(), scientific ? '0' : ' ');
    words.push_back(p.whole + "." + p.fraction);
    if (scientific) words.back() += exponent_text(p.exponent, exponent);
  }
  return words;
}

template <class T>
std::vector<std::string> words_of(const std::vector<T>& values) {
  if constexpr (!std::is_integral_v<T>) return float_words(values);
  std::vector<std::string> words;
  for (T v : values) {
    if constexpr (std::is_same_v<T, bool>) words.push_back(v ? " True" : "False");
    else words.push_back(std::to_string(v));
  }
  return words;
}

// The text of a scalar, with all its digits: -2.0, 1e+16.
template <class T>
std::string scalar_text(T v) {
  if constexpr (std::is_same_v<T, bool>) return v ? "True" : "False";
  else if constexpr (std::is_integral_v<T>) return std::to_string(v);
  else {
    const auto x = static_cast<double>(v);
    if (!std::isfinite(x)) return nonfinite_text(x);
    const bool scientific = x != 0 && (std::abs(x) < 1e-4 || std::abs(x) >= 1e16);
    const Parts p = parts_of(v, decimal_of(v), scientific);
    if (!scientific) return p.whole + "." + (p.fraction.empty() ? "0" : p.fraction);
    return p.whole + (p.fraction.empty() ? "" : "." + p.fraction) +
           exponent_text(p.exponent, exponent_width(p.exponent));
  }
}

// Calls f(i) for each index i to print of an axis, and gap() where indices are left out.
template <class F, class Gap>
void for_shown(int64_t size, bool summarise, F f, Gap gap) {
  const bool cut = summarise && size > 2 * kEdge;
  for (int64_t i = 0; i < (cut ? kEdge : size); ++i) f(i);
  if (!cut) return;
  gap();
  for (int64_t i = size - kEdge; i < size; ++i) f(i);
}

template <class T>
void collect(const Tensor& x, int axis, const T* p, bool summarise, std::vector<T>& values) {
  if (axis == x.rank()) return values.push_back(*p);
  for_shown(
      x.shape()[axis], summarise,
      [&](int64_t i) { collect(x, axis + 1, p + i * x.strides()[axis], summarise, values); },
      [] {});
}

// Puts the words into nested brackets, and wraps rows at the line width.
struct Layout {
  const Shape& shape;
  const std::vector<std::string>& words;
  bool summarise;
  size_t next = 0;  // the next word to print

  std::string block(int axis) {
    const auto indent = static_cast<size_t>(axis) + 1;
    std::string all("[");
    all += axis + 1 == shape.rank() ? row(axis, indent) : blocks(axis, indent);
    return all += ']';
  }

  std::string blocks(int axis, size_t indent) {
    const std::string between =
        std::string(static_cast<size_t>(shape.rank() - axis - 1), '\n') + std::string(indent, ' ');
    std::string all;
    auto place = [&](const std::string& text) { all += (all.empty() ? "" : between) + text; };
    for_shown(
        shape[axis], summarise, [&](int64_t) { place(block(axis + 1)); }, [&] { place("..."); });
    return all;
  }

  std::string row(int axis, size_t indent) {
    const size_t width = kLineWidth - indent;  // leaves room for the closing brackets
    std::string all;
    size_t line = indent;  // length of the last line
    auto place = [&](const std::string& word) {
      const bool first = all.empty();
      if (!first && line + 1 + word.size() > width) {
        all.erase(all.find_last_not_of(' ') + 1);
        all += '\n';
        all.append(indent, ' ');
        line = indent;
      } else if (!first) {
        all += " ";
        ++line;
      }
      all += word;
      line += word.size();
    };
    for_shown(
        shape[axis], summarise, [&](int64_t) { place(words[next++]); }, [&] { place("..."); });
    return all;
  }
};

template <class T>
std::string array_text(const Tensor& x) {
  const bool summarise = x.numel() > kThreshold;
  std::vector<T> values;
  collect(x, 0, x.data<T>(), summarise, values);
  std::vector<std::string> words = words_of(values);
  size_t width = 0;
  for (const std::string& word : words) width = std::max(width, word.size());
  for (std::string& word : words) word.insert(0, width - word.size(), ' ');
  return Layout{x.shape(), words, summarise}.block(0);
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Tensor& x) {
  if (!x.defined()) return out << "undefined";
  if (x.numel() == 0) return out << "[]";
  return visit_dtype(x.dtype(), [&]<class T>() -> std::ostream& {
    return out << (x.rank() == 0 ? scalar_text(*x.data<T>()) : array_text<T>(x));
  });
}

}  // namespace vitro
