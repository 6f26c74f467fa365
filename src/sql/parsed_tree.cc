#include "sql/parsed_tree.h"

#include <algorithm>
#include <array>

#include "sql/constructs.h"
#include "sql/statement_internal.h"
#include "sql/window_text_internal.h"
#include "table/binder.h"
#include "table/type.h"

namespace fuqi::sql {
namespace {

using internal::IsTrue;
using internal::ItemsOf;
using internal::Json;
using internal::Member;
using internal::OffsetOf;
using internal::Statement;
using internal::TextOf;

constexpr int kMaxDepth = 300;
constexpr std::string_view kAlias = "fuqi_fragment";

constexpr std::array<std::string_view, 6> kOperators = {"OPERATOR_NOT",         "OPERATOR_IS_NULL",
                                                        "OPERATOR_IS_NOT_NULL", "OPERATOR_COALESCE",
                                                        "COMPARE_IN",           "COMPARE_NOT_IN"};

// What a person calls a class of DuckDB's tree that no fragment may hold.
std::string_view NameOfClass(std::string_view cls) {
  constexpr std::pair<std::string_view, std::string_view> kNames[] = {
      {"SUBQUERY", "a subquery"},   {"STAR", "*"},          {"LAMBDA", "a lambda"},
      {"PARAMETER", "a parameter"}, {"COLLATE", "COLLATE"}, {"DEFAULT", "DEFAULT"},
      {"POSITIONAL_REFERENCE", "#"}};
  for (const auto& [name, text] : kNames) {
    if (name == cls) {
      return text;
    }
  }
  return cls;
}

// Walks DuckDB's tree of one fragment: refuses what is not listed, collects what is referred to.
class Walker {
 public:
  Walker(const Statement& statement, ParsedExpression& out) : statement_(statement), out_(out) {}

  int windows() const { return windows_; }

  Result<void> Walk(const Json& node, bool windows_allowed) {
    if (++depth_ > kMaxDepth) {
      return Fail(node, Err(ErrorCode::kResourceExhausted, "the expression is nested too deeply"));
    }
    Result<void> walked = WalkClass(node, windows_allowed);
    --depth_;
    return walked;
  }

 private:
  Error Fail(const Json& node, Error error) const {
    const Position offset = OffsetOf(node);
    return statement_.At(offset >= 0 ? offset : FirstOffset(node, 0), std::move(error));
  }

  // Where the node's text begins, as far as any node beneath it says.
  static Position FirstOffset(const Json& node, int depth) {
    Position first = OffsetOf(node);
    if ((!node.is_object() && !node.is_array()) || depth > 2 * kMaxDepth) {
      return first;
    }
    for (const Json& child : node) {
      const Position offset = FirstOffset(child, depth + 1);
      if (offset >= 0 && (first < 0 || offset < first)) {
        first = offset;
      }
    }
    return first;
  }

  Position InFragment(const Json& node) const { return statement_.Find(OffsetOf(node)).position; }

  Result<void> WalkAll(const Json& node, const char* key, bool windows_allowed) {
    for (const Json& child : ItemsOf(node, key)) {
      FUQI_RETURN_IF_ERROR(Walk(child, windows_allowed));
    }
    return {};
  }
  Result<void> WalkOne(const Json& node, const char* key, bool windows_allowed) {
    const Json* child = Member(node, key);
    return child == nullptr ? Result<void>() : Walk(*child, windows_allowed);
  }

  Result<void> WalkClass(const Json& node, bool windows_allowed) {
    const std::string cls = TextOf(node, "class");
    if (cls == "CONSTANT") {
      return {};
    }
    if (cls == "COLUMN_REF") {
      return Column(node);
    }
    if (cls == "FUNCTION") {
      FUQI_RETURN_IF_ERROR(Function(node));
      return WalkAll(node, "children", windows_allowed);
    }
    if (cls == "COMPARISON") {
      FUQI_RETURN_IF_ERROR(WalkOne(node, "left", windows_allowed));
      return WalkOne(node, "right", windows_allowed);
    }
    if (cls == "CONJUNCTION") {
      return WalkAll(node, "children", windows_allowed);
    }
    if (cls == "BETWEEN") {
      FUQI_RETURN_IF_ERROR(WalkOne(node, "input", windows_allowed));
      FUQI_RETURN_IF_ERROR(WalkOne(node, "lower", windows_allowed));
      return WalkOne(node, "upper", windows_allowed);
    }
    if (cls == "OPERATOR") {
      const std::string type = TextOf(node, "type");
      if (std::find(kOperators.begin(), kOperators.end(), type) == kOperators.end()) {
        return Fail(node, Err(ErrorCode::kUnsupported, "{} is not supported", type));
      }
      return WalkAll(node, "children", windows_allowed);
    }
    if (cls == "CASE") {
      for (const Json& check : ItemsOf(node, "case_checks")) {
        FUQI_RETURN_IF_ERROR(WalkOne(check, "when_expr", windows_allowed));
        FUQI_RETURN_IF_ERROR(WalkOne(check, "then_expr", windows_allowed));
      }
      return WalkOne(node, "else_expr", windows_allowed);
    }
    if (cls == "CAST") {
      return Cast(node, windows_allowed);
    }
    if (cls == "WINDOW") {
      return Window(node, windows_allowed);
    }
    return Fail(
        node, Err(ErrorCode::kUnsupported, "{} is not allowed in an expression", NameOfClass(cls)));
  }

  Result<void> Column(const Json& node) {
    const Json::array_t& names = ItemsOf(node, "column_names");
    if (names.size() != 1 || !names[0].is_string()) {
      return Fail(node, Err(ErrorCode::kUnsupported,
                            "write the column's name alone, without a table before it"));
    }
    const std::string name = names[0].get<std::string>();
    if (IsVolatile(name)) {
      return Volatile(node, name);
    }
    out_.columns.push_back({name, InFragment(node)});
    return {};
  }

  Error Volatile(const Json& node, std::string_view name) const {
    return Fail(node, Err(ErrorCode::kUnsupported,
                          "{} gives another value on each run; an expression depends on the event "
                          "alone",
                          name));
  }

  Result<void> Function(const Json& node) {
    const std::string name = TextOf(node, "function_name");
    // INTERVAL 7 DAYS is to_days(CAST(trunc(CAST(7 AS DOUBLE)) AS INTEGER)), trunc without a place.
    if (name == "trunc" && OffsetOf(node) < 0) {
      return {};
    }
    if (IsVolatile(name)) {
      return Volatile(node, name);
    }
    if (!IsScalar(name)) {
      if (IsWindow(name)) {
        return Fail(node, Err(ErrorCode::kUnsupported, "{} needs a window: {}(…) OVER <window>",
                              name, name));
      }
      return Fail(
          node, Err(ErrorCode::kUnsupported, "the function or operator {} is not supported", name));
    }
    const std::string schema = TextOf(node, "schema");
    const Json* orders = Member(node, "order_bys");
    if ((!schema.empty() && schema != "main") || !TextOf(node, "catalog").empty() ||
        Member(node, "filter") != nullptr || IsTrue(node, "distinct") ||
        (orders != nullptr && !ItemsOf(*orders, "orders").empty())) {
      return Fail(node, Err(ErrorCode::kUnsupported,
                            "{} takes no schema, DISTINCT, FILTER or ORDER BY here", name));
    }
    return {};
  }

  Result<void> Cast(const Json& node, bool windows_allowed) {
    const Json* child = Member(node, "child");
    Position position = InFragment(node);
    if (position < 0 && child != nullptr && TextOf(*child, "class") == "CONSTANT") {
      position = InFragment(*child);
    }
    if (position >= 0) {
      out_.casts.push_back(position);
    }
    return WalkOne(node, "child", windows_allowed);
  }

  Result<void> Window(const Json& node, bool windows_allowed) {
    ++windows_;
    if (!windows_allowed) {
      return Fail(node, Err(ErrorCode::kUnsupported, "a window function cannot stand here"));
    }
    const std::string name = TextOf(node, "function_name");
    if (!IsWindow(name)) {
      return Fail(node, Err(ErrorCode::kUnsupported, "{} is not supported over a window", name));
    }
    if (IsTrue(node, "ignore_nulls")) {
      return Fail(node, Err(ErrorCode::kUnsupported, "{} is not supported", "IGNORE NULLS"));
    }
    if (IsTrue(node, "distinct") && name != "count" && name != "string_agg") {
      return Fail(node, Err(ErrorCode::kUnsupported,
                            "DISTINCT is supported for count and string_agg alone"));
    }
    if (!ItemsOf(node, "arg_orders").empty() && name != "string_agg") {
      return Fail(node,
                  Err(ErrorCode::kUnsupported, "{} takes no ORDER BY among its arguments", name));
    }
    for (const Json& order : ItemsOf(node, "arg_orders")) {
      FUQI_RETURN_IF_ERROR(WalkOne(order, "expression", false));
    }
    FUQI_RETURN_IF_ERROR(WalkAll(node, "children", false));
    for (const char* key : {"filter_expr", "offset_expr", "default_expr"}) {
      FUQI_RETURN_IF_ERROR(WalkOne(node, key, false));
    }
    return {};
  }

  const Statement& statement_;
  ParsedExpression& out_;
  int windows_ = 0;
  int depth_ = 0;
};

// The one node of `SELECT <fragment> AS … FROM <events>` with nothing else in the statement.
Result<Json> ParseStatement(table::Binder& binder, const Statement& statement) {
  int64_t at = -1;
  Result<std::string> tree = binder.ParseTree(statement.sql(), &at);
  if (!tree.has_value()) {
    return statement.At(at, std::move(tree).error());
  }
  Result<Json> json = internal::ParseJson(*tree);
  if (!json.has_value()) {
    return statement.At(-1, std::move(json).error());
  }
  const Json::array_t& statements = ItemsOf(*json, "statements");
  const Json* node = statements.size() == 1 ? Member(statements[0], "node") : nullptr;
  const Json* from = node == nullptr ? nullptr : Member(*node, "from_table");
  bool plain = from != nullptr && TextOf(*node, "type") == "SELECT_NODE" &&
               ItemsOf(*node, "select_list").size() == 1 && ItemsOf(*node, "modifiers").empty() &&
               ItemsOf(*node, "group_expressions").empty() &&
               TextOf(ItemsOf(*node, "select_list")[0], "alias") == kAlias &&
               TextOf(*from, "type") == "BASE_TABLE" &&
               TextOf(*from, "table_name") == internal::kEvents;
  for (const char* key : {"where_clause", "having", "qualify", "sample"}) {
    plain = plain && Member(*node, key) == nullptr;
  }
  if (!plain) {
    return statement.At(-1, Err(ErrorCode::kParse, "one scalar expression is needed"));
  }
  return ItemsOf(*node, "select_list")[0];
}

}  // namespace

Result<ParsedExpression> ParseExpression(table::Binder& binder, const Fragment& fragment,
                                         std::span<const std::string> windows) {
  ParsedExpression parsed;
  FUQI_ASSIGN_OR_RETURN(parsed.windows, internal::FindWindows(fragment, windows));

  Statement statement(fragment);
  statement << "SELECT " << fragment << " AS " << kAlias << " FROM " << internal::kEvents;
  // The definitions do not matter yet; the names must exist.
  std::string definitions;
  for (const std::string& name : windows) {
    definitions += (definitions.empty() ? " WINDOW " : ", ") + table::QuoteName(name) + " AS ()";
  }
  statement << definitions;
  FUQI_ASSIGN_OR_RETURN(const Json node, ParseStatement(binder, statement));
  Walker walker(statement, parsed);
  FUQI_RETURN_IF_ERROR(walker.Walk(node, /*windows_allowed=*/true));
  if (walker.windows() != static_cast<int>(parsed.windows.size())) {
    return fragment.At(-1, Err(ErrorCode::kUnsupported,
                               "a window is defined under a name of its own and used by it: OVER "
                               "<name>"));
  }
  return parsed;
}

Result<ParsedWindow> ParseWindow(table::Binder& binder, const Fragment& fragment,
                                 std::string_view time) {
  FUQI_ASSIGN_OR_RETURN(const internal::WindowText text, internal::ReadWindowText(fragment, time));

  Statement statement(fragment);
  statement << "SELECT count(*) OVER " << fragment << " AS " << kAlias << " FROM "
            << internal::kEvents;
  FUQI_ASSIGN_OR_RETURN(const Json node, ParseStatement(binder, statement));
  const std::string start = TextOf(node, "start");
  const std::string end = TextOf(node, "end");
  const std::string_view preceding = text.by_rows ? "EXPR_PRECEDING_ROWS" : "EXPR_PRECEDING_RANGE";
  const bool as_read =
      TextOf(node, "class") == "WINDOW" && ItemsOf(node, "orders").size() == 1 &&
      (text.length.empty() ? start == "UNBOUNDED_PRECEDING" : start == preceding) &&
      (text.gap.empty() ? end == "CURRENT_ROW_RANGE" || end == "CURRENT_ROW_ROWS"
                        : end == preceding);
  if (!as_read) {
    return fragment.At(-1, internal::UnknownShape("a window of another shape"));
  }
  ParsedWindow window;
  Walker walker(statement, window.expression);
  for (const Json& partition : ItemsOf(node, "partitions")) {
    FUQI_RETURN_IF_ERROR(walker.Walk(partition, false));
  }
  for (const char* bound : {"start_expr", "end_expr"}) {
    if (const Json* length = Member(node, bound); length != nullptr) {
      FUQI_RETURN_IF_ERROR(walker.Walk(*length, false));
    }
  }
  return window;
}

}  // namespace fuqi::sql
