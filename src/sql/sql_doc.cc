// Prints docs/sql.md and docs/sql.zh.md into the folder given.

#include <fmt/core.h>

#include <string>

#include "base/disk.h"
#include "sql/constructs.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: sql_doc FOLDER\n");
    return 2;
  }
  constexpr std::pair<const char*, fuqi::Language> kDocs[] = {
      {"sql.md", fuqi::Language::kEnglish}, {"sql.zh.md", fuqi::Language::kChinese}};
  for (const auto& [name, language] : kDocs) {
    const std::string path = fmt::format("{}/{}", argv[1], name);
    const auto written = fuqi::WriteFileAtomically(fuqi::SystemDisk(), path,
                                                   fuqi::AsBytes(fuqi::sql::SqlDoc(language)));
    if (!written) {
      fmt::print(stderr, "{}\n", written.error().ToString());
      return written.error().exit_code();
    }
  }
  return 0;
}
