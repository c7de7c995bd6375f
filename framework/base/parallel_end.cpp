// AtThreadEnd, by POSIX thread-specific data: when a thread ends, the C library calls end(value).
#include "framework/base/parallel_end.h"

#include <pthread.h>

#include "framework/base/error.h"

namespace vitro {

AtThreadEnd::AtThreadEnd(void (*end)(void* value)) {
  const int failed = pthread_key_create(&key_, end);
  check(failed == 0, "threads: expected a free key of thread-local data, got error ", failed);
}

bool AtThreadEnd::set(void* value) { return pthread_setspecific(key_, value) == 0; }

}  // namespace vitro
