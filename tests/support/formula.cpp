// Makes weights, ids and signs from a hash.
#include "tests/support/formula.h"

#include <utility>

namespace vitro::testing {

namespace {

// The finaliser of MurmurHash3 (Appleby, 2011).
uint32_t mix(uint32_t x) {
  x = (x ^ (x >> 16)) * 0x85EBCA6Bu;
  x = (x ^ (x >> 13)) * 0xC2B2AE35u;
  return x ^ (x >> 16);
}

// A sequence of random words for a name.  The FNV-1a hash of the name is the seed.
class Words {
 public:
  explicit Words(const std::string& name) {
    for (const char byte : name) seed_ = (seed_ ^ static_cast<uint8_t>(byte)) * 0x01000193u;
  }
  uint32_t operator()(int64_t i) const {
    return mix(seed_ + static_cast<uint32_t>(i) * 0x9E3779B9u);
  }

 private:
  uint32_t seed_ = 0x811C9DC5u;
};

// "h.0.ln_1.weight" -> {"ln_1", "weight"}
std::pair<std::string, std::string> last_names(const std::string& name) {
  const std::string layer = name.substr(0, name.rfind('.'));
  return {layer.substr(layer.rfind('.') + 1), name.substr(layer.size() + 1)};
}

double halfwidth(const std::string& layer, const std::string& kind, double scale) {
  if (kind == "bias") return 0.125;
  if (layer.starts_with("ln_")) return 0.25;
  if (layer == "wte" || layer == "wpe") return scale;
  return layer == "c_proj" ? scale / 2 : 2 * scale;
}

}  // namespace

void set_to_formula(const NamedTensors& parameters, double scale) {
  NoGradGuard unrecorded;
  for (const auto& [name, parameter] : parameters) {
    const auto [layer, kind] = last_names(name);
    const double middle = layer.starts_with("ln_") && kind == "weight" ? 1 : 0;
    const double width = halfwidth(layer, kind, scale);
    const Words words(name);
    Tensor values = empty(parameter.shape(), kFloat64);
    auto* p = values.mutable_data<double>();
    for (int64_t i = 0, n = values.numel(); i < n; ++i)
      p[i] = middle + width * ((words(i) >> 16) / 32768.0 - 1);
    Tensor(parameter).copy_(values.to(parameter.dtype()));
  }
}

models::Batch formula_batch(const std::string& name, int64_t batch, int64_t time,
                            int64_t vocab_size) {
  const Words words(name);
  Tensor stream = empty({batch, time + 1}, kInt64);
  auto* p = stream.mutable_data<int64_t>();
  for (int64_t i = 0, n = stream.numel(); i < n; ++i)
    p[i] = words(i) % static_cast<uint32_t>(vocab_size);
  return {stream.narrow(1, 0, time).contiguous(), stream.narrow(1, 1, time).contiguous()};
}

std::array<double, 8> projections(const std::string& name, const Tensor& x) {
  const Words words("signs of " + name);
  const Tensor wide = x.detach().to(kFloat64).contiguous();
  std::array<double, 8> sums{};
  for (int64_t i = 0; i < wide.numel(); ++i)
    for (size_t k = 0; k < 8; ++k)
      sums[k] += words(i) >> k & 1 ? -wide.data<double>()[i] : wide.data<double>()[i];
  return sums;
}

}  // namespace vitro::testing
