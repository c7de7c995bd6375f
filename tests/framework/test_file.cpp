// Tests atomic writes: each system call fails in turn, or the process is killed before or after it.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>

#include "framework/io/file.h"
#include "framework/io/mapped_file.h"
#include "tests/support/file_calls.h"
#include "tests/support/process.h"
#include "vitro.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

namespace {

const std::string kOld = "the old file", kNew = "the new file, which is longer";

void save(const std::string& path) {
  AtomicFile file(path);
  file.write(kNew.data(), 10);
  file.write(kNew.data() + 10, kNew.size() - 10);
  file.commit();
}

// The sorted names in the directory.
Words names_in(const TemporaryDirectory& directory) {
  Words names;
  for (const auto& entry : std::filesystem::directory_iterator(directory / ""))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

// The system calls of one save.
std::vector<std::string> calls_of_a_save(const std::string& path) {
  Calls calls;
  ScopedFileCalls scope(calls);
  save(path);
  return calls.made;
}

}  // namespace

TEST_CASE("file: several files are all complete on the disk before the first is renamed") {
  const TemporaryDirectory directory;
  Calls calls;
  {
    const ScopedFileCalls scope(calls);
    AtomicFiles files;
    for (const char* name : {"a", "b", "c"}) files.add(directory / name).write("x", 1);
    files.commit();
  }
  const auto first = std::find(calls.made.begin(), calls.made.end(), "rename");
  CHECK(std::count(calls.made.begin(), first, "fsync") == 3);
  CHECK(std::count(calls.made.begin(), first, "close") == 3);
  CHECK(std::count(first, calls.made.end(), "rename") == 3);
}

TEST_CASE("file: a save is written, synced, renamed, and its directory synced") {
  TemporaryDirectory directory;
  const std::string path = directory.write("file", kOld);
  CHECK(calls_of_a_save(path) == std::vector<std::string>{"open", "write", "write", "fsync",
                                                          "close", "rename", "open", "fsync",
                                                          "close"});
  CHECK(read_file(path) == kNew);
  CHECK(names_in(directory) == Words{"file"});
}

TEST_CASE("file: a failed call throws an IoError and leaves the old file") {
  const int error = GENERATE(EIO, ENOSPC, EDQUOT, EACCES);
  TemporaryDirectory directory;
  const std::string path = directory.write("file", kOld);
  const std::vector<std::string> all = calls_of_a_save(directory / "other");
  for (size_t n = 0; n < all.size(); ++n) {
    INFO(n << ' ' << all[n]);
    if (n == all.size() - 1) continue;  // closing the directory may fail
    write_file(path, kOld);
    Calls calls;
    bool hit = false;
    calls.at = [&](size_t i, const std::string&) { return i == n ? hit = true, error : 0; };
    {
      ScopedFileCalls scope(calls);
      CHECK_THROWS_WITH(save(path), StartsWith(path + ": cannot be written: "));
    }
    CHECK(hit);
    CHECK(read_file(path) == (n > 5 ? kNew : kOld));  // call 5 is the rename
    CHECK(names_in(directory) == Words{"file", "other"});
  }
}

TEST_CASE("file: after a kill, the old or the new file is complete, and the next save works") {
  TemporaryDirectory directory;
  const std::string path = directory.write("file", kOld);
  const size_t count = calls_of_a_save(directory / "other").size();
  size_t olds = 0, news = 0;
  for (size_t n = 0; n < count; ++n) {
    write_file(path, kOld);
    Calls calls;
    calls.at = [&](size_t i, const std::string&) -> int {
      if (i == n) throw Killed();
      return 0;
    };
    {
      ScopedFileCalls scope(calls);
      CHECK_THROWS_AS(save(path), Killed);
    }
    const std::string found = read_file(path);
    ++(found == kNew ? news : olds);
    CHECK((found == kOld || found == kNew));
    save(path);
    CHECK(read_file(path) == kNew);
    CHECK(names_in(directory) == Words{"file", "other"});
  }
  CHECK(olds == 6);
  CHECK(news == 3);
}

TEST_CASE("file: a save continues after short writes and interruptions") {
  TemporaryDirectory directory;
  Calls calls;
  calls.short_writes = true;
  calls.at = [](size_t n, const std::string& call) {
    return call == "write" && n % 3 == 0 ? EINTR : 0;
  };
  ScopedFileCalls scope(calls);
  save(directory / "file");
  CHECK(read_file(directory / "file") == kNew);
}

TEST_CASE("file: without commit, the old file stays and the new one is removed") {
  TemporaryDirectory directory;
  const std::string path = directory.write("file", kOld);
  {
    AtomicFile file(path);
    file.write(kNew.data(), kNew.size());
  }
  CHECK(read_file(path) == kOld);
  CHECK(names_in(directory) == Words{"file"});
}

TEST_CASE("file: a full device, a directory, a missing directory") {
  TemporaryDirectory directory;
  CHECK_THROWS_WITH(write_file("/dev/full", kNew),
                    "/dev/full: cannot be written: No space left on device");
  CHECK_THROWS_WITH(write_file(directory / "", kNew), Contains("it is a directory"));
  CHECK_THROWS_WITH(write_file(directory / "none/file", kNew), Contains("No such file"));
  CHECK_THROWS_WITH(write_file(directory.write("file", kOld) + "/a", kNew),
                    Contains("Not a directory"));
  write_file("/dev/null", kNew);
  CHECK(std::filesystem::is_character_file("/dev/null"));
}

TEST_CASE("file: a file larger than memory can be mapped") {
  TemporaryDirectory directory;
  const std::string path = directory.write("sparse", "a");
  constexpr uintmax_t kSize = uintmax_t{1} << 40;
  std::error_code error;
  std::filesystem::resize_file(path, kSize, error);  // a hole, which uses no disk space
  if (error) return;  // some file systems cannot have such long files
  const MappedFile file(path);
  CHECK(file.bytes().size() == kSize);
  CHECK(file.bytes().back() == '\0');
}

TEST_CASE("file: a mapped file has the bytes of the file") {
  TemporaryDirectory directory;
  MappedFile file(directory.write("file", kOld));
  const MappedFile copy = file;
  CHECK(copy.bytes() == kOld);
  CHECK(MappedFile(directory.write("empty", "")).bytes().empty());
  REQUIRE(mkfifo((directory / "fifo").c_str(), 0600) == 0);
  for (const auto& [path, reason] :
       {std::pair{directory / "none", "No such file"}, std::pair{directory / "", "a directory"},
        std::pair{directory / "fifo", "not a regular file"}})
    CHECK_THROWS_WITH(MappedFile(path),
                      StartsWith(path + ": cannot be read: ") && Contains(reason));
}
