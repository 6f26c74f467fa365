#pragma once

// A head: the size and root of a log's tree at one moment. Its text is the body of a C2SP
// tlog-checkpoint:
//
//   fuqi/aml/sha256
//   1042
//   XcnaeacGWamVWct/AdntkqudgjqtL0lgz+Nw7/RgQyg=
//
// The origin names the log and, last, the tree's hash. docs/formats/proofs.md.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/disk.h"

namespace fuqi::ledger {

struct Head {
  std::string origin;
  uint64_t size = 0;
  Digest root{};

  friend bool operator==(const Head&, const Head&) = default;
};

// "fuqi/<partition>/sha256". kInvalidArgument unless `partition` is of printable ASCII other than
// space and '+', and not empty.
Result<std::string> HeadOrigin(std::string_view partition);

std::string FormatHead(const Head& head);
// Takes exactly what FormatHead gives; kParse with the line.
Result<Head> ParseHead(std::string_view text);

// The head in file `path`; empty if there is no such file.
Result<std::optional<Head>> ReadHead(Disk& disk, const std::string& path);
// Replaces it; on return the new head survives a crash.
Result<void> WriteHead(Disk& disk, const std::string& path, const Head& head);

// Standard base64 with padding, as heads and proofs use it. Decoding takes only what encoding
// gives.
std::string ToBase64(ByteView bytes);
Result<Bytes> FromBase64(std::string_view text);

}  // namespace fuqi::ledger
