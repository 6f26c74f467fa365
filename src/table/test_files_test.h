#pragma once

// A folder of its own for each test that writes files, removed afterwards.

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>

namespace fuqi::table {

class TestFolder {
 public:
  TestFolder() {
    static std::atomic<int> count = 0;
    // Canonical, as the paths of a permit are.
    path_ = (std::filesystem::canonical(testing::TempDir()) /
             ("fuqi_table_" + std::to_string(getpid()) + "_" + std::to_string(++count)))
                .string();
    std::filesystem::create_directories(path_);
  }
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  const std::string& path() const { return path_; }
  // Writes the file and gives its path.
  std::string Write(const std::string& name, std::string_view content) const {
    const std::string file = path_ + "/" + name;
    std::ofstream(file, std::ios::binary) << content;
    return file;
  }

 private:
  std::string path_;
};

}  // namespace fuqi::table
