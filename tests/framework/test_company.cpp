// Tests how the pool adapts to the machine: CPU quotas, running threads, company (other programs
// that compute) and trials of help (whether more threads get more CPU time).
#include <sched.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <climits>
#include <thread>
#include <vector>

#include "framework/base/parallel_company.h"
#include "framework/base/parallel_limit.h"

using namespace vitro;

TEST_CASE("the quota of control groups, of either version, own group and parents, rounded up") {
  const std::string
      v1 = "33 25 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n",
      v2 = "29 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n",
      v2_inside = "29 23 0:26 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
  using Files = std::vector<std::pair<std::string, std::string>>;
  const std::string root = "/sys/fs/cgroup", one = root + "/cpu,cpuacct";
  struct Row {
    const char* what;
    std::string cgroups, mounts;
    Files files;
    std::optional<int> cpus;
  };
  const Row rows[] = {
      {"nothing mounted", "0::/a\n", "", {{root + "/a/cpu.max", "100000 100000\n"}}, {}},
      {"no quota", "0::/a\n", v2, {{root + "/a/cpu.max", "max 100000\n"}}, {}},
      {"one CPU", "0::/a\n", v2, {{root + "/a/cpu.max", "100000 100000\n"}}, 1},
      {"one and a half", "0::/a\n", v2, {{root + "/a/cpu.max", "150000 100000\n"}}, 2},
      {"a tenth", "0::/a\n", v2, {{root + "/a/cpu.max", "10000 100000\n"}}, 1},
      {"a parent's", "0::/a/b/c\n", v2, {{root + "/a/cpu.max", "300000 100000\n"}}, 3},
      {"the smallest",
       "0::/a/b\n",
       v2,
       {{root + "/a/cpu.max", "200000 100000\n"}, {root + "/a/b/cpu.max", "400000 100000\n"}},
       2},
      {"the root's", "0::/\n", v2, {{root + "/cpu.max", "500000 100000\n"}}, 5},
      {"a container's mount",
       "0::/docker/abc/x\n",
       v2_inside,
       {{root + "/x/cpu.max", "200000 100000\n"}},
       2},
      {"a mount of another group",
       "0::/docker/abcd/x\n",
       v2_inside,
       {{root + "d/x/cpu.max", "300000 100000\n"}},
       {}},
      {"outside the mount", "0::/../../other\n", v2, {{root + "/cpu.max", "200000 100000\n"}}, 2},
      {"version 1",
       "4:cpu,cpuacct:/a\n",
       v1,
       {{one + "/a/cpu.cfs_quota_us", "250000\n"}, {one + "/a/cpu.cfs_period_us", "100000\n"}},
       3},
      {"version 1, none",
       "4:cpu,cpuacct:/a\n",
       v1,
       {{one + "/a/cpu.cfs_quota_us", "-1\n"}, {one + "/a/cpu.cfs_period_us", "100000\n"}},
       {}},
      {"version 1, a parent's",
       "4:cpu,cpuacct:/a/b\n",
       v1,
       {{one + "/cpu.cfs_quota_us", "400000\n"},
        {one + "/cpu.cfs_period_us", "100000\n"},
        {one + "/a/b/cpu.cfs_quota_us", "-1\n"},
        {one + "/a/b/cpu.cfs_period_us", "100000\n"}},
       4},
      {"both versions",
       "4:cpu,cpuacct:/a\n0::/a\n",
       v1 + v2,
       {{one + "/a/cpu.cfs_quota_us", "400000\n"},
        {one + "/a/cpu.cfs_period_us", "100000\n"},
        {root + "/a/cpu.max", "300000 100000\n"}},
       3},
      {"cpuset is not cpu",
       "4:cpuset:/a\n",
       v1,
       {{one + "/a/cpu.cfs_quota_us", "100000\n"}, {one + "/a/cpu.cfs_period_us", "100000\n"}},
       {}},
      {"no numbers", "0::/a\n", v2, {{root + "/a/cpu.max", "many few\n"}}, {}},
      {"a period of 0", "0::/a\n", v2, {{root + "/a/cpu.max", "100000 0\n"}}, {}},
      {"an empty file", "0::/a\n", v2, {{root + "/a/cpu.max", ""}}, {}},
      {"a huge quota", "0::/a\n", v2, {{root + "/a/cpu.max", "9223372036854775807 1\n"}}, INT_MAX},
      {"broken lines",
       "x\n:\n0::\n",
       "- cgroup2\n" + v2,
       {{root + "/cpu.max", "100000 100000"}},
       1}};
  for (const Row& row : rows) {
    CAPTURE(row.what);
    CHECK(cpu_quota(row.cgroups, row.mounts, [&](const std::string& path) {
            for (const auto& [name, text] : row.files)
              if (name == path) return std::optional<std::string>(text);
            return std::optional<std::string>();
          }) == row.cpus);
  }
  CHECK(default_num_threads() >= 1);
}

TEST_CASE("threads that run are counted") {
  std::atomic<bool> stop{false};
  std::thread spins([&] {
    while (!stop) {}
  });
  CHECK(runnable_threads() >= 2);
  stop = true;
  spins.join();
}

TEST_CASE("scheduling_delay reads the waiting time of a thread, if the system counts it") {
  CHECK(scheduling_delay("5000 70 3\n") == 70);
  CHECK(scheduling_delay("0 0 1\n") == 0);  // a thread that has just begun
  for (const char* nothing : {"0 0 0\n", "", "5000\n", "schedstat"})
    CHECK(!scheduling_delay(nothing));
}

TEST_CASE("a thread that shares its core with another waits for it") {
  const int64_t before = waited_for_core();
  CHECK(before >= 0);
  std::atomic<bool> stop{false};
  cpu_set_t all, one;
  REQUIRE(sched_getaffinity(0, sizeof all, &all) == 0);
  CPU_ZERO(&one);
  CPU_SET(static_cast<size_t>(sched_getcpu()), &one);
  REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
  std::thread spins([&] {
    while (!stop) {}
  });
  int64_t shared = before;
  for (int i = 0; i < 1'000'000'000 && shared - before < 10'000'000; ++i)
    if (i % 1'000'000 == 0) shared = waited_for_core();
  stop = true;
  spins.join();
  sched_setaffinity(0, sizeof all, &all);
  CHECK(shared - before >= 10'000'000);
}

TEST_CASE("company is present after waits of more than an eighth of the time, for a while") {
  const Nanoseconds ms = kMillisecond;
  Company busy, quiet;
  Nanoseconds at = 1000 * ms;
  for (int i = 0; i < 100; ++i, at += 4 * ms) {  // short interruptions of a quiet machine
    quiet.waited(ms / 10, at);
    CHECK_FALSE(quiet.present(at));
  }
  busy.waited(4 * ms, at);  // one time slice of another program
  CHECK_FALSE(busy.present(at));
  busy.waited(4 * ms, at + 100 * ms);  // the first wait is long ago
  CHECK_FALSE(busy.present(at + 100 * ms));
  busy.waited(2 * ms, at + 104 * ms);
  CHECK(busy.present(at + 104 * ms));
  CHECK(busy.present(at + 150 * ms));
  CHECK_FALSE(busy.present(at + 155 * ms));
  busy.stays_until(3000 * ms);
  busy.stays_until(2500 * ms);
  CHECK(busy.present(2999 * ms));
  busy.leaves();
  CHECK_FALSE(busy.present(2999 * ms));
}

namespace {

// A trial of help.  In each job, the helpers get the given CPU time; the test itself uses hardly
// any CPU time.
struct Trial {
  HelpTrial trial;
  std::atomic<Nanoseconds> helpers{0};
  Nanoseconds at = 1000 * kMillisecond;

  bool job(Nanoseconds length, Nanoseconds cpu) {
    trial.job_begins(at, helpers);
    CHECK(helpers == 0);  // CPU time that still comes from the job before does not count
    at += length;
    helpers = cpu;
    return trial.job_ends(at, helpers);
  }
  bool window(Nanoseconds cpu) { return job(20 * kMillisecond, cpu); }
  int windows_until_help(Nanoseconds cpu) {
    int count = 0;
    while (!trial.helps_next()) window(cpu), ++count;
    return count;
  }
};
constexpr Nanoseconds kHalf = 10 * kMillisecond, kWhole = 2 * kHalf;  // half and whole 20 ms window

}  // namespace

TEST_CASE("help that loses its trial pauses, longer each time; help that wins continues") {
  Trial t;
  CHECK_FALSE(t.trial.helps_next());
  CHECK(t.windows_until_help(kHalf) > 1);
  for (int i = 0; i < 5; ++i) {
    t.window(2 * kWhole);
    CHECK(t.trial.help_pays());
    CHECK(t.trial.helps_next());
  }
  for (int i = 0; i < 10 && t.trial.helps_next(); ++i) t.window(kHalf / 2);
  CHECK_FALSE(t.trial.helps_next());
  CHECK_FALSE(t.trial.help_pays());
  const int rest = t.windows_until_help(kHalf);
  t.window(kHalf / 2);
  CHECK_FALSE(t.trial.helps_next());
  CHECK(t.windows_until_help(kHalf) > rest);
}

TEST_CASE("long work of the caller between jobs does not count in the trial of help") {
  Trial t;
  while (!t.trial.helps_next()) t.window(kWhole), t.at += 100 * kMillisecond;
  t.window(2 * kWhole);
  CHECK(t.trial.help_pays());
}

TEST_CASE("help does not pay if all threads together get no more CPU time than one core gives") {
  Trial t;
  t.windows_until_help(kHalf);
  t.window(kWhole);  // twice as much, but only what one core gives
  CHECK_FALSE(t.trial.help_pays());
  t.windows_until_help(kWhole);
  t.window(3 * kHalf);  // 1.5 times as much
  CHECK_FALSE(t.trial.help_pays());
}

TEST_CASE("short bursts of jobs end no window of the trial") {
  Trial t;
  for (int i = 0; i < 100; ++i, t.at += 15 * kMillisecond)
    CHECK_FALSE(t.job(10 * kMillisecond, 10 * kMillisecond));
  CHECK(t.window(kWhole));
}
