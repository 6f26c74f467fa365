#pragma once

// Bytes out and bytes in: the one way in which records, snapshots and states are laid out.
// Little-endian, fixed width or LEB128; text and blobs are length-prefixed. Reading is total: it
// never runs past the end and never trusts a length.

#include <array>
#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace fuqi {

static_assert(std::endian::native == std::endian::little, "the stored formats are little-endian");

using int128 = __int128;
using uint128 = unsigned __int128;
using Bytes = std::vector<uint8_t>;
using ByteView = std::span<const uint8_t>;
using Digest = std::array<uint8_t, 32>;  // of a 256-bit hash: SHA-256 or SM3

inline ByteView AsBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
inline std::string_view AsText(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class ByteWriter {
 public:
  explicit ByteWriter(Bytes& out) : out_(out) {}

  template <class T>
    requires(std::integral<T> || std::same_as<T, int128> || std::same_as<T, uint128> ||
             std::same_as<T, double>)
  void Fixed(T value) {
    const auto* p = reinterpret_cast<const uint8_t*>(&value);
    out_.insert(out_.end(), p, p + sizeof(T));
  }
  // Unsigned LEB128, at most ten bytes.
  void Varint(uint64_t value) {
    while (value >= 0x80) {
      out_.push_back(static_cast<uint8_t>(value) | 0x80);
      value >>= 7;
    }
    out_.push_back(static_cast<uint8_t>(value));
  }
  void Raw(ByteView bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  void Blob(ByteView bytes) {
    Varint(bytes.size());
    Raw(bytes);
  }
  void Text(std::string_view text) { Blob(AsBytes(text)); }

  size_t size() const { return out_.size(); }
  Bytes& bytes() { return out_; }

 private:
  Bytes& out_;
};

// After the first failure every read gives zero or empty and ok() stays false: read a whole
// structure, then ask once.
class ByteReader {
 public:
  explicit ByteReader(ByteView bytes) : bytes_(bytes) {}

  template <class T>
    requires(std::integral<T> || std::same_as<T, int128> || std::same_as<T, uint128> ||
             std::same_as<T, double>)
  T Fixed() {
    T value{};
    if (ByteView raw = Raw(sizeof(T)); ok_) {
      std::memcpy(&value, raw.data(), sizeof(T));
    }
    return value;
  }
  // Refuses an encoding that is longer than needed, so that each value has one form.
  uint64_t Varint();
  ByteView Raw(uint64_t size) {
    if (!ok_ || size > bytes_.size() - position_) {
      ok_ = false;
      return {};
    }
    ByteView raw = bytes_.subspan(position_, size);
    position_ += size;
    return raw;
  }
  ByteView Blob() { return Raw(Varint()); }
  std::string_view Text() { return AsText(Blob()); }

  bool ok() const { return ok_; }
  bool at_end() const { return position_ == bytes_.size(); }
  size_t position() const { return position_; }
  size_t remaining() const { return bytes_.size() - position_; }
  // kParse with the offset if a read failed or bytes are left over.
  Result<void> Finish(std::string_view what) const;

 private:
  ByteView bytes_;
  size_t position_ = 0;
  bool ok_ = true;
};

// Lower-case hexadecimal.
std::string ToHex(ByteView bytes);
Result<Bytes> FromHex(std::string_view hex);

// CRC-32C (Castagnoli), as iSCSI and ext4 use it; `seed` continues an earlier call.
uint32_t Crc32c(ByteView bytes, uint32_t seed = 0);

}  // namespace fuqi
