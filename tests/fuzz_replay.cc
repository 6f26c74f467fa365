// The main of a fuzzer where libFuzzer is not linked: runs the target once over every file of the
// corpus folder it is given, and over each file's prefixes and single-byte changes, so that the
// saved inputs also exercise truncation.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int main(int argc, char** argv) {
  if (argc != 2 || !std::filesystem::is_directory(argv[1])) {
    std::fprintf(stderr, "usage: %s CORPUS_DIRECTORY\n", argv[0]);
    return 2;
  }
  int inputs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    std::ifstream in(entry.path(), std::ios::binary);
    std::vector<uint8_t> bytes((std::istreambuf_iterator<char>(in)),
                               std::istreambuf_iterator<char>());
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    const size_t step = std::max<size_t>(1, bytes.size() / 64);
    for (size_t i = 0; i < bytes.size(); i += step) {
      LLVMFuzzerTestOneInput(bytes.data(), i);
      std::vector<uint8_t> changed = bytes;
      changed[i] ^= 0x41;
      LLVMFuzzerTestOneInput(changed.data(), changed.size());
    }
    ++inputs;
  }
  std::printf("%d inputs replayed\n", inputs);
  return inputs > 0 ? 0 : 1;  // an empty corpus is a test that cannot fail
}
