// Calls a function when a thread ends.
#pragma once

namespace vitro {

// Calls end(value) when a thread that has set a value ends.  (A thread_local with a destructor
// would not do: if there is no memory to register the destructor, the C library ends the program.)
class AtThreadEnd {
 public:
  explicit AtThreadEnd(void (*end)(void* value));
  bool set(void* value);  // for this thread; false if there is no memory

 private:
  unsigned key_ = 0;  // a pthread_key_t
};

}  // namespace vitro
