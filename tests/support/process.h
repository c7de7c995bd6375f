// Running the vitro program as a user does: arguments in, output and exit code out.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace vitro::testing {

using Words = std::vector<std::string>;
// All of both, in this order.
Words with(Words words, const Words& more);

struct Finished {
  std::string out, err;
  int code;  // minus the number of the signal that ended it, if one did
};
// The program with these arguments; its standard output goes to `out_path` if there is one, and it
// reads `input`.
Finished run_vitro(const Words& arguments, const std::string& out_path = "",
                   const std::string& input = "");

// The program at work, its output thrown away or kept in a file; killed at the end if it still
// runs.
class Running {
 public:
  explicit Running(const Words& arguments, const std::string& out_path = "/dev/null");
  ~Running();
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  void send(int signal) const;
  void say(const std::string& text) const;  // what it reads next
  int wait();                               // its input ends; its code, as in Finished

 private:
  int child_, input_;
};

// What it prints; std::runtime_error unless it ends with 0 and is silent on standard error.
std::string output_of(const Words& arguments);

// The JSON that it prints, likewise.
nlohmann::json json_of(const Words& arguments);

// What it prints where its standard output is a terminal.
std::string output_on_terminal(const Words& arguments);

// The first `count` bytes that the program prints before it has computed for `cpu_seconds`; then
// nobody reads any more, and it is killed, or waited for.
std::string start_of_output(const Words& arguments, size_t count, unsigned cpu_seconds,
                            bool kill = true);

// A directory of its own under the system's temporary one, removed with all it holds.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  std::string write(const std::string& name, const std::string& bytes) const;  // its path

 private:
  std::string path_;
};

}  // namespace vitro::testing
