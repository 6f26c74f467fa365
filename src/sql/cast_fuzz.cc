// Any text cast to every type, matched and cut: no crash, and a value that its type holds.

#include "base/check.h"
#include "base/utf8.h"
#include "sql/functions.h"

namespace fuqi::sql {
namespace {

Expr Column() {
  Expr expr;
  expr.kind = Expr::Kind::kColumn;
  expr.column = 0;
  expr.type = {TypeId::kVarchar};
  return expr;
}

std::vector<Program> Make() {
  std::vector<Program> programs;
  const auto add = [&](Expr expr) {
    auto program = Program::Compile(expr);
    FUQI_CHECK(program.has_value());
    programs.push_back(*std::move(program));
  };
  for (Type type : {Type{TypeId::kBoolean}, Type{TypeId::kTinyInt}, Type{TypeId::kInteger},
                    Type{TypeId::kHugeInt}, Type{TypeId::kUBigInt}, table::Decimal(4, 2),
                    table::Decimal(18, 2), table::Decimal(38, 38), Type{TypeId::kDouble},
                    Type{TypeId::kDate}, Type{TypeId::kTimestamp}}) {
    Expr cast;
    cast.kind = Expr::Kind::kCast;
    cast.type = type;
    cast.children = {Column()};
    add(std::move(cast));
  }
  for (const char* name : {"lower", "upper", "strip_accents", "trim", "length"}) {
    Expr call;
    call.kind = Expr::Kind::kCall;
    call.name = name;
    call.type = std::string_view(name) == "length" ? Type{TypeId::kBigInt} : Type{TypeId::kVarchar};
    call.children = {Column()};
    add(std::move(call));
  }
  return programs;
}

void TryText(std::string_view text) {
  static const std::vector<Program> kPrograms = Make();
  if (!IsUtf8(text)) {
    return;
  }
  Scratch scratch;
  for (const Program& program : kPrograms) {
    scratch.Reset();
    const Datum column = Datum::Text(text);
    const auto value = program.Run({&column, 1}, {}, scratch);
    if (!value) {
      continue;
    }
    FUQI_CHECK(value->is_null() || value->kind == table::KindOf(program.type()));
    const Bounds bounds = BoundsOf(program.type());
    FUQI_CHECK(value->kind != Datum::Kind::kInt ||
               (value->i >= bounds.low && value->i <= bounds.high));
    FUQI_CHECK(value->kind != Datum::Kind::kText || IsUtf8(value->text()));
  }
}

}  // namespace
}  // namespace fuqi::sql

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuqi::sql::TryText({reinterpret_cast<const char*>(data), size});
  return 0;
}
