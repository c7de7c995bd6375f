// Runs the vitro program as a user does, and returns its output and exit code.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace vitro::testing {

using Words = std::vector<std::string>;
// `words`, then `more`.
Words with(Words words, const Words& more);

struct Finished {
  std::string out, err;
  int code;  // the exit code; if a signal ended the program, minus its number
};
// Runs the program with these arguments until it ends.  Its standard input is `input`.  Its
// standard output goes to `out_path`, or into the result if `out_path` is empty.
Finished run_vitro(const Words& arguments, const std::string& out_path = "",
                   const std::string& input = "");

// A running program.  Its output goes to a file.  The destructor kills it if it still runs.
class Running {
 public:
  explicit Running(const Words& arguments, const std::string& out_path = "/dev/null");
  ~Running();
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  void send(int signal) const;
  void say(const std::string& text) const;  // writes to its standard input
  int wait();  // closes its input and waits; returns the code as in Finished

 private:
  int child_, input_;
};

// The output of the program.  std::runtime_error unless it exits with 0 and prints no error.
std::string output_of(const Words& arguments);

// The same output, parsed as JSON.
nlohmann::json json_of(const Words& arguments);

// The output of the program if its standard output is a terminal.
std::string output_on_terminal(const Words& arguments);

// Reads the first `count` bytes of output and closes the pipe.  Then kills the program or, if not
// `kill`, waits for it.  The system kills the program after `cpu_seconds` of computing.
std::string start_of_output(const Words& arguments, size_t count, unsigned cpu_seconds,
                            bool kill = true);

// Runs the program with a pipe as its standard output, which is closed after `count` bytes.
Finished run_until_closed(const Words& arguments, size_t count);

// An empty directory among the system's temporary files.  The destructor removes it with its
// contents.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  std::string write(const std::string& name, const std::string& bytes) const;  // returns the path

 private:
  std::string path_;
};

}  // namespace vitro::testing
