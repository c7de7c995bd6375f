// The default number of threads, and measures of how busy the cores are.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace vitro {

// The number of CPUs that this process may run on, at most the CPU quota of its control groups, and
// at least 1.
int default_num_threads();

// The number of threads on this machine that now run or wait for a core, including the caller; 1 if
// the number is not known.  Source: Linux, proc_loadavg(5), the fourth field.
int runnable_threads();

// How long the calling thread has waited for a core while it could have run, in nanoseconds since
// it began.  If the system does not count this, each preemption (an involuntary context switch)
// counts as a millisecond.  A call takes about 3 us.
// Source: Linux, Documentation/scheduler/sched-stats.
int64_t waited_for_core();

// The time waited, from the text of a schedstat file: time run, time waited, number of times run.
// Nothing if the third number is 0: the system then counts nothing.  (The times do not show this,
// because those of a new thread may be 0.)
std::optional<int64_t> scheduling_delay(const char* schedstat);

// The number of CPUs that the control groups of a process allow: the smallest quota of its groups
// and all their parents (versions 1 and 2), rounded up; nothing if no quota is set.  `cgroups` and
// `mounts` are the texts of /proc/self/cgroup and /proc/self/mountinfo; read(path) returns the text
// of a file, or nothing.
// Source: Linux, Documentation/admin-guide/cgroup-v2.rst (cpu.max), scheduler/sched-bwc.rst.
std::optional<int> cpu_quota(
    const std::string& cgroups, const std::string& mounts,
    const std::function<std::optional<std::string>(const std::string& path)>& read);

}  // namespace vitro
