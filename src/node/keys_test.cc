#include "node/keys.h"

#include <gtest/gtest.h>

#include "crypto/sha256.h"

namespace fuqi::node {
namespace {

std::string HashOf(std::string_view key) { return ToHex(crypto::Sha256(AsBytes(key))); }

TEST(ApiKeys, LetsInWhoPresentsAKeyByItsName) {
  Result<NewKey> bank = MakeKey("core-banking");
  Result<NewKey> card = MakeKey("card_2.b");
  ASSERT_TRUE(bank && card);
  Result<ApiKeys> keys = ApiKeys::Parse("# callers\n\n " + bank->line + " \r\n" + card->line, "f");
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->Caller("Bearer " + bank->key)->name, "core-banking");
  EXPECT_EQ(keys->Caller("bearer " + card->key)->name, "card_2.b");
}

TEST(ApiKeys, TellsWhatAKeyMayDo) {
  const Result<NewKey> old = MakeKey("old");
  const Result<NewKey> officer = MakeKey("officer", {"propose", "approve"});
  ASSERT_TRUE(old && officer);
  const Result<NewKey> desk = MakeKey("desk", {"standing"});
  ASSERT_TRUE(desk);
  EXPECT_EQ(MakeKey("a", {"rule"}).error().code(), ErrorCode::kUsage);
  const Result<ApiKeys> keys =
      ApiKeys::Parse(old->line + "\n" + officer->line + "\n" + desk->line, "f");
  ASSERT_TRUE(keys) << keys.error().ToString();
  EXPECT_EQ(keys->Caller("Bearer " + old->key)->roles, Role::kDecide | Role::kList)
      << "as keys made before there were roles, and no more";
  EXPECT_EQ(keys->Caller("Bearer " + desk->key)->roles, static_cast<Roles>(Role::kStanding));
  EXPECT_EQ(keys->Caller("Bearer " + officer->key)->roles, Role::kPropose | Role::kApprove);
  for (const char* roles : {":", ":decide,", ":decide,rule", ":Decide", ":decide:list"}) {
    EXPECT_FALSE(ApiKeys::Parse(old->line + roles, "f")) << roles;
  }
  EXPECT_TRUE(ApiKeys::Parse(old->line + ": decide , list ", "f"));
}

TEST(ApiKeys, OneKeyHasOneName) {
  const std::string hash = HashOf("k");
  const Result<ApiKeys> keys =
      ApiKeys::Parse("a:" + hash + ":propose\nb:" + hash + ":approve", "f");
  ASSERT_FALSE(keys);
  EXPECT_EQ(keys.error().where()->line, 2);
}

TEST(ApiKeys, LetsInNobodyElse) {
  Result<NewKey> made = MakeKey("a");
  Result<ApiKeys> keys = ApiKeys::Parse(made->line, "f");
  ASSERT_TRUE(keys);
  const std::string hash = made->line.substr(2);
  for (const std::string& header :
       {std::string(), std::string("Bearer"), std::string("Bearer "), made->key,
        "Basic " + made->key, "Bearer  " + made->key, "Bearer " + made->key + " ",
        "Bearer " + made->key.substr(0, made->key.size() - 1), "Bearer " + hash,
        "Bearer " + made->line, "Bearer x" + made->key}) {
    EXPECT_FALSE(keys->Caller(header).has_value()) << header;
  }
}

TEST(ApiKeys, MakesLongKeysThatDiffer) {
  Result<NewKey> a = MakeKey("same");
  Result<NewKey> b = MakeKey("same");
  EXPECT_NE(a->key, b->key);
  EXPECT_EQ(a->key.size(), 5u + 64);
  EXPECT_EQ(a->line, "same:" + HashOf(a->key));
  EXPECT_EQ(a->line.find(a->key.substr(5)), std::string::npos);
}

TEST(ApiKeys, RefusesABadFileWithItsLineAndWithoutItsContent) {
  const std::string good = "a:" + HashOf("k");
  struct Case {
    std::string text;
    int line;
  };
  for (const Case& c : {Case{good + "\nsecret-key-itself\n", 2}, Case{"a:12", 1},
                        Case{"a:" + std::string(64, 'g'), 1}, Case{":" + HashOf("k"), 1},
                        Case{"a b:" + HashOf("k"), 1}, Case{good + "\n" + good, 2},
                        Case{"a:" + HashOf("k") + "00", 1}}) {
    Result<ApiKeys> keys = ApiKeys::Parse(c.text, "keys.txt");
    ASSERT_FALSE(keys) << c.text;
    EXPECT_EQ(keys.error().code(), ErrorCode::kConfig);
    EXPECT_EQ(keys.error().where()->file, "keys.txt");
    EXPECT_EQ(keys.error().where()->line, c.line);
    EXPECT_EQ(keys.error().ToString().find("secret"), std::string::npos);
  }
}

TEST(ApiKeys, RefusesAFileThatLetsNobodyIn) {
  EXPECT_FALSE(ApiKeys::Parse("", "f"));
  EXPECT_FALSE(ApiKeys::Parse("# only a comment\n", "f"));
}

TEST(ApiKeys, NamesAreShortAndPlain) {
  EXPECT_FALSE(MakeKey(""));
  EXPECT_FALSE(MakeKey("a b"));
  EXPECT_FALSE(MakeKey("a:b"));
  EXPECT_FALSE(MakeKey(std::string(65, 'a')));
  EXPECT_TRUE(MakeKey(std::string(64, 'a')));
}

}  // namespace
}  // namespace fuqi::node
