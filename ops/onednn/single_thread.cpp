// Limits OpenMP to one thread.  Debian's oneDNN uses OpenMP; no other file of vitro does.
#include "ops/onednn/single_thread.h"

#include <dlfcn.h>

namespace vitro::onednn {

namespace {

// Functions of the OpenMP library that oneDNN has loaded.  They are looked up at run time, so vitro
// itself links no OpenMP library.  If oneDNN runs without OpenMP, there is nothing to limit.
struct OpenMp {
  int (*max_threads)();
  void (*set_threads)(int);
};
const OpenMp& openmp() {
  static const OpenMp found = [] {
    OpenMp f{reinterpret_cast<int (*)()>(dlsym(RTLD_DEFAULT, "omp_get_max_threads")),
             reinterpret_cast<void (*)(int)>(dlsym(RTLD_DEFAULT, "omp_set_num_threads"))};
    return f.max_threads && f.set_threads ? f : OpenMp{[] { return 1; }, nullptr};
  }();
  return found;
}

}  // namespace

SingleThread::SingleThread() : before_(openmp().max_threads()) {
  if (before_ != 1) openmp().set_threads(1);
}
SingleThread::~SingleThread() {
  if (before_ != 1) openmp().set_threads(before_);
}

}  // namespace vitro::onednn
