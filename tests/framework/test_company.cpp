// The pool looks at the machine: quotas, running threads, company, and whether help pays.
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

TEST_CASE("company is three preemptions in a row, and leaves by itself") {
  Company company;
  const Nanoseconds ms = kMillisecond;
  company.preempted(1, 1000 * ms);
  company.preempted(1, 1010 * ms);
  CHECK_FALSE(company.present(1010 * ms));
  company.preempted(1, 1040 * ms);  // too late: this is the first again
  company.preempted(1, 1050 * ms);
  CHECK_FALSE(company.present(1050 * ms));
  company.preempted(1, 1060 * ms);
  CHECK(company.present(1060 * ms));
  CHECK(company.present(1100 * ms));
  CHECK_FALSE(company.present(1111 * ms));
  company.preempted(5, 2000 * ms);
  CHECK(company.present(2000 * ms));
  company.stays_until(3000 * ms);
  company.stays_until(2500 * ms);
  CHECK(company.present(2999 * ms));
}

TEST_CASE("help that loses its trial rests, longer each time; help that wins goes on") {
  HelpTrial trial;
  std::atomic<Nanoseconds> helpers{0};
  Nanoseconds at = 1000 * kMillisecond;
  // A window in which our threads got that much CPU time.  The test's own is next to nothing.
  const auto window = [&](Nanoseconds cpu) {
    at += 20 * kMillisecond;
    helpers = cpu;
    trial.look(at, helpers);
  };
  constexpr Nanoseconds kAlone = 10 * kMillisecond, kBad = 5 * kMillisecond, kGood = 2 * kAlone;
  trial.look(at, helpers);
  CHECK_FALSE(trial.helps_next());
  int alone = 0;
  while (!trial.helps_next()) window(kAlone), ++alone;
  for (int i = 0; i < 5; ++i) {
    window(kGood);
    CHECK(trial.help_pays());
    CHECK(trial.helps_next());
  }
  for (int i = 0; i < 10 && trial.helps_next(); ++i) window(kBad);
  CHECK_FALSE(trial.helps_next());
  CHECK_FALSE(trial.help_pays());
  int rest = 0, longer = 0;
  while (!trial.helps_next()) window(kAlone), ++rest;
  window(kBad);
  CHECK_FALSE(trial.helps_next());
  while (!trial.helps_next()) window(kAlone), ++longer;
  CHECK(longer > rest);
  CHECK(alone > 1);
}
