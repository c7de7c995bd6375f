// The pool of threads behind parallel_for.  Other programs may use the same machine.
//
// A loop is one job, cut into ranges.  The calling thread computes ranges too, and in the end waits
// only for ranges that a worker has begun, so a worker that the system has not scheduled yet delays
// nobody.  Workers spin between two jobs as long as jobs follow each other quickly and no other
// program uses their core; otherwise they sleep.
#include "framework/base/parallel.h"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <climits>
#include <exception>
#include <new>
#include <string>
#include <system_error>

#include "framework/base/error.h"
#include "framework/base/parallel_company.h"
#include "framework/base/parallel_fork.h"
#include "framework/base/parallel_limit.h"
#include "framework/base/parallel_worker.h"
#include "framework/base/runtime.h"

namespace vitro {

namespace {

constexpr Nanoseconds kLongestSpin = 300 * kMicrosecond;  // how long a worker spins between jobs
constexpr Nanoseconds kShortestSpin = 3 * kMicrosecond;
constexpr Nanoseconds kWaitSpin = 200 * kMicrosecond;  // how long a caller waits by spinning
constexpr Nanoseconds kWaitSpinInCompany = 15 * kMicrosecond;
constexpr Nanoseconds kJump = 100 * kMicrosecond;  // while spinning, a longer gap means a lost core
constexpr Nanoseconds kLook = 2 * kMillisecond;    // time between two calls of waited_for_core()
constexpr Nanoseconds kStay = 50 * kMillisecond;   // company is assumed to stay this much longer
// The workers start when the loops have taken this long in all: starting a second thread costs
// 50 us and ends the C library's shortcuts for programs with one thread.
constexpr Nanoseconds kUnhelped = kMillisecond;

constexpr int kMostWorkers = 1023;

// The state of a job in one word, so that claiming a range is one compare-and-swap:
// 40 bits number of the job | 12 bits helpers | 12 bits ranges that nobody has claimed.
constexpr int kBits = 12;
constexpr uint64_t kField = (uint64_t{1} << kBits) - 1;
uint64_t unclaimed(uint64_t word) { return word & kField; }
int helpers(uint64_t word) { return static_cast<int>(word >> kBits & kField); }
uint64_t next_job(uint64_t word, int helpers, int64_t unclaimed) {
  return ((word >> (2 * kBits)) + 1) << (2 * kBits) | static_cast<uint64_t>(helpers) << kBits |
         static_cast<uint64_t>(unclaimed);
}

struct Pool {
  alignas(64) std::atomic<uint64_t> word{0};
  alignas(64) std::atomic<uint32_t> done{0};  // ranges of this job that have ended
  std::atomic<bool> caller_sleeps{false};     // until the last range has ended

  // The job.  The caller writes it before it publishes `word`; a worker reads it after a claim.
  alignas(64) RangeFunction call = nullptr;
  const void* f = nullptr;
  int64_t n = 0, step = 0;
  uint32_t ranges = 0;
  bool in_company = false;  // whether other programs use the cores
  std::atomic<bool> failed{false};
  std::exception_ptr error;

  alignas(64) std::atomic<bool> busy{false};  // held by the thread that runs a job
  std::atomic<int> workers{0};                // number started; guarded by busy
  HelpTrial trial;                            // guarded by busy
  Nanoseconds last_end = 0;                   // when the last job ended; guarded by busy
  Nanoseconds unhelped = 0;                   // time of jobs without workers; guarded by busy
  std::atomic<bool> broken{false};            // this is the child of a fork() inside a job
  std::atomic<uint64_t> jobs{0}, alone{0};    // for PoolStats

  alignas(64) std::atomic<Nanoseconds> spin{100 * kMicrosecond};  // how long a worker spins
  Company company;
  // In company: CPU time of the workers, less the time that they and the caller spent spinning.
  std::atomic<Nanoseconds> useful_cpu{0};

  std::atomic<int> caller_cpu{-1};  // the CPU on which the last job began

  struct alignas(64) WorkerState {
    std::atomic<uint32_t> asleep{0};             // the worker sleeps until this is 0
    std::atomic<int> thread{0}, cpu{-1};         // its thread id; the CPU on which it last ran
    std::atomic<uint64_t> helped{0}, sleeps{0};  // ranges that it ran; how often it went to sleep
  };
  WorkerState states[kMostWorkers];
};

// Never destroyed, because a thread may still compute while static objects are destroyed.
Pool& pool() {
  alignas(Pool) static char room[sizeof(Pool)];
  static Pool* const one = new (room) Pool;
  return *one;
}

std::atomic<int> g_threads{0};  // 0 until it is first set or asked for
constinit thread_local int t_limit = INT_MAX;
constinit thread_local bool t_inside = false;  // runs a range, so its loops do not use the pool

// Not std::atomic::wait, which yields the core several times before it sleeps.  In company each
// yield lasts for a time slice of another program.
void sleep_while(std::atomic<uint32_t>& word, uint32_t value) {
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
}
void wake_sleeper(std::atomic<uint32_t>& word) {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

void pause() {
#if defined(__SSE__)
  _mm_pause();
#endif
}

// Moves `thread` from `cpu` to the other CPUs of the process.  The system may wake a worker on the
// core of the waking thread, even if another core is idle.  The two threads would then take turns.
void keep_off(int thread, int cpu) {
  cpu_set_t others;
  if (cpu < 0 || sched_getaffinity(getpid(), sizeof others, &others) != 0) return;
  CPU_CLR(static_cast<size_t>(cpu), &others);
  if (CPU_COUNT(&others) > 0) sched_setaffinity(thread, sizeof others, &others);
}

// How long this thread has waited for a core since its last call of waited_for_core().  Makes such
// a call at most once per kLook, or after an interruption, and otherwise returns 0.  Also returns 0
// if the last call was too long ago.
Nanoseconds waiting(Nanoseconds at, bool was_interrupted = false) {
  constinit thread_local Nanoseconds last_look = 0, seen = 0;
  if (!was_interrupted && at - last_look < kLook) return 0;
  const Nanoseconds all = waited_for_core(), waited = all - seen;
  const bool recent = at - last_look < 20 * kLook;
  last_look = at, seen = all;
  return recent ? waited : 0;
}

// Claims a range for worker `index` (-1: the caller); false when no range is left for it.
bool claim(Pool& p, int index, uint32_t* range) {
  uint64_t word = p.word.load(std::memory_order_acquire);
  do {
    if (unclaimed(word) == 0 || index >= helpers(word)) return false;
  } while (!p.word.compare_exchange_weak(word, word - 1, std::memory_order_acq_rel,
                                         std::memory_order_acquire));
  *range = p.ranges - static_cast<uint32_t>(unclaimed(word));
  return true;
}

void call_range(Pool& p, uint32_t range) {
  const int64_t begin = std::min(p.n, range * p.step), end = std::min(p.n, begin + p.step);
  try {
    p.call(p.f, begin, end);
  } catch (...) {
    if (!p.failed.exchange(true, std::memory_order_relaxed)) p.error = std::current_exception();
  }
}
// Once the last range is counted, the caller may change the job, so `ranges` is read before.
void end_range(Pool& p) {
  const uint32_t ranges = p.ranges;
  if (p.done.fetch_add(1, std::memory_order_seq_cst) + 1 == ranges &&
      p.caller_sleeps.load(std::memory_order_seq_cst))
    wake_sleeper(p.done);
}

bool has_work(const Pool& p, int index) {
  const uint64_t word = p.word.load(std::memory_order_seq_cst);
  return unclaimed(word) > 0 && index < helpers(word);
}

// One thread of the pool.
class PoolWorker {
 public:
  PoolWorker(Pool& pool, int index) : p_(pool), state_(pool.states[index]), index_(index) {}

  // Returns only in the child of a fork() inside a range of this worker.
  void work() {
    t_inside = true;
    state_.thread.store(gettid(), std::memory_order_relaxed);
    run_where_the_process_may();
    look_around();
    for (;;) {
      for (uint32_t range; claim(p_, index_, &range);) {
        run(range);
        if (p_.broken.load(std::memory_order_relaxed)) return;
      }
      const Nanoseconds at = now();
      if (const Nanoseconds time = waiting(at)) waited(time, at);
      count_cpu(at);
      look_around();
      if (!spin()) sleep();
    }
  }

 private:
  void run(uint32_t range) {
    call_range(p_, range);
    state_.helped.fetch_add(1, std::memory_order_relaxed);
    end_range(p_);
  }

  // A new thread inherits the CPUs of the thread that starts it.  That thread may be pinned, so the
  // worker takes the CPUs of the main thread.
  static void run_where_the_process_may() {
    cpu_set_t allowed;
    if (sched_getaffinity(getpid(), sizeof allowed, &allowed) == 0)
      sched_setaffinity(0, sizeof allowed, &allowed);
  }

  void look_around() {
    const int cpu = sched_getcpu();
    state_.cpu.store(cpu, std::memory_order_relaxed);
    if (cpu == p_.caller_cpu.load(std::memory_order_relaxed)) keep_off(0, cpu);
  }

  void count_cpu(Nanoseconds at) {
    if (at - cpu_at_ < kLook) return;
    const Nanoseconds cpu = p_.company.present(at) ? cpu_time() : 0;
    if (cpu && cpu_) p_.useful_cpu.fetch_add(cpu - cpu_ - spun_, std::memory_order_relaxed);
    cpu_ = cpu, cpu_at_ = at, spun_ = 0;
  }

  void waited(Nanoseconds time, Nanoseconds at) {
    p_.company.waited(time, at);
    own_company_.waited(time, at);
  }

  // Spins until there is work (true) or spinning no longer pays (false).
  bool spin() {
    const Nanoseconds begin = now();
    for (Nanoseconds last = begin;;) {
      for (int i = 0; i < 8; ++i) {
        if (has_work(p_, index_)) return true;
        pause();
      }
      const Nanoseconds at = now();
      if (at - last > kJump) waited(waiting(at, /*was_interrupted=*/true), at);
      else spun_ += at - last;
      last = at;
      const bool contested = own_company_.present(at);
      if (at - begin > (contested ? kShortestSpin : p_.spin.load(std::memory_order_relaxed)))
        return false;
    }
  }

  // The worker sets `asleep` and then looks for a job.  The caller publishes a job and then reads
  // `asleep`.  So at least one of them sees the other, and no job is missed.
  void sleep() {
    state_.asleep.store(1, std::memory_order_seq_cst);
    if (!has_work(p_, index_)) {
      state_.sleeps.fetch_add(1, std::memory_order_relaxed);
      while (state_.asleep.load(std::memory_order_acquire)) sleep_while(state_.asleep, 1);
    }
    state_.asleep.store(0, std::memory_order_relaxed);
  }

  Pool& p_;
  Pool::WorkerState& state_;
  const int index_;
  Company own_company_;               // other programs on this worker's core
  Nanoseconds spun_ = 0;              // time spun since cpu_at_
  Nanoseconds cpu_ = 0, cpu_at_ = 0;  // CPU time counted so far, and when
};

void start_workers(Pool& p, int wanted) {
  int workers = p.workers.load(std::memory_order_relaxed);
  try {
    // If the cores are taken already, assume company at once, before any thread has had to wait.
    if (workers == 0 && runnable_threads() + wanted > sysconf(_SC_NPROCESSORS_ONLN))
      p.company.stays_until(now() + kStay);
    for (; workers < std::min(wanted, kMostWorkers); p.workers.store(++workers))
      start_thread("vitro-" + std::to_string(workers + 1), [&p, workers] {
        PoolWorker(p, workers).work();
      }).detach();
    return;
  } catch (const std::system_error&) {  // the system gives no more threads; fewer will do
  } catch (const std::bad_alloc&) {}
  p.unhelped = 0;  // try again after another kUnhelped, not in every loop
}

void wake(Pool& p, int helpers) {
  const int cpu = p.caller_cpu.load(std::memory_order_relaxed);
  for (int i = 0; i < helpers; ++i) {
    Pool::WorkerState& worker = p.states[i];
    if (!worker.asleep.load(std::memory_order_seq_cst) || !worker.asleep.exchange(0)) continue;
    if (worker.cpu.load(std::memory_order_relaxed) == cpu) keep_off(worker.thread, cpu);
    wake_sleeper(worker.asleep);
  }
}

// Waits for the ranges that workers have begun.
void wait_for_others(Pool& p) {
  const auto over = [&] { return p.done.load(std::memory_order_acquire) == p.ranges; };
  if (over()) return;
  check(!p.broken.load(std::memory_order_relaxed),
        "parallel_for: expected no fork() inside a loop, got a child without the threads that ran "
        "parts of the loop");
  const Nanoseconds begin = now(), most = p.in_company ? kWaitSpinInCompany : kWaitSpin;
  for (Nanoseconds spun = 0; spun < most && !over(); spun = now() - begin)
    for (int i = 0; i < 8 && !over(); ++i) pause();
  if (p.in_company)
    p.useful_cpu.fetch_sub(std::min(now() - begin, most), std::memory_order_relaxed);
  p.caller_sleeps.store(true, std::memory_order_seq_cst);
  for (uint32_t done; (done = p.done.load(std::memory_order_seq_cst)) != p.ranges;)
    sleep_while(p.done, done);
  p.caller_sleeps.store(false, std::memory_order_relaxed);
}

// Learns how long a worker should spin from the time between two jobs.
void learn_rhythm(Pool& p, Nanoseconds gap) {
  const Nanoseconds spin = p.spin.load(std::memory_order_relaxed);
  const Nanoseconds next =
      gap > kLongestSpin ? spin / 2 : std::max(2 * gap + 20 * kMicrosecond, spin - spin / 16);
  p.spin.store(std::clamp(next, kShortestSpin, kLongestSpin), std::memory_order_relaxed);
}

void run_alone(int64_t n, RangeFunction call, const void* f) {
  FlushToZero flush;
  call(f, 0, n);
}

// Cuts the job into at most `most` ranges of at least `grain`.
void cut(Pool& p, int64_t n, int64_t grain, int64_t most) {
  const int64_t ranges = std::clamp<int64_t>(most, 1, std::min<int64_t>(n / grain, kField));
  p.n = n;
  p.step = (n + ranges - 1) / ranges;
  // Ranges end on multiples of 16 if possible, so that no two threads write to one cache line.
  if (p.step >= 64) p.step = (p.step + 15) / 16 * 16;
  p.ranges = static_cast<uint32_t>((n + p.step - 1) / p.step);
}

// Offers the job to the workers and takes part in it.
void run_ranges(Pool& p, int workers) {
  p.failed.store(false, std::memory_order_relaxed);
  p.broken.store(false, std::memory_order_relaxed);
  p.done.store(0, std::memory_order_relaxed);
  p.caller_cpu.store(sched_getcpu(), std::memory_order_relaxed);
  p.jobs.fetch_add(1, std::memory_order_relaxed);
  // The caller always takes range 0, whose data may still be in its cache from the last job.
  p.word.store(next_job(p.word.load(std::memory_order_relaxed), workers, p.ranges - 1),
               std::memory_order_seq_cst);
  wake(p, std::min(workers, static_cast<int>(p.ranges - 1)));
  {
    FlushToZero flush;
    t_inside = true;
    uint32_t range = 0;
    do call_range(p, range), end_range(p);
    while (claim(p, -1, &range));
    t_inside = false;
  }
  wait_for_others(p);
}

// Runs a job on this thread and up to threads - 1 workers; the caller holds `busy`.
void run_job(Pool& p, int64_t n, int64_t grain, int threads, RangeFunction call, const void* f) {
  const Nanoseconds begin = now();
  learn_rhythm(p, begin - p.last_end);
  if (const Nanoseconds time = waiting(begin)) p.company.waited(time, begin);
  const bool company = p.company.present(begin);
  const int workers = std::min(threads - 1, p.workers.load(std::memory_order_relaxed));
  const bool helped = workers > 0 && (!company || p.trial.helps_next());

  if (company && workers > 0) p.trial.job_begins(begin, p.useful_cpu);

  p.call = call, p.f = f, p.in_company = company;
  cut(p, n, grain, helped ? workers + 1 : 1);
  run_ranges(p, helped ? workers : 0);
  const Nanoseconds end = p.last_end = now();
  if (p.unhelped < kUnhelped) p.unhelped += end - begin;
  if (!company || workers == 0) return;
  // While the workers sleep, no thread waits for a core, so waiting does not show company.  Company
  // is assumed until a trial shows that help pays, or until no trial has ended for kStay.
  if (p.trial.job_ends(end, p.useful_cpu) && !p.trial.help_pays())
    p.company.stays_until(end + kStay);
}

// A fork() inside a range cannot wait for the end of the job, because the job includes that range.
void lock_pool() {
  while (!t_inside && pool().busy.exchange(true, std::memory_order_acquire)) sched_yield();
}
void unlock_pool(bool in_child) {
  Pool& p = pool();
  if (in_child) {  // the child has no workers
    p.workers.store(0, std::memory_order_relaxed);
    for (Pool::WorkerState& worker : p.states) worker.asleep.store(0, std::memory_order_relaxed);
    if (t_inside) p.broken.store(true, std::memory_order_relaxed);
    p.trial = HelpTrial();
    p.company.leaves();
  }
  if (!t_inside) p.busy.store(false, std::memory_order_release);
}

[[maybe_unused]] const bool g_registered = [] {
  at_fork(ForkLock::kPool, lock_pool, unlock_pool);
  return true;
}();

}  // namespace

void set_num_threads(int n) {
  check<ValueError>(1 <= n && n <= kMostWorkers + 1, "set_num_threads: expected 1 to ",
                    kMostWorkers + 1, " threads, got ", n);
  g_threads.store(n, std::memory_order_relaxed);
}
int get_num_threads() {
  int threads = g_threads.load(std::memory_order_relaxed);
  if (threads == 0) {
    g_threads.compare_exchange_strong(threads, std::min(default_num_threads(), kMostWorkers + 1),
                                      std::memory_order_relaxed);
    threads = g_threads.load(std::memory_order_relaxed);
  }
  return std::min(threads, t_limit);
}

ScopedThreads::ScopedThreads(int n) : before_(t_limit) {
  check<ValueError>(n >= 1, "ScopedThreads: expected at least one thread, got ", n);
  t_limit = std::min(t_limit, n);
}
ScopedThreads::~ScopedThreads() { t_limit = before_; }

void parallel_ranges(int64_t n, int64_t grain, RangeFunction call, const void* f) {
  grain = std::max<int64_t>(grain, 1);
  const int threads = static_cast<int>(std::min<int64_t>(get_num_threads(), n / grain));
  if (threads < 2 || t_inside) return run_alone(n, call, f);
  Pool& p = pool();
  if (p.busy.exchange(true, std::memory_order_acquire)) {
    p.alone.fetch_add(1, std::memory_order_relaxed);
    return run_alone(n, call, f);
  }
  std::exception_ptr error;
  {
    struct Release {
      std::atomic<bool>& busy;
      ~Release() { busy.store(false, std::memory_order_release); }
    } release{p.busy};
    if (p.unhelped >= kUnhelped) start_workers(p, threads - 1);
    run_job(p, n, grain, threads, call, f);
    if (p.failed.load(std::memory_order_relaxed)) std::swap(error, p.error);
  }
  if (error) std::rethrow_exception(error);
}

PoolStats pool_stats() {
  Pool& p = pool();
  PoolStats stats{p.jobs, p.alone, 0, 0, p.workers};
  for (const Pool::WorkerState& worker : p.states)
    stats.helped += worker.helped, stats.sleeps += worker.sleeps;
  return stats;
}

}  // namespace vitro
