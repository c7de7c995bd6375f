// Reports versions and instruction sets.
#include "framework/base/runtime.h"
#include "framework/simd/elementwise.h"
#include "ops/onednn/gemm.h"

namespace vitro {

VersionInfo version_info() {
  return {VITRO_VERSION, std::string(simd::target_name()),
          std::string(onednn::version()) + " (" + onednn::isa_name() + ")", get_num_threads()};
}

}  // namespace vitro
