// The program bench_compare, which `scripts/bench --compare OLD NEW` runs.
#include <exception>
#include <iostream>

#include "bench/compare/compare.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: bench_compare OLD NEW    (JSON files of the benchmarks, or folders)\n";
    return 2;
  }
  try {
    const vitro::bench::Result before = vitro::bench::read_result(argv[1]),
                               after = vitro::bench::read_result(argv[2]);
    vitro::bench::print_comparison(std::cout, before, after);
    return vitro::bench::is_worse(vitro::bench::compare(before, after)) ? 1 : 0;
  } catch (const std::exception& error) {
    std::cerr << "bench_compare: " << error.what() << '\n';
    return 2;
  }
}
