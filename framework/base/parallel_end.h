// Calls a function when a thread ends.
#pragma once

namespace vitro {

// Calls end(value) when a thread that has set a value ends.  Without memory, set() returns false.
// (If the C library cannot register a thread_local with a destructor, it ends the program.)
class AtThreadEnd {
 public:
  explicit AtThreadEnd(void (*end)(void* value));
  bool set(void* value);  // for this thread; false if there is no memory

 private:
  unsigned key_ = 0;  // a pthread_key_t
};

}  // namespace vitro
