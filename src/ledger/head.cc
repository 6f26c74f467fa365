#include "ledger/head.h"

#include <openssl/evp.h>

#include <algorithm>
#include <charconv>

namespace fuqi::ledger {
namespace {

constexpr uint64_t kHeadBytesMax = 4096;
constexpr size_t kBase64BytesMax = size_t{1} << 30;  // OpenSSL counts in int

bool IsOriginCharacter(char c) { return c > ' ' && c <= '~' && c != '+'; }

bool IsOrigin(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), IsOriginCharacter);
}

// Decimal digits without a leading zero.
std::optional<uint64_t> ParseSize(std::string_view text) {
  uint64_t size = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  if (error != std::errc() || stop != text.data() + text.size() ||
      (text.size() > 1 && text.front() == '0')) {
    return std::nullopt;
  }
  return size;
}

}  // namespace

Result<std::string> HeadOrigin(std::string_view partition) {
  if (!IsOrigin(partition)) {
    return Err(ErrorCode::kInvalidArgument,
               "a partition's name is of printable ASCII characters other than space and '+': '{}'",
               partition);
  }
  return fmt::format("fuqi/{}/sha256", partition);
}

std::string FormatHead(const Head& head) {
  return fmt::format("{}\n{}\n{}\n", head.origin, head.size, ToBase64(head.root));
}

Result<Head> ParseHead(std::string_view text) {
  std::array<std::string_view, 3> lines;
  for (std::string_view& line : lines) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) {
      return Err(ErrorCode::kParse, "a head is three lines, each with its line end")
          .At({.line = static_cast<int>(&line - lines.data()) + 1});
    }
    line = text.substr(0, end);
    text.remove_prefix(end + 1);
  }
  if (!text.empty()) {
    return Err(ErrorCode::kParse, "a head is three lines and nothing more").At({.line = 4});
  }
  if (!IsOrigin(lines[0])) {
    return Err(ErrorCode::kParse,
               "a head's first line is its origin: printable ASCII without space and '+'")
        .At({.line = 1});
  }
  const std::optional<uint64_t> size = ParseSize(lines[1]);
  if (!size) {
    return Err(ErrorCode::kParse, "a head's second line is the number of records, in digits")
        .At({.line = 2});
  }
  const Result<Bytes> root = FromBase64(lines[2]);
  Head head{.origin = std::string(lines[0]), .size = *size};
  if (!root || root->size() != head.root.size()) {
    return Err(ErrorCode::kParse, "a head's third line is the root: 32 bytes in base64")
        .At({.line = 3});
  }
  std::copy(root->begin(), root->end(), head.root.begin());
  return head;
}

Result<std::optional<Head>> ReadHead(Disk& disk, const std::string& path) {
  Result<Bytes> bytes = ReadFile(disk, path, kHeadBytesMax);
  if (!bytes) {
    if (bytes.error().code() == ErrorCode::kNotFound) {
      return std::optional<Head>();
    }
    return std::move(bytes).error();
  }
  FUQI_ASSIGN_OR_RETURN(Head head, ParseHead(AsText(*bytes)).At({.file = path}));
  return std::optional(std::move(head));
}

Result<void> WriteHead(Disk& disk, const std::string& path, const Head& head) {
  return WriteFileAtomically(disk, path, AsBytes(FormatHead(head)));
}

std::string ToBase64(ByteView bytes) {
  FUQI_CHECK(bytes.size() <= kBase64BytesMax);
  std::string text((bytes.size() + 2) / 3 * 4, '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(),
                  static_cast<int>(bytes.size()));
  return text;
}

Result<Bytes> FromBase64(std::string_view text) {
  if (text.size() > kBase64BytesMax) {
    return Err(ErrorCode::kOutOfRange, "a base64 text of {} characters is too long; at most {}",
               text.size(), kBase64BytesMax);
  }
  const ptrdiff_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  Bytes bytes(text.size() / 4 * 3);
  const int decoded =
      EVP_DecodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(text.data()),
                      static_cast<int>(text.size()));
  if (text.size() % 4 == 0 && (decoded >= 0 || text.empty())) {
    bytes.erase(bytes.end() - padding, bytes.end());
    // The decoder takes more than one form of some bytes; evidence has one.
    if (ToBase64(bytes) == text) {
      return bytes;
    }
  }
  return Err(ErrorCode::kParse, "a text of {} characters is not base64 with its padding",
             text.size());
}

}  // namespace fuqi::ledger
