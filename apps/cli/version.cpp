// `vitro --version`: the versions, the instruction set of the kernels and the number of threads.
#include "apps/cli/options.h"
#include "apps/cli/output.h"

namespace vitro::cli {

int version() {
  const VersionInfo info = version_info();
  const bool is_avx512 = info.simd.starts_with("AVX3");  // Highway calls AVX-512 "AVX3"
  write_out("vitro " + info.version + '\n' +
            table({{"kernels", info.simd + (is_avx512 ? " (AVX-512)" : "")},
                   {"oneDNN", info.onednn},
                   {"threads", std::to_string(info.threads)}},
                  2));
  return 0;
}

}  // namespace vitro::cli
