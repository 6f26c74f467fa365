#pragma once

// API keys: who may ask this server. A key is 32 random bytes in text form; the server knows only
// its SHA-256, from a file with one line per caller:
//
//   # name : sha256 of the key, hexadecimal : roles
//   core-banking:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
//   anna:60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752:list,propose
//
// Roles say what a key may do beside asking: decide (send events), list (change lists and
// references), standing (set, release and undo standing actions), outbox (retry and drop what is
// owed to systems outside), propose and approve (versions of packs). A line without roles has
// decide and list.
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

enum class Role : uint8_t {
  kDecide = 1,
  kList = 2,
  kPropose = 4,
  kApprove = 8,
  kStanding = 16,
  kOutbox = 32,
};
// Bits of Role.
using Roles = uint8_t;
constexpr Roles operator|(Role a, Role b) {
  return static_cast<Roles>(static_cast<Roles>(a) | static_cast<Roles>(b));
}

struct KeyHolder {
  std::string name;
  Roles roles = 0;
};

class ApiKeys {
 public:
  // kConfig with file and line; a file without keys is one that lets nobody in, and refused.
  static Result<ApiKeys> Load(Disk& disk, const std::string& path);
  static Result<ApiKeys> Parse(std::string_view text, const std::string& file);

  // Whose key an Authorization header ("Bearer KEY") presents; none if there is no such key.
  std::optional<KeyHolder> Caller(std::string_view authorization) const;

 private:
  struct Entry {
    KeyHolder holder;
    Digest hash;
  };
  std::vector<Entry> entries_;
};

struct NewKey {
  std::string key;   // to be given to the caller; it cannot be had again
  std::string line;  // for the file
};
// `roles`: their names; empty: as a line without roles. kUsage: a name is 1 to 64 letters, digits,
// '_', '-', '.'; a role that is none.
Result<NewKey> MakeKey(std::string_view name, const std::vector<std::string>& roles = {});

}  // namespace fuqi::node
