// These classes tell the pool whether other programs use the same cores, and what to do then.
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

// Whether other programs take our cores.  Three preemptions, each within 20 ms of the one before,
// are more than a quiet machine's own housekeeping causes.
class Company {
 public:
  void preempted(long times, Nanoseconds at) {
    const bool old = at - last_.exchange(at, std::memory_order_relaxed) > kWindow;
    const long count = times + (old ? 0 : count_.load(std::memory_order_relaxed));
    count_.store(count, std::memory_order_relaxed);
    if (count >= kEnough) stays_until(at + kHold);
  }
  bool present(Nanoseconds at) const { return at < until_.load(std::memory_order_relaxed); }
  void leaves() { until_.store(0, std::memory_order_relaxed); }
  void stays_until(Nanoseconds until) {
    if (until > until_.load(std::memory_order_relaxed))
      until_.store(until, std::memory_order_relaxed);
  }

 private:
  static constexpr Nanoseconds kWindow = 20 * kMillisecond, kHold = 50 * kMillisecond;
  static constexpr long kEnough = 3;
  std::atomic<Nanoseconds> last_{0}, until_{0};
  std::atomic<long> count_{0};
};

// CPU time of the calling thread.  Asking for it makes the system look whether the thread's time
// slice is over, which costs it part of its share of a core: it is asked for seldom.
inline Nanoseconds cpu_time() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec * 1000 * kMillisecond + t.tv_nsec;
}

// Whether helpers pay in company.  A helper that loses its core while it runs a range makes the
// caller wait for a time slice of another program, so help can cost more than it gives.  The two
// ways of running jobs are tried in turn and compared by the CPU seconds that our threads get per
// second.  The preemptions that showed the company speak against help, so it is first tried after
// 25 ms; while it loses, again after 100 ms, 400 ms and then each second.
class HelpTrial {
 public:
  bool helps_next() const { return way_ == kHelped; }  // whether the next job has helpers
  bool help_pays() const { return pays_; }             // what the last trial of help has shown

  // Called after each job in company; `others` is what the caller's own CPU time lacks.
  void look(Nanoseconds at, std::atomic<Nanoseconds>& others) {
    static std::atomic<int64_t> threads{0};
    thread_local const int64_t me = ++threads;
    const Nanoseconds wall = at - begin_;
    if (who_ == me && wall < kWindow) return;
    const Nanoseconds cpu = cpu_time(), more = others.exchange(0);
    if (who_ == me && wall < kTooLong && cpu >= cpu_)
      compare(static_cast<double>(cpu - cpu_ + more) / static_cast<double>(wall), at);
    who_ = me, begin_ = at, cpu_ = cpu;
  }

 private:
  static constexpr Nanoseconds kWindow = 16 * kMillisecond, kTooLong = 10 * kWindow,
                               kShortest = 25 * kMillisecond, kLongest = 1000 * kMillisecond;
  enum Way { kAlone, kHelped };

  void compare(double rate, Nanoseconds at) {
    rate_[way_] = rate_[way_] == 0 ? rate : 0.5 * (rate_[way_] + rate);
    if (way_ == kAlone) {
      if (next_ == 0) next_ = at + rest_;
      if (at >= next_) way_ = kHelped;
      return;
    }
    // Cutting a loop into more ranges, and waking helpers, costs a little work.
    pays_ = rate_[kHelped] > 1.15 * rate_[kAlone];
    rest_ = pays_ ? kShortest : std::min(4 * rest_, kLongest);
    if (pays_) return;
    next_ = at + rest_;
    way_ = kAlone;
  }

  Way way_ = kAlone;
  bool pays_ = false;
  double rate_[2] = {0, 0};  // CPU seconds per second, of either way
  int64_t who_ = 0;          // the thread whose window it is
  Nanoseconds begin_ = 0, cpu_ = 0, rest_ = kShortest, next_ = 0;
};

}  // namespace vitro
