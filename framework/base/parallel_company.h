// Tells the pool whether other programs use the same cores, and whether workers then still help.
#pragma once
#include <time.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace vitro {

using Nanoseconds = int64_t;
inline constexpr Nanoseconds kMicrosecond = 1000, kMillisecond = 1'000'000;

inline Nanoseconds now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Whether other programs use our cores ("company").  We assume it if our threads wait for a core
// for more than an eighth of the time.  The system's own work interrupts often, but only briefly.
class Company {
 public:
  // Call it when a thread has waited `time` for a core since its last call.
  void waited(Nanoseconds time, Nanoseconds at) {
    const Nanoseconds since = at - last_.exchange(at, std::memory_order_relaxed),
                      before = waited_.load(std::memory_order_relaxed) - since / kPart,
                      all = std::max<Nanoseconds>(before, 0) + time;
    waited_.store(std::min(all, kMost), std::memory_order_relaxed);
    if (all >= kEnough) stays_until(at + kHold);
  }
  bool present(Nanoseconds at) const { return at < until_.load(std::memory_order_relaxed); }
  void leaves() { until_.store(0, std::memory_order_relaxed); }
  void stays_until(Nanoseconds until) {
    if (until > until_.load(std::memory_order_relaxed))
      until_.store(until, std::memory_order_relaxed);
  }

 private:
  static constexpr Nanoseconds kPart = 8, kEnough = 5 * kMillisecond, kMost = 2 * kEnough,
                               kHold = 50 * kMillisecond;
  std::atomic<Nanoseconds> last_{0}, waited_{0}, until_{0};
};

// CPU time of the calling thread.  Call it seldom: each call makes the system check whether the
// thread's time slice is over, which costs the thread part of its share of a core.
inline Nanoseconds cpu_time() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec * 1000 * kMillisecond + t.tv_nsec;
}

// Measures whether help by workers is worth its cost in company.  A worker that loses its core
// inside a range makes the caller wait for a time slice of another program, so help can cost more
// than it gains.  Jobs run with and without help by turns.  The two ways are compared by the CPU
// seconds that our threads get per second.  Pauses of the caller longer than kGap do not count.
//
// Help pays if it gets our threads much more CPU time, and more than one core's worth.  A gain of
// half a core is taken from another program: if two programs take it from each other, both become
// slower, and neither notices, because without help each would get even less.
//
// When company begins, threads have just had to wait for cores, so help probably does not pay.  It
// is first tried after 50 ms, and then, as long as it does not pay, after another 200 ms, 800 ms
// and each second.
class HelpTrial {
 public:
  bool helps_next() const { return way_ == kHelped; }  // whether the next job has helpers
  bool help_pays() const { return pays_; }             // the result of the last trial of help

  // Call these before and after each job in company.  `others` is added to the CPU time of the
  // caller: it is the workers' CPU time, less all time spent spinning.
  void job_begins(Nanoseconds at, std::atomic<Nanoseconds>& others) {
    static std::atomic<int64_t> threads{0};
    thread_local const int64_t me = ++threads;
    if (who_ == me && at - last_end_ < kGap) return;
    who_ = me, from_ = at, cpu_ = cpu_time();
    others.store(0);
  }
  // Returns whether a window of measurement has ended, which makes help_pays() up to date.
  bool job_ends(Nanoseconds at, std::atomic<Nanoseconds>& others) {
    last_end_ = at;
    const Nanoseconds wall = at - from_;
    if (wall < kWindow) return false;
    const Nanoseconds cpu = cpu_time(), used = cpu - cpu_ + others.exchange(0);
    from_ = at, cpu_ = cpu;
    compare(static_cast<double>(used) / static_cast<double>(wall), at);
    return true;
  }

 private:
  static constexpr Nanoseconds kWindow = 16 * kMillisecond, kGap = 12 * kMillisecond,
                               kShortest = 50 * kMillisecond, kLongest = 1000 * kMillisecond;
  static constexpr double kMuchMore = 1.6, kMoreThanACore = 1.3;
  enum Way { kAlone, kHelped };

  void compare(double rate, Nanoseconds at) {
    rate_[way_] = rate_[way_] == 0 ? rate : 0.5 * (rate_[way_] + rate);
    if (way_ == kAlone) {
      if (next_ == 0) next_ = at + rest_;
      if (at >= next_) way_ = kHelped;
      return;
    }
    pays_ = rate_[kHelped] > kMuchMore * rate_[kAlone] && rate_[kHelped] > kMoreThanACore;
    rest_ = pays_ ? kShortest : std::min(4 * rest_, kLongest);
    if (pays_) return;
    next_ = at + rest_;
    way_ = kAlone;
  }

  Way way_ = kAlone;
  bool pays_ = false;
  double rate_[2] = {0, 0};                  // CPU seconds per second, alone and helped
  Nanoseconds rest_ = kShortest, next_ = 0;  // time without help before a trial; its end
  // The window: its thread, its start, the CPU time at its start; and when the last job ended.
  int64_t who_ = 0;
  Nanoseconds from_ = 0, cpu_ = 0, last_end_ = 0;
};

}  // namespace vitro
