#include "decide/sanctions.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>

#include "base/time.h"
#include "decide/list.h"

namespace fuqi::decide {
namespace {

Result<std::vector<ListEntry>> Ofac(std::string_view sdn, std::string_view alt = {}) {
  CsvReader sdn_reader("sdn.csv", MemorySource(sdn));
  CsvReader alt_reader("alt.csv", MemorySource(alt));
  return ReadOfac(sdn_reader, alt.data() == nullptr ? nullptr : &alt_reader);
}

TEST(Ofac, GivesNamesAliasesAndProgrammes) {
  auto read = Ofac(
      "36,\"AEROCARIBBEAN AIRLINES\",-0- ,\"CUBA\",-0- \r\n"
      "173,\"ANGLO, LTD.\",-0- ,\"CUBA\",-0- \r\n\x1a\r\n",
      "36,12,\"aka\",\"AERO-CARIBBEAN\",-0- \r\n36,13,\"aka\",\"AERO-CARIBBEAN\",-0- \r\n");
  ASSERT_TRUE(read.has_value()) << read.error().ToString();
  ASSERT_EQ(read->size(), 2u);
  EXPECT_EQ((*read)[0], (ListEntry{.value = "AEROCARIBBEAN AIRLINES",
                                   .aliases = {"AERO-CARIBBEAN"},
                                   .source = "OFAC SDN 36",
                                   .reason = "CUBA"}));
  EXPECT_EQ((*read)[1].value, "ANGLO, LTD.");
}

TEST(Ofac, RefusesTheFileByTheRecordThatIsWrong) {
  auto line_of = [](std::string_view sdn, std::string_view alt = {}) {
    auto read = Ofac(sdn, alt);
    EXPECT_TRUE(!read && (read.error().code() == ErrorCode::kParse ||
                          read.error().code() == ErrorCode::kAlreadyExists));
    return read ? "" : fmt::format("{}:{}", read.error().where()->file, read.error().where()->line);
  };
  EXPECT_EQ(line_of("36,A,-0-,X\n37,B\n"), "sdn.csv:2");
  EXPECT_EQ(line_of("36,A,-0-,X\nx,B,-0-,X\n"), "sdn.csv:2");
  EXPECT_EQ(line_of("36,A,-0-,X\n36,B,-0-,X\n"), "sdn.csv:2");
  EXPECT_EQ(line_of("36,-0- ,-0-,X\n"), "sdn.csv:1");
  EXPECT_EQ(line_of("36,A,-0-,X\n", "36,1,aka,B,\n9,1,aka,B,\n"), "alt.csv:2");
  EXPECT_EQ(line_of("36,A,-0-,X\n\x1a\n37,B,-0-,X\n"), "sdn.csv:3") << "behind the end";
  EXPECT_EQ(line_of("36,A,-0-,X\n", "36,1,aka,B,\n\x1a\n\x1a\n"), "alt.csv:3");
  EXPECT_TRUE(Ofac("36,A,-0-,X\r\n\x1a\r\n \r\n\r\n").has_value());
}

TEST(Ofac, RefusesAFileThatListsNobody) {
  for (std::string_view nothing : {"", "\n\n", "\x1a\r\n"}) {
    const auto no_sdn = Ofac(nothing);
    const auto no_alt = Ofac("36,A,-0-,X\n", nothing);
    ASSERT_FALSE(no_sdn.has_value() || no_alt.has_value());
    EXPECT_THAT(no_sdn.error().ToString(), testing::HasSubstr("nothing is listed"));
    EXPECT_EQ(no_sdn.error().where()->file, "sdn.csv");
    EXPECT_EQ(no_alt.error().where()->file, "alt.csv");
  }
}

constexpr std::string_view kUn = R"(<?xml version="1.0" encoding="UTF-8"?>
<CONSOLIDATED_LIST dateGenerated="2026-02-27">
  <INDIVIDUALS>
    <INDIVIDUAL>
      <FIRST_NAME>ERIC</FIRST_NAME>
      <SECOND_NAME/>
      <THIRD_NAME>BADEGE &amp; SON </THIRD_NAME>
      <UN_LIST_TYPE>DRC</UN_LIST_TYPE>
      <REFERENCE_NUMBER>CDi.001</REFERENCE_NUMBER>
      <LISTED_ON>2012-12-31-04:00</LISTED_ON>
      <NAME_ORIGINAL_SCRIPT>埃里克</NAME_ORIGINAL_SCRIPT>
      <INDIVIDUAL_ALIAS><QUALITY/><ALIAS_NAME/></INDIVIDUAL_ALIAS>
      <INDIVIDUAL_ALIAS><QUALITY>Good</QUALITY><ALIAS_NAME>E. B.</ALIAS_NAME></INDIVIDUAL_ALIAS>
      <LIST_TYPE><VALUE>UN List</VALUE></LIST_TYPE>
    </INDIVIDUAL>
  </INDIVIDUALS>
  <ENTITIES>
    <ENTITY>
      <FIRST_NAME>ADF</FIRST_NAME>
      <REFERENCE_NUMBER>CDe.001</REFERENCE_NUMBER>
    </ENTITY>
  </ENTITIES>
</CONSOLIDATED_LIST>
)";

TEST(UnList, GivesNamesAliasesRegimeAndDay) {
  auto read = ReadUn("un.xml", MemorySource(kUn));
  ASSERT_TRUE(read.has_value()) << read.error().ToString();
  ASSERT_EQ(read->size(), 2u);
  EXPECT_EQ((*read)[0], (ListEntry{.value = "ERIC BADEGE & SON",
                                   .aliases = {"埃里克", "E. B."},
                                   .valid_from_us = *ParseTimestamp("2012-12-31 00:00:00"),
                                   .source = "UN CDi.001",
                                   .reason = "DRC"}));
  EXPECT_EQ((*read)[1].value, "ADF");
}

std::string UnWith(std::string_view old_text, std::string_view new_text) {
  std::string text(kUn);
  text.replace(text.find(old_text), old_text.size(), new_text);
  return text;
}

TEST(UnList, RefusesTheFileByTheElementThatIsWrong) {
  auto fault = [](const std::string& text) {
    auto read = ReadUn("un.xml", MemorySource(text));
    EXPECT_FALSE(read.has_value());
    return read ? "" : read.error().ToString();
  };
  EXPECT_THAT(fault(UnWith("</UN_LIST_TYPE>", "</UN_LIST>")), testing::StartsWith("un.xml:8:"));
  EXPECT_THAT(fault(UnWith("2012-12-31", "2012-13-31")), testing::StartsWith("un.xml:10:"));
  EXPECT_THAT(fault(UnWith("<FIRST_NAME>ADF</FIRST_NAME>", "")),
              testing::HasSubstr("without name or reference number"));
  EXPECT_THAT(
      fault(UnWith("<CONSOLIDATED_LIST", "<!DOCTYPE x [<!ENTITY a \"b\">]>\n<CONSOLIDATED_LIST")),
      testing::HasSubstr("a document type"));
  EXPECT_THAT(fault("<LIST/>"), testing::HasSubstr("begins with CONSOLIDATED_LIST"));
  EXPECT_THAT(fault(std::string(kUn.substr(0, 400))), testing::HasSubstr("no well-formed XML"));
  EXPECT_THAT(fault(UnWith("埃里克", std::string(200'000, 'x'))),
              testing::HasSubstr("more than 100000 bytes"));
  EXPECT_THAT(fault(""), testing::HasSubstr("no well-formed XML"));
  EXPECT_THAT(fault("<CONSOLIDATED_LIST/>"), testing::HasSubstr("nothing is listed"));
  EXPECT_THAT(
      fault("<CONSOLIDATED_LIST>\n<INDIVIDUALS/><ENTITIES/></CONSOLIDATED_LIST>"),
      testing::AllOf(testing::StartsWith("un.xml:2:"), testing::HasSubstr("nothing is listed")));
}

// ---- the real files

TEST(SanctionsFiles, AreReadWholeAndFitAList) {
  const char* from = std::getenv("FUQI_DATA");
  const std::string dir =
      (from != nullptr ? std::string(from) : std::string(FUQI_SOURCE_DIR) + "/../shared/data") +
      "/sanctions/";
  if (!std::filesystem::exists(dir + "sdn.csv")) {
    fmt::print("skipped: no data\n");
    return;
  }
  auto open = [&](const char* name) { return *SystemDisk().Open(dir + name, OpenMode::kRead); };
  const auto sdn = open("sdn.csv");
  const auto alt = open("alt.csv");
  CsvReader sdn_reader("sdn.csv", FileSource(*sdn));
  CsvReader alt_reader("alt.csv", FileSource(*alt));
  const auto ofac = ReadOfac(sdn_reader, &alt_reader);
  ASSERT_TRUE(ofac.has_value()) << ofac.error().ToString();
  const auto xml = open("un_consolidated.xml");
  const auto un = ReadUn("un_consolidated.xml", FileSource(*xml));
  ASSERT_TRUE(un.has_value()) << un.error().ToString();
  EXPECT_GT(ofac->size(), 7'000u);
  EXPECT_EQ(un->size(), 730u + 273u);
  size_t aliases = 0;
  for (const auto* entries : {&*ofac, &*un}) {
    for (const ListEntry& entry : *entries) {
      ASSERT_TRUE(CheckEntry({table::TypeId::kVarchar}, entry).has_value()) << entry.source;
      aliases += entry.aliases.size();
    }
  }
  fmt::print("{} of OFAC, {} of the UN, {} aliases\n", ofac->size(), un->size(), aliases);
  EXPECT_GT(aliases, 9'000u);
}

}  // namespace
}  // namespace fuqi::decide
