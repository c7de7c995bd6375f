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

// Whether other programs take our cores: whether the waiting of our threads for one adds up to more
// than an eighth of the time.  A quiet machine's own housekeeping interrupts often, but shortly.
class Company {
 public:
  // A thread that could run has waited so long for a core since it last said so.
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
// second; what the caller does between jobs for longer than some time slices does not count.
//
// Help pays where it gets our threads much more, and more than one core gives.  What half a core of
// help gains is taken from a neighbour: two programs that do this to each other are both slower,
// and neither sees it, because alone it would get less of a core that the other one helps itself
// to.
//
// The waiting that showed the company speaks against help.  So help is first tried after 50 ms.
// While it loses, it is tried again after 200 ms, after 800 ms and then each second.
class HelpTrial {
 public:
  bool helps_next() const { return way_ == kHelped; }  // whether the next job has helpers
  bool help_pays() const { return pays_; }             // what the last trial of help has shown

  // Before and after each job in company; `others` is what the caller's own CPU time lacks.
  void job_begins(Nanoseconds at, std::atomic<Nanoseconds>& others) {
    static std::atomic<int64_t> threads{0};
    thread_local const int64_t me = ++threads;
    if (who_ == me && at - last_end_ < kGap) return;
    who_ = me, from_ = at, cpu_ = cpu_time();
    others.store(0);
  }
  // Returns whether a window has ended, and so whether what is known of help is of now.
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
  double rate_[2] = {0, 0};                  // CPU seconds per second, of either way
  Nanoseconds rest_ = kShortest, next_ = 0;  // how long help rests, and until when
  // The window: whose it is, since when and from which CPU time on; when the last job ended.
  int64_t who_ = 0;
  Nanoseconds from_ = 0, cpu_ = 0, last_end_ = 0;
};

}  // namespace vitro
