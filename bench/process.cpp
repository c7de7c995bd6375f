// Runs a command several times and prints the median CPU time, wall time and peak memory of one
// run.  Usage: process NAME RUNS MAX_CPU_MS MAX_MIB COMMAND...    (0 means no limit)
//
// This program does not link vitro, because until exec its pages count as the child's memory.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

double milliseconds(const timeval& t) {
  return 1e3 * static_cast<double>(t.tv_sec) + 1e-3 * static_cast<double>(t.tv_usec);
}

double median(std::vector<double> x) {
  std::sort(x.begin(), x.end());
  return x[x.size() / 2];
}

void print(const char* name, const char* what, double value, const char* unit, double limit) {
  std::printf("%-30s %-18s %8.2f %-4s", name, what, value, unit);
  if (limit > 0) std::printf("   target %g %s %s", limit, unit, value <= limit ? "ok" : "MISS");
  std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) {
    std::fprintf(stderr, "usage: process NAME RUNS MAX_CPU_MS MAX_MIB COMMAND...\n");
    return 2;
  }
  std::vector<double> cpu, wall, memory;
  for (int runs = std::atoi(argv[2]); runs > 0; --runs) {
    auto start = std::chrono::steady_clock::now();
    pid_t child = fork();
    if (child == 0) {
      execvp(argv[5], argv + 5);
      _exit(127);
    }
    int status = 0;
    rusage used{};
    if (child < 0 || wait4(child, &status, 0, &used) != child || status != 0) {
      std::fprintf(stderr, "process: expected %s to succeed, got a failure\n", argv[5]);
      return 1;
    }
    std::chrono::duration<double, std::milli> passed = std::chrono::steady_clock::now() - start;
    wall.push_back(passed.count());
    cpu.push_back(milliseconds(used.ru_utime) + milliseconds(used.ru_stime));
    memory.push_back(static_cast<double>(used.ru_maxrss) / 1024);
  }
  print(argv[1], "CPU time", median(cpu), "ms", std::atof(argv[3]));
  print(argv[1], "wall time", median(wall), "ms", 0);
  print(argv[1], "peak memory", median(memory), "MiB", std::atof(argv[4]));
}
