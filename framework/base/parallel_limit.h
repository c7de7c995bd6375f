// How many threads a process should use where nobody says it, and how many others want the cores.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace vitro {

// The CPUs that this process may run on, bounded by the CPU quota of its control groups; at
// least 1.
int default_num_threads();

// The system's threads that run or wait for a core now, this one among them; 1 where that is not
// known.  Source: Linux, proc_loadavg(5), the fourth field.
int runnable_threads();

// How long the calling thread has waited for a core while it could have run, in nanoseconds since
// it began.  Where the system does not say it, each preemption (an involuntary context switch)
// counts as a millisecond.  It takes some 3 us.  Source: Linux,
// Documentation/scheduler/sched-stats.
int64_t waited_for_core();

// The same from the text of a schedstat file: time run, time waited, how often the thread ran.  The
// time run may be 0 still when a thread asks; nothing where the system counts nothing, and all are
// 0.
std::optional<int64_t> scheduling_delay(const char* schedstat);

// The CPUs that the quotas of a process's control groups (version 1 and 2, its own group and all
// parents) allow, rounded up; nothing where no quota is set.  The first two arguments are the texts
// of /proc/self/cgroup and /proc/self/mountinfo; read(path) gives the text of a file, or nothing.
// Source: Linux, Documentation/admin-guide/cgroup-v2.rst (cpu.max), scheduler/sched-bwc.rst.
std::optional<int> cpu_quota(
    const std::string& cgroups, const std::string& mounts,
    const std::function<std::optional<std::string>(const std::string& path)>& read);

}  // namespace vitro
