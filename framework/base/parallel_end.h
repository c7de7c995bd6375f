// A function that runs when a thread ends.
#pragma once

namespace vitro {

// Calls end(value) when a thread ends that has set a value.  Unlike a thread_local with a
// destructor it needs no memory that the C library could not do without.
class AtThreadEnd {
 public:
  explicit AtThreadEnd(void (*end)(void* value));
  bool set(void* value);  // of this thread; false where memory is gone

 private:
  unsigned key_ = 0;  // a pthread_key_t
};

}  // namespace vitro
