// Reads from Linux which cores the process may use, and how busy they are.
#include "framework/base/parallel_limit.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <vector>

namespace vitro {

namespace {

using Read = std::function<std::optional<std::string>(const std::string& path)>;

std::optional<std::string> read_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, at);) parts.push_back(part);
  return parts;
}
bool has(const std::string& list, const std::string& word) {
  const std::vector<std::string> words = split(list, ',');
  return std::find(words.begin(), words.end(), word) != words.end();
}

// A mounted hierarchy of control groups: directory `point` shows the group `root`.
struct Mount {
  std::string root, point;
};
// mountinfo: `36 35 98:0 ROOT POINT options [optional]... - TYPE SOURCE SUPER_OPTIONS`.
std::optional<Mount> mount_of(const std::string& mounts, bool version2) {
  for (const std::string& line : split(mounts, '\n')) {
    const size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    const std::vector<std::string> before = split(line.substr(0, dash), ' '),
                                   after = split(line.substr(dash + 3), ' ');
    if (before.size() < 5 || after.size() < 3) continue;
    if (version2 ? after[0] == "cgroup2" : after[0] == "cgroup" && has(after[2], "cpu"))
      return Mount{before[3], before[4]};
  }
  return std::nullopt;
}

// quota / period, both in microseconds, rounded up; nothing unless both are positive numbers.
std::optional<int> cpus(const std::string& quota, const std::string& period) {
  long long q = 0, p = 0;
  if (!(std::istringstream(quota) >> q) || !(std::istringstream(period) >> p) || q <= 0 || p <= 0)
    return std::nullopt;
  const long long whole = q / p + (q % p != 0);
  return static_cast<int>(std::min<long long>(whole, INT_MAX));
}

std::optional<int> quota_of_group(const std::string& group, bool version2, const Read& read) {
  if (!version2) {
    const auto quota = read(group + "/cpu.cfs_quota_us"),
               period = read(group + "/cpu.cfs_period_us");
    return quota && period ? cpus(*quota, *period) : std::nullopt;
  }
  const auto text = read(group + "/cpu.max");  // `max 100000` or `150000 100000`
  if (!text) return std::nullopt;
  std::istringstream words(*text);
  std::string quota, period;
  words >> quota >> period;
  return cpus(quota, period);
}

// The smallest quota of a group and its parents, up to the group at the mount point.
std::optional<int> smallest_quota(const Mount& mount, std::string path, bool version2,
                                  const Read& read) {
  const size_t root = mount.root == "/" ? 0 : mount.root.size();
  const bool inside =
      path.compare(0, root, mount.root, 0, root) == 0 && (path.size() == root || path[root] == '/');
  path = inside ? path.substr(root) : "";
  if (path.find("/..") != std::string::npos) path.clear();  // the group is outside of the mount
  std::optional<int> least;
  for (;;) {
    if (path == "/") path.clear();
    if (const auto quota = quota_of_group(mount.point + path, version2, read))
      least = std::min(least.value_or(INT_MAX), *quota);
    if (path.empty()) return least;
    path.erase(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
}

// The number of CPUs in the main thread's affinity mask.  The system refuses a mask that is too
// short, so longer ones are tried.
int allowed_cpus() {
  for (int bits = 1024; bits <= (1 << 20); bits *= 2) {
    cpu_set_t* const set = CPU_ALLOC(bits);
    const size_t bytes = CPU_ALLOC_SIZE(bits);
    const bool known = set && sched_getaffinity(getpid(), bytes, set) == 0;
    const int count = known ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (known) return std::max(1, count);
  }
  return 1;
}

}  // namespace

std::optional<int> cpu_quota(const std::string& cgroups, const std::string& mounts,
                             const Read& read) {
  std::optional<int> least;
  for (const std::string& line : split(cgroups, '\n')) {  // `4:cpu,cpuacct:/path`, `0::/path`
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool version2 = controllers.empty();
    if (!version2 && !has(controllers, "cpu")) continue;
    const std::optional<Mount> mount = mount_of(mounts, version2);
    if (!mount) continue;
    if (const auto quota = smallest_quota(*mount, line.substr(second + 1), version2, read))
      least = std::min(least.value_or(INT_MAX), *quota);
  }
  return least;
}

int runnable_threads() {
  std::ifstream load("/proc/loadavg");
  double minutes[3];
  int running = 1;
  return load >> minutes[0] >> minutes[1] >> minutes[2] >> running ? running : 1;
}

std::optional<int64_t> scheduling_delay(const char* schedstat) {
  long long ran = 0, waited = 0, times = 0;
  const bool is_whole = std::sscanf(schedstat, "%lld %lld %lld", &ran, &waited, &times) == 3;
  return is_whole && times > 0 ? std::optional<int64_t>(waited) : std::nullopt;
}

static std::optional<int64_t> scheduling_delay_now() {
  char text[64] = {};
  const int file = ::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
  if (file < 0) return {};
  const ssize_t size = ::read(file, text, sizeof text - 1);
  ::close(file);
  return size > 0 ? scheduling_delay(text) : std::nullopt;
}

int64_t waited_for_core() {
  static const bool is_counted = scheduling_delay_now().has_value();
  thread_local int64_t last = 0;
  if (is_counted) return last = scheduling_delay_now().value_or(last);
  rusage used;
  getrusage(RUSAGE_THREAD, &used);
  return int64_t{used.ru_nivcsw} * 1'000'000;
}

int default_num_threads() {
  const int allowed = allowed_cpus();
  const std::optional<int> quota =
      cpu_quota(read_file("/proc/self/cgroup").value_or(""),
                read_file("/proc/self/mountinfo").value_or(""), read_file);
  return std::max(1, std::min(allowed, quota.value_or(allowed)));
}

}  // namespace vitro
