// Tests several writers of one path, files left by killed writers, links and special files.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>

#include "framework/io/file.h"
#include "framework/io/lock.h"
#include "tests/support/process.h"
#include "vitro.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

Words listing(const TemporaryDirectory& directory) {
  Words names;
  for (const auto& entry : fs::directory_iterator(directory / ""))
    names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

// Calls f() in a child process, which ends without running destructors.
template <class F>
pid_t in_child(F f) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child > 0) return child;
  try {
    f();
  } catch (...) { ::_exit(1); }
  ::_exit(0);
}
int code_of(pid_t child) {
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// Makes the temporary file that a killed save leaves, and returns its name.
std::string dead_leftover(const TemporaryDirectory& directory, const std::string& path) {
  const Words before = listing(directory);
  code_of(in_child([&] {
    AtomicFile file(path);
    file.write("half", 4);
    ::kill(::getpid(), SIGKILL);
  }));
  for (const std::string& name : listing(directory))
    if (!std::ranges::count(before, name)) return name;
  return "";
}

}  // namespace

TEST_CASE("file: two writers of one path each save complete files") {
  const TemporaryDirectory directory;
  const std::string path = directory / "shared";
  AtomicFile one(path), two(path);
  one.write("1111", 4);
  two.write("22", 2);
  CHECK(listing(directory).size() == 2);
  two.commit();
  CHECK(read_file(path) == "22");
  one.commit();
  CHECK(read_file(path) == "1111");
  CHECK(listing(directory) == Words{"shared"});
}

TEST_CASE("file: processes may save one path at once, and readers see only complete files") {
  const TemporaryDirectory directory;
  const std::string path = directory / "shared", large(100'000, 'x');
  write_file(path, large);
  std::vector<pid_t> writers;
  for (int who = 0; who < 3; ++who)
    writers.push_back(in_child([&] {
      for (int i = 0; i < 60; ++i) write_file(path, large);
    }));
  for (int i = 0; i < 300; ++i) {
    CHECK(read_file(path) == large);
    ::usleep(100);
  }
  for (const pid_t writer : writers) CHECK(code_of(writer) == 0);
  CHECK(listing(directory) == Words{"shared"});
}

TEST_CASE("file: a save removes temporary files of killed writers of its path, and no others") {
  const TemporaryDirectory directory;
  const std::string path = directory / GENERATE(std::string("file"), std::string(250, 'n'));
  const std::string dead = dead_leftover(directory, path);
  CHECK_THAT(dead, Catch::EndsWith(".tmp"));
  AtomicFile living(path);
  const Words others = {"file.tmp", "file.0123456.tmp", "file.0123456g.tmp", "other.01234567.tmp"};
  for (const std::string& name : others) directory.write(name, "");
  write_file(path, "new");
  CHECK(!fs::exists(directory / dead));
  for (const std::string& name : others) CHECK(fs::exists(directory / name));
  living.write("living", 6);
  living.commit();
  CHECK(read_file(path) == "living");
  CHECK(listing(directory).size() == 1 + others.size());
}

TEST_CASE("file: a save of several files removes temporary files of killed writers of each") {
  const TemporaryDirectory directory;
  for (const char* name : {"a", "b"}) dead_leftover(directory, directory / name);
  CHECK(listing(directory).size() == 2);
  AtomicFiles files;
  for (const char* name : {"a", "b"}) files.add(directory / name).write("x", 1);
  files.commit();
  CHECK(listing(directory) == Words{"a", "b"});
}

TEST_CASE("file: files that are saved together are not mixed with files of another writer") {
  const TemporaryDirectory directory;
  const auto save = [&](const std::string& bytes) {
    AtomicFiles files;
    for (const char* name : {"a", "b", "c"})
      files.add(directory / name).write(bytes.data(), bytes.size());
    files.commit();
  };
  const std::vector<pid_t> writers = {in_child([&] {
                                        for (int i = 0; i < 100; ++i) save("1");
                                      }),
                                      in_child([&] {
                                        for (int i = 0; i < 100; ++i) save("2");
                                      })};
  for (const pid_t writer : writers) CHECK(code_of(writer) == 0);
  CHECK(read_file(directory / "a") == read_file(directory / "b"));
  CHECK(read_file(directory / "a") == read_file(directory / "c"));
  CHECK(listing(directory) == Words{"a", "b", "c"});
}

TEST_CASE("checkpoints: a save removes temporary files of killed saves, not of running ones") {
  const TemporaryDirectory directory;
  const CheckpointDirectory run(directory / "");
  dead_leftover(directory, run.file(1));
  AtomicFile living(run.file(2));
  run.save(3, {.tensors = {{"x", ones({2})}}, .metadata = {}}, 1);
  CHECK(listing(directory).size() == 2);
  living.commit();
  CHECK(fs::exists(run.file(2)));
}

TEST_CASE("file: a symbolic link stays and its target is replaced") {
  const TemporaryDirectory directory;
  fs::create_directory(directory / "below");
  const std::string target = directory.write("below/target", "old");
  fs::create_symlink("below/target", directory / "link");
  fs::create_symlink("link", directory / "second");
  fs::create_symlink("below/later", directory / "early");
  fs::create_symlink("loop", directory / "loop");
  write_file(directory / "second", "new");
  CHECK(read_file(target) == "new");
  write_file(directory / "early", "made");
  CHECK(read_file(directory / "below/later") == "made");
  for (const char* link : {"link", "second", "early", "loop"})
    CHECK(fs::is_symlink(directory / link));
  CHECK_THROWS_WITH(write_file(directory / "loop", ""),
                    directory / "loop" + ": cannot be written: Too many levels of symbolic links");
  fs::create_symlink("none/file", directory / "astray");
  CHECK_THROWS_WITH(write_file(directory / "astray", ""),
                    Contains("astray: cannot be written: No such"));
}

TEST_CASE("file: a FIFO, and a link to one, are written through") {
  const TemporaryDirectory directory;
  const std::string fifo = directory / "fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  fs::create_symlink("fifo", directory / "link");
  for (const char* name : {"fifo", "link"}) {
    const pid_t writer = in_child([&] { write_file(directory / name, "through"); });
    CHECK(read_stream(fifo, 100) == "through");
    CHECK(code_of(writer) == 0);
    CHECK(fs::is_fifo(fifo));
  }
  CHECK(fs::is_symlink(directory / "link"));
  CHECK(listing(directory) == Words{"fifo", "link"});
}

TEST_CASE("file: /dev/stdout, /dev/fd/N and /proc/self/fd/N are open files of the process") {
  const TemporaryDirectory directory;
  const std::string path = directory / "out";
  const pid_t writer = in_child([&] {
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT, 0600);
    ::dup2(file, STDOUT_FILENO);
    for (const std::string& name : {std::string("/dev/stdout"), std::string("/proc/self/fd/1"),
                                    "/dev/fd/" + std::to_string(file)})
      write_file(name, "a\n");
  });
  CHECK(code_of(writer) == 0);
  CHECK(read_file(path) == "a\na\na\n");
}

TEST_CASE("file: a write beyond the limit of file sizes throws and does not end the process") {
  const TemporaryDirectory directory;
  const std::string path = directory.write("file", "old");
  const pid_t writer = in_child([&] {
    const rlimit small = {1000, 1000};
    std::signal(SIGXFSZ, SIG_DFL);
    ::setrlimit(RLIMIT_FSIZE, &small);
    std::string message;
    try {
      write_file(path, std::string(5000, 'x'));
    } catch (const IoError& error) { message = error.what(); }
    ::_exit(message == path + ": cannot be written: File too large" ? 7 : 8);
  });
  CHECK(code_of(writer) == 7);
  CHECK(read_file(path) == "old");
  CHECK(listing(directory) == Words{"file"});
}

TEST_CASE("lock: one process holds it, until the process ends or releases it") {
  const TemporaryDirectory directory;
  const std::string path = directory / "lock";
  const auto is_free = [&] { return LockFile(path).is_held(); };
  {
    const LockFile held(path);
    CHECK(held.is_held());
    CHECK(!is_free());
    CHECK(code_of(in_child([&] { ::_exit(LockFile(path).is_held() ? 1 : 0); })) == 0);
    CHECK(listing(directory) == Words{"lock"});
  }
  CHECK(listing(directory).empty());
  code_of(in_child([&] {
    const LockFile held(path);
    ::kill(::getpid(), SIGKILL);
  }));
  CHECK(listing(directory) == Words{"lock"});
  CHECK(is_free());
  CHECK_THROWS_WITH(LockFile(directory / "none/lock"), Contains("none/lock: cannot be written: "));
}
