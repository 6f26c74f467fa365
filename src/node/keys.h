#pragma once

// API keys: who may ask this server. A key is 32 random bytes in text form; the server knows only
// its SHA-256, from a file with one line per caller:
//
//   # name : sha256 of the key, hexadecimal
//   core-banking:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
//
// Security: since keys are random and long, a plain hash is enough: there is nothing to guess.
// Every stored hash is compared, in the same time, whichever matches; a key is never logged, stored
// or told back.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/disk.h"
#include "base/result.h"

namespace fuqi::node {

class ApiKeys {
 public:
  // kConfig with file and line; a file without keys is one that lets nobody in, and refused.
  static Result<ApiKeys> Load(Disk& disk, const std::string& path);
  static Result<ApiKeys> Parse(std::string_view text, const std::string& file);

  // The name of the key that an Authorization header ("Bearer KEY") presents; none if there is no
  // such key.
  std::optional<std::string> Caller(std::string_view authorization) const;

 private:
  struct Entry {
    std::string name;
    Digest hash;
  };
  std::vector<Entry> entries_;
};

struct NewKey {
  std::string key;   // to be given to the caller; it cannot be had again
  std::string line;  // for the file
};
// kUsage: a name is 1 to 64 letters, digits, '_', '-', '.'.
Result<NewKey> MakeKey(std::string_view name);

}  // namespace fuqi::node
