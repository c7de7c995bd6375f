// Attention by hand.
#include "models/proof/kinds/attention.h"

#include <algorithm>
#include <limits>

#include "framework/base/parallel.h"
#include "models/proof/kinds/sized.h"
#include "models/proof/kinds/softmax.h"

namespace vitro::proof {

namespace {

// One head: (T, D), (S, D) or (T, S).
struct Matrix {
  int64_t rows, cols;
  std::vector<Sized> numbers;
  Matrix(int64_t r, int64_t c) : rows(r), cols(c), numbers(static_cast<size_t>(r * c)) {}
  Sized& operator()(int64_t r, int64_t c) { return numbers[r * cols + c]; }
  const Sized& operator()(int64_t r, int64_t c) const { return numbers[r * cols + c]; }
  std::span<Sized> row(int64_t r) { return {&numbers[r * cols], static_cast<size_t>(cols)}; }
  std::span<const Sized> row(int64_t r) const {
    return {&numbers[r * cols], static_cast<size_t>(cols)};
  }
};

// a b
Matrix product(const Matrix& a, const Matrix& b) {
  Matrix y(a.rows, b.cols);
  for (int64_t i = 0; i < a.rows; ++i)
    for (int64_t k = 0; k < a.cols; ++k) {
      if (a(i, k).size == 0) continue;
      for (int64_t j = 0; j < b.cols; ++j) y(i, j) += a(i, k) * b(k, j);
    }
  return y;
}
Matrix transpose_of(const Matrix& x) {
  Matrix y(x.cols, x.rows);
  for (int64_t i = 0; i < x.rows; ++i)
    for (int64_t j = 0; j < x.cols; ++j) y(j, i) = x(i, j);
  return y;
}
Matrix scaled(double factor, Matrix x) {
  for (Sized& number : x.numbers) number = factor * number;
  return x;
}

// An array of the matrices of all heads.  The heads lie side by side in rows (B, T, H, D), or one
// after another (B, H, T, S).
enum class Heads { kSideBySide, kOneByOne };
struct Place {
  int64_t first, row_stride, rows, cols;
  Place(const Shape& shape, Heads heads, int64_t b, int64_t h) : cols(shape[3]) {
    const bool side = heads == Heads::kSideBySide;
    rows = shape[side ? 1 : 2], row_stride = side ? shape[2] * cols : cols;
    first = b * shape[1] * shape[2] * cols + h * (side ? cols : rows * cols);
  }
};
Matrix head_of(const Array& x, Heads heads, int64_t b, int64_t h) {
  const Place from(x.shape, heads, b, h);
  Matrix y(from.rows, from.cols);
  for (int64_t i = 0; i < y.rows; ++i)
    for (int64_t j = 0; j < y.cols; ++j) y(i, j) = at(x, from.first + i * from.row_stride + j);
  return y;
}
// Collects the matrices of all heads.
struct Collected {
  Shape shape;
  Heads heads;
  std::vector<Sized> numbers;
  Collected(const Shape& of, Heads lie) : shape(of), heads(lie), numbers(sized_zeros(of)) {}
  void add(int64_t b, int64_t h, const Matrix& x) {
    const Place to(shape, heads, b, h);
    for (int64_t i = 0; i < x.rows; ++i)
      for (int64_t j = 0; j < x.cols; ++j) numbers[to.first + i * to.row_stride + j] += x(i, j);
  }
  Array array(double terms) const { return array_of(shape, numbers, terms); }
};

struct HeadCounts {
  int64_t batch, T, H, S, G, D;
  HeadCounts(const Array& q, const Array& k)
      : batch(q.shape[0]),
        T(q.shape[1]),
        H(q.shape[2]),
        S(k.shape[1]),
        G(k.shape[2]),
        D(q.shape[3]) {}
  double terms(const Array& q) const {
    return std::max(static_cast<double>(std::max({T * (H / G), S, D})), q.terms);
  }
  Shape scores() const { return {batch, H, T, S}; }
};

// Calls f(b, g, h) for every head h.  The heads of one group g are called in order by one thread.
template <class F>
void for_heads(int64_t batch, int64_t H, int64_t G, F f) {
  parallel_for(batch * G, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      for (int64_t h = i % G * (H / G); h < (i % G + 1) * (H / G); ++h) f(i / G, i % G, h);
  });
}

Matrix scores_of(const Matrix& q, const Matrix& k, const AttentionForm& form) {
  Matrix s = scaled(form.scale, product(q, transpose_of(k)));
  for (int64_t t = 0; form.is_causal && t < s.rows; ++t)
    for (int64_t c = std::max<int64_t>(0, t + s.cols - s.rows + 1); c < s.cols; ++c)
      s(t, c) = {-std::numeric_limits<double>::infinity(), 0, 0};
  return s;
}
Matrix pattern_of(Matrix scores) {
  for (int64_t t = 0; t < scores.rows; ++t) softmax_by_hand(scores.row(t));
  return scores;
}
// ds from dp
Matrix through_softmax(const Matrix& p, Matrix dp) {
  for (int64_t t = 0; t < p.rows; ++t) softmax_gradient(p.row(t), dp.row(t));
  return dp;
}

constexpr Heads kRows = Heads::kSideBySide, kScores = Heads::kOneByOne;

}  // namespace

AttentionForm attention_form(int64_t head_size, bool is_causal) {
  return {.is_causal = is_causal, .scale = 1 / std::sqrt(static_cast<double>(head_size))};
}

Array attention_by_hand(const Array& q, const Array& k, const Array& v, const AttentionForm& form) {
  const HeadCounts n(q, k);
  Collected z(q.shape, kRows);
  for_heads(n.batch, n.H, n.G, [&](int64_t b, int64_t g, int64_t h) {
    const Matrix s = scores_of(head_of(q, kRows, b, h), head_of(k, kRows, b, g), form);
    z.add(b, h, product(pattern_of(s), head_of(v, kRows, b, g)));
  });
  return z.array(n.terms(q));
}

// With p = softmax(s):  dv = p^T dz,  dp = dz v^T,  ds = p (dp - sum(p dp)),
// dq = scale ds k,  dk = scale ds^T q
AttentionGradients attention_gradients(const Array& q, const Array& k, const Array& v,
                                       const Array& dz, const AttentionForm& form) {
  const HeadCounts n(q, k);
  Collected dq(q.shape, kRows), dk(k.shape, kRows), dv(k.shape, kRows);
  for_heads(n.batch, n.H, n.G, [&](int64_t b, int64_t g, int64_t h) {
    const Matrix of_q = head_of(q, kRows, b, h), of_k = head_of(k, kRows, b, g),
                 of_v = head_of(v, kRows, b, g), of_dz = head_of(dz, kRows, b, h);
    const Matrix p = pattern_of(scores_of(of_q, of_k, form));
    const Matrix ds = through_softmax(p, product(of_dz, transpose_of(of_v)));
    dv.add(b, g, product(transpose_of(p), of_dz));
    dq.add(b, h, scaled(form.scale, product(ds, of_k)));
    dk.add(b, g, scaled(form.scale, product(transpose_of(ds), of_q)));
  });
  const double terms = n.terms(q);
  return {dq.array(terms), dk.array(terms), dv.array(terms)};
}

Array attention_scores(const Array& q, const Array& k, const AttentionForm& form) {
  const HeadCounts n(q, k);
  Collected s(n.scores(), kScores);
  for_heads(n.batch, n.H, n.G, [&](int64_t b, int64_t g, int64_t h) {
    s.add(b, h, scores_of(head_of(q, kRows, b, h), head_of(k, kRows, b, g), form));
  });
  return s.array(n.terms(q));
}

Array attention_pattern(const Array& scores) {
  Collected p(scores.shape, kScores);
  for_heads(scores.shape[0], scores.shape[1], scores.shape[1], [&](int64_t b, int64_t, int64_t h) {
    p.add(b, h, pattern_of(head_of(scores, kScores, b, h)));
  });
  return p.array(std::max(scores.terms, static_cast<double>(scores.width())));
}

Array attention_sum(const Array& pattern, const Array& v) {
  const int64_t batch = pattern.shape[0], H = pattern.shape[1], T = pattern.shape[2];
  Collected z({batch, T, H, v.width()}, kRows);
  for_heads(batch, H, v.shape[2], [&](int64_t b, int64_t g, int64_t h) {
    z.add(b, h, product(head_of(pattern, kScores, b, h), head_of(v, kRows, b, g)));
  });
  return z.array(std::max(pattern.terms, static_cast<double>(pattern.width())));
}

Array pattern_gradient(const Array& dz, const Array& v) {
  const HeadCounts n(dz, v);
  Collected dp(n.scores(), kScores);
  for_heads(n.batch, n.H, n.G, [&](int64_t b, int64_t g, int64_t h) {
    dp.add(b, h, product(head_of(dz, kRows, b, h), transpose_of(head_of(v, kRows, b, g))));
  });
  return dp.array(n.terms(dz));
}

Array scores_gradient(const Array& pattern, const Array& dpattern) {
  Collected ds(pattern.shape, kScores);
  for_heads(
      pattern.shape[0], pattern.shape[1], pattern.shape[1], [&](int64_t b, int64_t, int64_t h) {
        ds.add(b, h,
               through_softmax(head_of(pattern, kScores, b, h), head_of(dpattern, kScores, b, h)));
      });
  return ds.array(std::max(dpattern.terms, static_cast<double>(pattern.width())));
}

AttentionGradients step_gradients(const Array& q, const Array& k, const Array& v,
                                  const Array& pattern, const Array& dscores, const Array& dz,
                                  const AttentionForm& form) {
  const HeadCounts n(q, k);
  Collected dq(q.shape, kRows), dk(k.shape, kRows), dv(v.shape, kRows);
  // The model rounds the gradients of keys and values of each head before it adds the heads.
  const auto of_head = [&](Matrix x) {
    if (n.H != n.G)
      for (Sized& number : x.numbers) number = rounded(number);
    return x;
  };
  for_heads(n.batch, n.H, n.G, [&](int64_t b, int64_t g, int64_t h) {
    const Matrix ds = head_of(dscores, kScores, b, h), p = head_of(pattern, kScores, b, h);
    dq.add(b, h, scaled(form.scale, product(ds, head_of(k, kRows, b, g))));
    dk.add(b, g, of_head(scaled(form.scale, product(transpose_of(ds), head_of(q, kRows, b, h)))));
    dv.add(b, g, of_head(product(transpose_of(p), head_of(dz, kRows, b, h))));
  });
  const double terms = std::max(n.terms(q), dscores.terms);
  return {dq.array(terms), dk.array(terms), dv.array(terms)};
}

Array heads_of(const Array& x, int64_t first, int64_t count, int64_t width) {
  const Shape shape{x.shape[0], x.shape[1], count, width};
  std::vector<Sized> y = sized_zeros(shape);
  const int64_t columns = count * width;
  for (size_t i = 0; i < y.size(); ++i) {
    const auto place = static_cast<int64_t>(i);
    y[i] = at(x, place / columns * x.width() + first * width + place % columns);
  }
  return array_of(shape, y, x.terms);
}

Array joined_heads(Array x) {
  x.shape = {x.shape[0], x.shape[1], x.shape[2] * x.shape[3]};
  return x;
}

Array side_by_side(const Array& q, const Array& k, const Array& v) {
  const int64_t rows = q.shape[0] * q.shape[1];
  std::vector<Sized> all;
  for (int64_t row = 0; row < rows; ++row)
    for (const Array* part : {&q, &k, &v})
      for (int64_t width = part->count() / rows, i = 0; i < width; ++i)
        all.push_back(at(*part, row * width + i));
  const int64_t width = static_cast<int64_t>(all.size()) / rows;
  return array_of({q.shape[0], q.shape[1], width}, all, std::max({q.terms, k.terms, v.terms}));
}

}  // namespace vitro::proof
