#include "sql/constructs.h"

#include <gtest/gtest.h>

#include "base/disk.h"
#include "sql/fragments_for_test.h"

namespace fuqi::sql {
namespace {

std::string Committed(const char* name) {
  auto bytes = ReadFile(SystemDisk(), std::string(FUQI_SOURCE_DIR) + "/docs/" + name, 1 << 20);
  return bytes ? std::string(AsText(*bytes)) : bytes.error().ToString();
}

TEST(SqlDoc, IsWhatTheListPrints) {
  // Not EXPECT_EQ, which would print both documents whole.
  EXPECT_TRUE(Committed("sql.md") == SqlDoc(Language::kEnglish)) << "run: sql_doc docs";
  EXPECT_TRUE(Committed("sql.zh.md") == SqlDoc(Language::kChinese)) << "run: sql_doc docs";
}

TEST(Constructs, EachRowIsFoundByItsOwnExample) {
  const std::vector<Fragment> windows = {{"w", std::string(kExampleWindow), nullptr}};
  for (const Construct& construct : Constructs()) {
    auto level = BindLevel(TestBinder(), ExampleSchema(), kExampleTime,
                           ItemsOf({std::string(construct.example)}), windows);
    ASSERT_TRUE(level) << construct.example << ": " << level.error().ToString();
    const Construct* found = nullptr;
    if (construct.kind == Construct::Kind::kWindow) {
      ASSERT_EQ(level->windows.size(), 1u);
      found = FindCall(construct.kind, level->windows[0].function, level->windows[0].args);
    } else if (construct.kind != Construct::Kind::kSyntax) {
      const Expr* expr = &level->outputs[0].expr;
      // Examples of INTERVAL functions stand as the last argument of a difference.
      while (expr->name != construct.name && !expr->children.empty()) {
        expr = &expr->children.back();
      }
      found = FindCall(construct.kind, expr->name, expr->children);
    } else {
      continue;
    }
    ASSERT_NE(found, nullptr) << construct.example;
    EXPECT_EQ(found->name, construct.name) << construct.example;
    EXPECT_EQ(found->args, construct.args) << construct.example;
  }
}

TEST(Constructs, NamesOfOneMeaningBecomeOne) {
  EXPECT_EQ(CanonicalName("substr"), "substring");
  EXPECT_EQ(CanonicalName("first_value"), "first");
  EXPECT_EQ(CanonicalName("mean"), "avg");
  EXPECT_EQ(CanonicalName("no_such_function"), "no_such_function");
  for (const Construct& construct : Constructs()) {
    if (construct.kind != Construct::Kind::kSyntax) {
      EXPECT_EQ(CanonicalName(construct.name), construct.name);
    }
  }
}

TEST(Constructs, NothingListedIsVolatile) {
  for (const Construct& construct : Constructs()) {
    EXPECT_FALSE(IsVolatile(construct.name)) << construct.name;
  }
  EXPECT_TRUE(IsVolatile("NOW"));
  EXPECT_TRUE(IsVolatile("Current_Date"));
  EXPECT_FALSE(IsScalar("now"));
}

TEST(Constructs, CastsGoBetweenTypesThatValuesHave) {
  using table::TypeId;
  EXPECT_TRUE(IsCast({TypeId::kVarchar}, {TypeId::kDate}));
  EXPECT_TRUE(IsCast({TypeId::kDate}, {TypeId::kTimestamp}));
  EXPECT_TRUE(IsCast(table::Decimal(18, 2), {TypeId::kDouble}));
  EXPECT_TRUE(IsCast({TypeId::kNull}, {TypeId::kInterval}));
  EXPECT_FALSE(IsCast({TypeId::kInterval}, {TypeId::kVarchar}));
  EXPECT_FALSE(IsCast({TypeId::kVarchar}, {TypeId::kInterval}));
  EXPECT_FALSE(IsCast({TypeId::kDate}, {TypeId::kInteger}));
  EXPECT_FALSE(IsCast({TypeId::kInteger}, {TypeId::kTimestamp}));
}

}  // namespace
}  // namespace fuqi::sql
