#include "base/disk.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>

#include "base/simulated_disk.h"

namespace fuqi {
namespace {

// What both disks promise is tested on both.
class AnyDisk : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "fuqi_disk_XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    real_dir_ = name;
    if (GetParam()) {
      ASSERT_TRUE(simulated_.MakeDirs(real_dir_));
    }
  }
  void TearDown() override { std::filesystem::remove_all(real_dir_); }

  Disk& disk() { return GetParam() ? static_cast<Disk&>(simulated_) : SystemDisk(); }
  std::string Path(const std::string& name) const { return real_dir_ + "/" + name; }
  std::unique_ptr<File> Create(const std::string& name) {
    return *disk().Open(Path(name), OpenMode::kCreate);
  }
  std::string Content(const std::string& name) {
    return std::string(AsText(*ReadFile(disk(), Path(name), 1 << 20)));
  }

 private:
  std::string real_dir_;
  SimulatedDisk simulated_{1};
};

INSTANTIATE_TEST_SUITE_P(Disks, AnyDisk, ::testing::Values(false, true),
                         [](const auto& info) { return info.param ? "Simulated" : "System"; });

TEST_P(AnyDisk, ReadsWhatWasWritten) {
  const auto file = Create("a");
  ASSERT_TRUE(file->Write(0, AsBytes("hello")));
  ASSERT_TRUE(file->Write(3, AsBytes("p me")));
  ASSERT_TRUE(file->Write(9, AsBytes("!")));  // leaves a hole
  ASSERT_TRUE(file->Sync());
  EXPECT_EQ(*file->Size(), 10u);
  EXPECT_EQ(Content("a"), std::string("help me\0\0!", 10));
}

TEST_P(AnyDisk, ReadsFewerBytesOnlyAtTheEnd) {
  const auto file = Create("a");
  ASSERT_TRUE(file->Write(0, AsBytes("hello")));
  Bytes out(8, 0xee);
  EXPECT_EQ(*file->Read(3, out), 2u);
  EXPECT_EQ(AsText(ByteView(out).first(2)), "lo");
  EXPECT_EQ(out[2], 0xee);
  EXPECT_EQ(*file->Read(5, out), 0u);
  EXPECT_EQ(*file->Read(1000, out), 0u);
  EXPECT_EQ(*file->Read(0, {}), 0u);
}

TEST_P(AnyDisk, CutsAndExtends) {
  const auto file = Create("a");
  ASSERT_TRUE(file->Write(0, AsBytes("hello")));
  ASSERT_TRUE(file->Truncate(2));
  EXPECT_EQ(Content("a"), "he");
  ASSERT_TRUE(file->Truncate(4));
  EXPECT_EQ(Content("a"), std::string("he\0\0", 4));
}

TEST_P(AnyDisk, OpensByMode) {
  const auto code = [&](const std::string& name, OpenMode mode) {
    return disk().Open(Path(name), mode).error().code();
  };
  EXPECT_EQ(code("a", OpenMode::kRead), ErrorCode::kNotFound);
  EXPECT_EQ(code("a", OpenMode::kReadWrite), ErrorCode::kNotFound);
  EXPECT_EQ(code("no/a", OpenMode::kCreate), ErrorCode::kNotFound);
  Create("a");
  EXPECT_EQ(code("a", OpenMode::kCreate), ErrorCode::kAlreadyExists);
  EXPECT_TRUE(disk().Open(Path("a"), OpenMode::kReadWrite));
  const auto read_only = *disk().Open(Path("a"), OpenMode::kRead);
  EXPECT_EQ(read_only->Write(0, AsBytes("x")).error().code(), ErrorCode::kIo);
}

TEST_P(AnyDisk, RenamesOverAnExistingFileAndRemoves) {
  ASSERT_TRUE(Create("a")->Write(0, AsBytes("new")));
  ASSERT_TRUE(Create("b")->Write(0, AsBytes("old")));
  ASSERT_TRUE(disk().Rename(Path("a"), Path("b")));
  EXPECT_EQ(Content("b"), "new");
  EXPECT_EQ(disk().Rename(Path("a"), Path("b")).error().code(), ErrorCode::kNotFound);
  ASSERT_TRUE(disk().Remove(Path("b")));
  EXPECT_EQ(disk().Remove(Path("b")).error().code(), ErrorCode::kNotFound);
}

TEST_P(AnyDisk, AnOpenFileOutlivesItsName) {
  const auto file = Create("a");
  ASSERT_TRUE(file->Write(0, AsBytes("x")));
  ASSERT_TRUE(disk().Remove(Path("a")));
  EXPECT_EQ(*file->Size(), 1u);
}

TEST_P(AnyDisk, ListsFilesSortedBytewiseAndNoDirectories) {
  Create("b");
  Create("B");
  Create("a");
  ASSERT_TRUE(disk().MakeDirs(Path("dir/inner")));
  EXPECT_EQ(*disk().List(Path("")), (std::vector<std::string>{"B", "a", "b"}));
  EXPECT_TRUE(disk().List(Path("dir"))->empty());
  EXPECT_EQ(disk().List(Path("nowhere")).error().code(), ErrorCode::kNotFound);
}

TEST_P(AnyDisk, MakesDirectoriesWithParents) {
  ASSERT_TRUE(disk().MakeDirs(Path("x/y/z/")));
  ASSERT_TRUE(disk().MakeDirs(Path("x/y/z")));
  ASSERT_TRUE(disk().SyncDir(Path("x/y/z")));
  ASSERT_TRUE(disk().Open(Path("x/y/z/f"), OpenMode::kCreate));
  EXPECT_EQ(disk().MakeDirs(Path("x/y/z/f")).error().code(), ErrorCode::kAlreadyExists);
  EXPECT_FALSE(disk().MakeDirs(Path("x/y/z/f/g")));
  EXPECT_EQ(disk().SyncDir(Path("nowhere")).error().code(), ErrorCode::kNotFound);
}

TEST_P(AnyDisk, LocksADirectoryForOneHolder) {
  Result<std::shared_ptr<void>> first = disk().Lock(Path(""));
  ASSERT_TRUE(first);
  EXPECT_EQ(disk().Lock(Path("")).error().code(), ErrorCode::kUnavailable);
  first->reset();
  EXPECT_TRUE(disk().Lock(Path("")));
  EXPECT_TRUE(disk().List(Path(""))->empty());  // no lock file left to trip over
}

TEST_P(AnyDisk, ReadFileHasABound) {
  ASSERT_TRUE(Create("a")->Write(0, AsBytes("hello")));
  EXPECT_EQ(ReadFile(disk(), Path("a"), 5)->size(), 5u);
  EXPECT_EQ(ReadFile(disk(), Path("a"), 4).error().code(), ErrorCode::kResourceExhausted);
}

TEST_P(AnyDisk, WriteFileAtomicallyReplacesAndLeavesNothingElse) {
  ASSERT_TRUE(WriteFileAtomically(disk(), Path("a"), AsBytes("one")));
  ASSERT_TRUE(Create("a.tmp")->Write(0, AsBytes("left by a crash, and longer")));
  ASSERT_TRUE(WriteFileAtomically(disk(), Path("a"), AsBytes("two")));
  EXPECT_EQ(Content("a"), "two");
  EXPECT_EQ(*disk().List(Path("")), std::vector<std::string>{"a"});
}

TEST(SystemDisk, AFullDeviceIsDiskFull) {
  const auto full = SystemDisk().Open("/dev/full", OpenMode::kReadWrite);
  if (!full) {
    GTEST_SKIP() << "skipped: no /dev/full";
  }
  EXPECT_EQ((*full)->Write(0, AsBytes("x")).error().code(), ErrorCode::kDiskFull);
}

// Runs in a child of its own, since the limit and the signal are the process's.
TEST(SystemDisk, AFileSizeLimitIsDiskFullAndKeepsThePrefix) {
  std::string dir = (std::filesystem::temp_directory_path() / "fuqi_disk_XXXXXX").string();
  ASSERT_NE(::mkdtemp(dir.data()), nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const auto file = *SystemDisk().Open(dir + "/a", OpenMode::kCreate);
    const Result<void> written = file->Write(0, Bytes(5000, 'x'));
    ::_exit(!written && written.error().code() == ErrorCode::kDiskFull && *file->Size() == 1000
                ? 0
                : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  std::filesystem::remove_all(dir);
}

TEST(SystemDisk, AnotherProcessIsKeptOut) {
  std::string dir = (std::filesystem::temp_directory_path() / "fuqi_disk_XXXXXX").string();
  ASSERT_NE(::mkdtemp(dir.data()), nullptr);
  auto lock = *SystemDisk().Lock(dir);
  const auto refused_in_child = [&] {
    const pid_t child = ::fork();
    if (child == 0) {
      const auto second = SystemDisk().Lock(dir);
      ::_exit(!second && second.error().code() == ErrorCode::kUnavailable ? 1 : 0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WEXITSTATUS(status) == 1;
  };
  EXPECT_TRUE(refused_in_child());
  std::filesystem::remove_all(dir);
}

// A pipe and /proc cannot be synced, so that the kernel's refusal proves that it was asked.
TEST(SystemDisk, SyncAsksTheKernel) {
  std::string dir = (std::filesystem::temp_directory_path() / "fuqi_disk_XXXXXX").string();
  ASSERT_NE(::mkdtemp(dir.data()), nullptr);
  const std::string pipe = dir + "/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const auto file = *SystemDisk().Open(pipe, OpenMode::kReadWrite);
  const Result<void> synced = file->Sync();
  EXPECT_FALSE(synced);
  std::filesystem::remove_all(dir);
}

TEST(SystemDisk, SyncDirAsksTheKernel) { EXPECT_FALSE(SystemDisk().SyncDir("/proc")); }

TEST(SystemDisk, ErrorsNameThePath) {
  const Error error = SystemDisk().Open("/nowhere/x", OpenMode::kRead).error();
  EXPECT_EQ(error.ToString(), "/nowhere/x: cannot be opened: No such file or directory");
  EXPECT_FALSE(SystemDisk().Open("/", OpenMode::kReadWrite));
}

}  // namespace
}  // namespace fuqi
