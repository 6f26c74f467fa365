#include "base/bytes.h"

#include <array>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace fuqi {

uint64_t ByteReader::Varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    ByteView raw = Raw(1);
    if (!ok_) {
      return 0;
    }
    uint8_t byte = raw[0];
    if (shift == 63 && byte > 1) {
      break;
    }
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) {
      if (byte == 0 && shift > 0) {
        break;
      }
      return value;
    }
  }
  ok_ = false;
  return 0;
}

Result<void> ByteReader::Finish(std::string_view what) const {
  if (!ok_) {
    return Err(ErrorCode::kParse,
               "{} ends too early, or holds a length that is not possible, at byte {}", what,
               position_);
  }
  if (!at_end()) {
    return Err(ErrorCode::kParse, "{} has {} bytes too many after byte {}", what, remaining(),
               position_);
  }
  return {};
}

std::string ToHex(ByteView bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (uint8_t byte : bytes) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

Result<Bytes> FromHex(std::string_view hex) {
  auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  if (hex.size() % 2 != 0) {
    return Err(ErrorCode::kParse, "hexadecimal text has an odd number of digits: {}", hex.size());
  }
  Bytes bytes(hex.size() / 2);
  for (size_t i = 0; i < bytes.size(); ++i) {
    int high = digit(hex[2 * i]);
    int low = digit(hex[2 * i + 1]);
    if (high < 0 || low < 0) {
      return Err(ErrorCode::kParse, "character {} is not one of 0-9 a-f",
                 2 * i + (high < 0 ? 1 : 2));
    }
    bytes[i] = static_cast<uint8_t>(high * 16 + low);
  }
  return bytes;
}

namespace {

constexpr std::array<uint32_t, 256> MakeTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0);
    }
    table[i] = crc;
  }
  return table;
}

uint32_t Crc32cTable(ByteView bytes, uint32_t crc) {
  static constexpr std::array<uint32_t, 256> kTable = MakeTable();
  for (uint8_t byte : bytes) {
    crc = (crc >> 8) ^ kTable[(crc ^ byte) & 0xff];
  }
  return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t Crc32cSse42(ByteView bytes, uint32_t crc) {
  uint64_t state = crc;
  size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, bytes.data() + i, 8);
    state = _mm_crc32_u64(state, word);
  }
  for (; i < bytes.size(); ++i) {
    state = _mm_crc32_u8(static_cast<uint32_t>(state), bytes[i]);
  }
  return static_cast<uint32_t>(state);
}
#endif

}  // namespace

uint32_t Crc32c(ByteView bytes, uint32_t seed) {
#if defined(__x86_64__)
  static const bool kHasSse42 = __builtin_cpu_supports("sse4.2") != 0;
  if (kHasSse42) {
    return ~Crc32cSse42(bytes, ~seed);
  }
#endif
  return ~Crc32cTable(bytes, ~seed);
}

}  // namespace fuqi
