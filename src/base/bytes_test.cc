#include "base/bytes.h"

#include <gtest/gtest.h>

#include <numeric>

namespace fuqi {
namespace {

Bytes VarintBytes(uint64_t value) {
  Bytes bytes;
  ByteWriter(bytes).Varint(value);
  return bytes;
}

TEST(Varint, HasTheLengthThatItsBitsNeed) {
  for (int bits = 1; bits <= 64; ++bits) {
    const uint64_t largest = bits == 64 ? UINT64_MAX : (uint64_t{1} << bits) - 1;
    for (uint64_t value : {largest, largest - 1, largest / 2 + 1}) {
      const Bytes bytes = VarintBytes(value);
      size_t length = 1;
      for (uint64_t rest = value; rest >= 128; rest /= 128) {
        ++length;
      }
      EXPECT_EQ(bytes.size(), length) << value;
      ByteReader reader(bytes);
      EXPECT_EQ(reader.Varint(), value);
      EXPECT_TRUE(reader.ok() && reader.at_end());
    }
  }
  EXPECT_EQ(VarintBytes(0), Bytes{0});
  EXPECT_EQ(VarintBytes(300), (Bytes{0xac, 0x02}));
}

TEST(Varint, RefusesAnotherFormOfTheSameValue) {
  for (const Bytes& bytes : {Bytes{0x80, 0x00}, Bytes{0x81, 0x00}, Bytes{0xff, 0x80, 0x00}}) {
    ByteReader reader(bytes);
    EXPECT_EQ(reader.Varint(), 0u);
    EXPECT_FALSE(reader.ok());
  }
}

TEST(Varint, RefusesMoreThan64Bits) {
  Bytes bytes(9, 0xff);
  bytes.push_back(0x01);
  EXPECT_EQ(ByteReader(bytes).Varint(), UINT64_MAX);
  bytes.back() = 0x02;
  ByteReader too_large(bytes);
  too_large.Varint();
  EXPECT_FALSE(too_large.ok());
  const Bytes eleven(11, 0x80);
  ByteReader too_long(eleven);
  too_long.Varint();
  EXPECT_FALSE(too_long.ok());
}

TEST(ByteReader, GivesBackWhatWasWrittenAndStopsAtEveryTruncation) {
  Bytes bytes;
  ByteWriter writer(bytes);
  const int128 wide = -(int128{1} << 100) - 5;
  writer.Fixed(uint32_t{0xdeadbeef});
  writer.Fixed(wide);
  writer.Fixed(-0.1);
  writer.Varint(1 << 20);
  writer.Text("符契");
  writer.Blob(Bytes{});
  writer.Fixed(int8_t{-1});
  const auto read = [&](ByteView view) {
    ByteReader reader(view);
    const bool same = reader.Fixed<uint32_t>() == 0xdeadbeef && reader.Fixed<int128>() == wide &&
                      reader.Fixed<double>() == -0.1 && reader.Varint() == 1 << 20 &&
                      reader.Text() == "符契" && reader.Blob().empty() &&
                      reader.Fixed<int8_t>() == -1;
    return std::pair(same, reader.Finish("the record"));
  };
  EXPECT_TRUE(read(bytes).first);
  EXPECT_TRUE(read(bytes).second);
  for (size_t size = 0; size < bytes.size(); ++size) {
    const auto [same, finished] = read(ByteView(bytes).first(size));
    ASSERT_FALSE(finished) << size;
    EXPECT_EQ(finished.error().code(), ErrorCode::kParse);
  }
  bytes.push_back(0);
  EXPECT_FALSE(read(bytes).second);
}

TEST(ByteReader, NeverTrustsALength) {
  Bytes bytes = VarintBytes(UINT64_MAX);
  bytes.push_back('x');
  ByteReader reader(bytes);
  EXPECT_TRUE(reader.Blob().empty());
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.Fixed<uint8_t>(), 0);  // nothing is read after a failure
  EXPECT_FALSE(reader.ok());
}

TEST(Hex, IsLowerCaseAndReadsBack) {
  const Bytes bytes{0x00, 0x7f, 0x80, 0xff};
  EXPECT_EQ(ToHex(bytes), "007f80ff");
  EXPECT_EQ(*FromHex("007f80ff"), bytes);
  EXPECT_EQ(*FromHex(""), Bytes{});
  EXPECT_EQ(FromHex("0").error().code(), ErrorCode::kParse);
  EXPECT_EQ(FromHex("0G").error().message(), "character 2 is not one of 0-9 a-f");
  EXPECT_FALSE(FromHex("AB"));
}

// RFC 3720 §B.4.
TEST(Crc32c, GivesTheVectorsOfIscsi) {
  EXPECT_EQ(Crc32c(Bytes(32, 0x00)), 0x8a9136aau);
  EXPECT_EQ(Crc32c(Bytes(32, 0xff)), 0x62a8ab43u);
  Bytes rising(32);
  std::iota(rising.begin(), rising.end(), 0);
  EXPECT_EQ(Crc32c(rising), 0x46dd794eu);
  EXPECT_EQ(Crc32c(Bytes(rising.rbegin(), rising.rend())), 0x113fdb5cu);
  const Bytes scsi_read = *FromHex(
      "01c00000000000000000000000000000140000000000040000000014000000182800000000000000"
      "0200000000000000");
  EXPECT_EQ(Crc32c(scsi_read), 0xd9963a56u);
  EXPECT_EQ(Crc32c({}), 0u);
}

TEST(Crc32c, ContinuesAcrossAnyCut) {
  Bytes bytes(67);
  std::iota(bytes.begin(), bytes.end(), 200);
  const uint32_t whole = Crc32c(bytes);
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    EXPECT_EQ(Crc32c(ByteView(bytes).subspan(cut), Crc32c(ByteView(bytes).first(cut))), whole);
  }
}

}  // namespace
}  // namespace fuqi
