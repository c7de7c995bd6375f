// Runs the vitro program.
#include "tests/support/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <utility>

namespace vitro::testing {

namespace {

#ifdef VITRO_BINARY
constexpr const char* kProgram = VITRO_BINARY;
#else
constexpr const char* kProgram = "vitro";  // a build without the program tests the installed one
#endif

pid_t start(const Words& arguments, int out, int err, rlim_t cpu_seconds, int in = -1) {
  std::vector<std::string> words = {kProgram};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child == 0) {
    ::dup2(in < 0 ? ::open("/dev/null", O_RDONLY) : in, STDIN_FILENO);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(err, STDERR_FILENO);
    const rlimit limit = {cpu_seconds, cpu_seconds};
    ::setrlimit(RLIMIT_CPU, &limit);
    ::execvp(kProgram, pointers.data());
    ::_exit(127);
  }
  return child;
}

int wait_for(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

std::string contents(std::FILE* file) {
  std::string text;
  std::rewind(file);
  for (int c; (c = std::fgetc(file)) != EOF;) text += static_cast<char>(c);
  return text;
}

std::string read_at_most(int file, size_t count) {
  std::string text(count, '\0');
  size_t size = 0;
  for (ssize_t n; size < count && (n = ::read(file, &text[size], count - size)) > 0;)
    size += static_cast<size_t>(n);
  text.resize(size);
  return text;
}

}  // namespace

Words with(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

// The output goes into files, not into pipes: a full pipe would block the program.
Finished run_vitro(const Words& arguments, const std::string& out_path, const std::string& input) {
  std::FILE* out = out_path.empty() ? std::tmpfile() : std::fopen(out_path.c_str(), "w");
  std::FILE *err = std::tmpfile(), *in = std::tmpfile();
  if (!out || !err || !in) throw std::runtime_error("no file for the output");
  std::fwrite(input.data(), 1, input.size(), in);
  std::rewind(in);
  Finished result;
  result.code = wait_for(start(arguments, ::fileno(out), ::fileno(err), 600, ::fileno(in)));
  if (out_path.empty()) result.out = contents(out);
  result.err = contents(err);
  for (std::FILE* file : {out, err, in}) std::fclose(file);
  return result;
}

Running::Running(const Words& arguments, const std::string& out_path) {
  int ends[2];
  std::FILE* out = std::fopen(out_path.c_str(), "w");
  if (!out || ::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no file for the output");
  child_ = start(arguments, ::fileno(out), ::fileno(out), 600, ends[0]);
  input_ = ends[1];
  ::close(ends[0]);
  std::fclose(out);
}
Running::~Running() {
  if (child_ < 0) return;
  send(SIGKILL);
  wait();
}
void Running::send(int signal) const { ::kill(child_, signal); }
void Running::say(const std::string& text) const {
  if (::write(input_, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    throw std::runtime_error("the program does not read its input");
}
int Running::wait() {
  ::close(input_);
  return wait_for(std::exchange(child_, -1));
}

std::string output_of(const Words& arguments) {
  const Finished run = run_vitro(arguments);
  if (run.code != 0 || !run.err.empty())
    throw std::runtime_error("exit code " + std::to_string(run.code) + ": " + run.err);
  return run.out;
}

nlohmann::json json_of(const Words& arguments) {
  return nlohmann::json::parse(output_of(arguments));
}

std::string output_on_terminal(const Words& arguments) {
  const int ours = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (ours < 0 || ::grantpt(ours) != 0 || ::unlockpt(ours) != 0)
    throw std::runtime_error("no terminal");
  const int theirs = ::open(::ptsname(ours), O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (theirs < 0) throw std::runtime_error("no terminal");
  const pid_t child = start(arguments, theirs, STDERR_FILENO, 600);
  ::close(theirs);
  std::string text;
  char piece[4096];
  for (ssize_t n; (n = ::read(ours, piece, sizeof piece)) > 0;)  // read fails when theirs is closed
    text.append(piece, static_cast<size_t>(n));
  ::close(ours);
  wait_for(child);
  return text;
}

std::string start_of_output(const Words& arguments, size_t count, unsigned cpu_seconds, bool kill) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe failed");
  const pid_t child = start(arguments, ends[1], STDERR_FILENO, cpu_seconds);
  ::close(ends[1]);
  std::string text = read_at_most(ends[0], count);
  ::close(ends[0]);
  if (kill) ::kill(child, SIGKILL);
  wait_for(child);
  return text;
}

Finished run_until_closed(const Words& arguments, size_t count) {
  int ends[2];
  std::FILE* err = std::tmpfile();
  if (!err || ::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe for the output");
  const pid_t child = start(arguments, ends[1], ::fileno(err), 600);
  ::close(ends[1]);
  Finished result;
  result.out = read_at_most(ends[0], count);
  ::close(ends[0]);
  result.code = wait_for(child);
  result.err = contents(err);
  std::fclose(err);
  return result;
}

TemporaryDirectory::TemporaryDirectory() {
  std::string pattern = (std::filesystem::temp_directory_path() / "vitro-XXXXXX").string();
  if (!::mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp failed");
  path_ = pattern;
}
TemporaryDirectory::~TemporaryDirectory() { std::filesystem::remove_all(path_); }

std::string TemporaryDirectory::write(const std::string& name, const std::string& bytes) const {
  const std::string path = *this / name;
  std::ofstream file(path, std::ios::binary);
  file << bytes;
  return path;
}

}  // namespace vitro::testing
