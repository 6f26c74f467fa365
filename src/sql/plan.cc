#include <algorithm>
#include <cmath>
#include <optional>

#include "base/decimal.h"
#include "sql/constructs.h"
#include "sql/divisor_internal.h"
#include "sql/functions.h"
#include "sql/plan_internal.h"
#include "table/binder.h"

namespace fuqi::sql::internal {
namespace {

using table::Datum;
using table::Type;
using table::TypeId;
using Kind = Expr::Kind;

constexpr int kMaxDepth = 600;
constexpr int64_t kMaxLag = 1'000'000;
constexpr int64_t kMaxRows = 1'000'000;
constexpr size_t kMaxConstantBytes = 65'536;

constexpr std::pair<std::string_view, std::string_view> kComparisons[] = {
    {"COMPARE_EQUAL", "="},
    {"COMPARE_NOTEQUAL", "<>"},
    {"COMPARE_LESSTHAN", "<"},
    {"COMPARE_LESSTHANOREQUALTO", "<="},
    {"COMPARE_GREATERTHAN", ">"},
    {"COMPARE_GREATERTHANOREQUALTO", ">="},
    {"COMPARE_DISTINCT_FROM", "IS DISTINCT FROM"},
    {"COMPARE_NOT_DISTINCT_FROM", "IS NOT DISTINCT FROM"}};

constexpr std::pair<std::string_view, Kind> kOperators[] = {
    {"OPERATOR_NOT", Kind::kNot},
    {"OPERATOR_IS_NULL", Kind::kIsNull},
    {"OPERATOR_IS_NOT_NULL", Kind::kIsNotNull},
    {"OPERATOR_COALESCE", Kind::kCoalesce},
    {"COMPARE_IN", Kind::kIn},
    {"COMPARE_NOT_IN", Kind::kNotIn},
    {"CONJUNCTION_AND", Kind::kAnd},
    {"CONJUNCTION_OR", Kind::kOr}};

template <class Value, size_t n>
const Value* Find(const std::pair<std::string_view, Value> (&pairs)[n], std::string_view key) {
  for (const auto& [name, value] : pairs) {
    if (name == key) {
      return &value;
    }
  }
  return nullptr;
}

// A 128-bit integer is a number or {upper, lower}.
std::optional<int128> ReadInteger(const Json* value) {
  if (value == nullptr) {
    return std::nullopt;
  }
  if (value->is_number_unsigned()) {
    return value->get<uint64_t>();
  }
  if (value->is_number_integer()) {
    return value->get<int64_t>();
  }
  const Json* upper = Member(*value, "upper");
  const Json* lower = Member(*value, "lower");
  if (upper == nullptr || lower == nullptr || !upper->is_number_integer() ||
      !lower->is_number_integer()) {
    return std::nullopt;
  }
  return static_cast<int128>(static_cast<uint128>(static_cast<int128>(upper->get<int64_t>()))
                                 << 64 |
                             lower->get<uint64_t>());
}

std::optional<Datum> ReadValue(const Json* value, Type type) {
  switch (type.id) {
    case TypeId::kNull:
      return Datum::Null();
    case TypeId::kBoolean:
      return value != nullptr && value->is_boolean()
                 ? std::optional(Datum::Bool(value->get<bool>()))
                 : std::nullopt;
    case TypeId::kDouble:
      return value != nullptr && value->is_number() && std::isfinite(value->get<double>())
                 ? std::optional(Datum::Double(value->get<double>()))
                 : std::nullopt;
    case TypeId::kVarchar:
      return value != nullptr && value->is_string()
                 ? std::optional(Datum::Text(value->get_ref<const std::string&>()))
                 : std::nullopt;
    case TypeId::kInterval: {
      if (value == nullptr || !value->is_object()) {
        return std::nullopt;
      }
      return Datum::Of({.months = static_cast<int32_t>(NumberOf(*value, "months", 0)),
                        .days = static_cast<int32_t>(NumberOf(*value, "days", 0)),
                        .micros = NumberOf(*value, "micros", 0)});
    }
    default: {
      const std::optional<int128> integer = ReadInteger(value);
      const Bounds bounds = BoundsOf(type);
      return integer && *integer >= bounds.low && *integer <= bounds.high
                 ? std::optional(Datum::Int(*integer))
                 : std::nullopt;
    }
  }
}

bool IsPure(const Expr& expr) {
  return expr.kind == Kind::kConstant ||
         (!expr.children.empty() &&
          std::all_of(expr.children.begin(), expr.children.end(), IsPure));
}

class Reader {
 public:
  explicit Reader(const PlanContext& context) : context_(context) {}

  Result<BoundItem> Read(const Json& plans) {
    const Json::array_t& list = ItemsOf(plans, "plans");
    if (list.size() != 1 || TextOf(list[0], "type") != "LOGICAL_PROJECTION") {
      return Unknown(-1, "a plan of another shape");
    }
    const Json::array_t& outputs = ItemsOf(list[0], "expressions");
    const Json* below = OnlyChild(list[0]);
    if (outputs.size() != context_.input.size() + 1 || below == nullptr) {
      return Unknown(-1, "a plan of another shape");
    }
    if (TextOf(*below, "type") == "LOGICAL_WINDOW") {
      for (const Json& window : ItemsOf(*below, "expressions")) {
        FUQI_RETURN_IF_ERROR(ReadWindow(window));
      }
      below = OnlyChild(*below);
    }
    if (below == nullptr || !IsEvents(*below)) {
      return Unknown(-1, "a plan of another shape");
    }
    windows_readable_ = true;
    BoundItem item;
    FUQI_ASSIGN_OR_RETURN(item.expr, ReadRoot(outputs.back(), 0));
    item.windows = std::move(windows_);
    Translate(item.expr);
    for (Window& window : item.windows) {
      Translate(window);
    }
    return item;
  }

 private:
  Error Fail(Position offset, Error error) const {
    return context_.statement.At(offset, std::move(error));
  }
  Error Unknown(Position offset, std::string_view what) const {
    return Fail(offset, UnknownShape(what));
  }

  static const Json* OnlyChild(const Json& node) {
    const Json::array_t& children = ItemsOf(node, "children");
    return children.size() == 1 ? &children[0] : nullptr;
  }

  // Whether this is the scan of the stub table, its columns in their order.
  bool IsEvents(const Json& node) const {
    const Json::array_t& names = ItemsOf(node, "names");
    const Json::array_t& indexes = ItemsOf(node, "column_indexes");
    const size_t n = context_.input.size();
    bool same = TextOf(node, "type") == "LOGICAL_GET" && names.size() == n && indexes.size() == n &&
                ItemsOf(node, "children").empty();
    for (size_t i = 0; i < n && same; ++i) {
      same = names[i].is_string() && names[i].get<std::string>() == context_.input[i].name &&
             NumberOf(indexes[i], "index", -1) == static_cast<int64_t>(i);
    }
    return same;
  }

  Result<Type> TypeOf(const Json& node, Position offset) const {
    Result<Type> type = ReadType(Member(node, "return_type"));
    return type.has_value() ? type : Result<Type>(Fail(offset, std::move(type).error()));
  }

  // A node that stands alone: read, and folded if it is constant.
  Result<Expr> ReadRoot(const Json& node, Position offset) {
    FUQI_ASSIGN_OR_RETURN(Expr expr, ReadNode(node, offset));
    FUQI_RETURN_IF_ERROR(Fold(expr));
    return expr;
  }

  // `offset`: where the nearest node above it stands, for those of which DuckDB does not say.
  Result<Expr> ReadNode(const Json& node, Position offset) {
    if (OffsetOf(node) >= 0) {
      offset = OffsetOf(node);
    }
    if (++depth_ > kMaxDepth) {
      return Fail(offset,
                  Err(ErrorCode::kResourceExhausted, "the expression is nested too deeply"));
    }
    FUQI_ASSIGN_OR_RETURN(Expr expr, ReadClass(node, offset));
    --depth_;
    expr.position = offset;
    if (!IsPure(expr)) {
      for (Expr& child : expr.children) {
        FUQI_RETURN_IF_ERROR(Fold(child));
      }
      FUQI_RETURN_IF_ERROR(Check(expr));
    }
    return expr;
  }

  Result<Expr> ReadClass(const Json& node, Position offset) {
    const std::string cls = TextOf(node, "expression_class");
    const std::string type = TextOf(node, "type");
    if (cls == "BOUND_CONSTANT") {
      Result<Expr> constant = ReadConstant(node);
      return constant.has_value() ? std::move(constant)
                                  : Result<Expr>(Fail(offset, std::move(constant).error()));
    }
    if (cls == "BOUND_REF") {
      return ReadReference(node, offset);
    }
    if (cls == "BOUND_CAST") {
      return ReadCast(node, offset);
    }
    Expr expr;
    if (cls == "BOUND_FUNCTION") {
      expr.kind = Kind::kCall;
      expr.name = CanonicalName(TextOf(node, "name"));
      if (expr.name == "timezone") {
        return ReadZoneChange(node, offset);
      }
      FUQI_ASSIGN_OR_RETURN(expr.type, TypeOf(node, offset));
      FUQI_RETURN_IF_ERROR(ReadChildren(ItemsOf(node, "children"), offset, expr));
      return expr;
    }
    if (cls == "BOUND_COMPARISON") {
      const std::string_view* sign = sql::internal::Find(kComparisons, type);
      const Json* left = Member(node, "left");
      const Json* right = Member(node, "right");
      if (sign == nullptr || left == nullptr || right == nullptr) {
        return Unknown(offset, type);
      }
      expr.kind = Kind::kCompare;
      expr.name = *sign;
      expr.type = {TypeId::kBoolean};
      FUQI_RETURN_IF_ERROR(ReadChild(*left, offset, expr));
      FUQI_RETURN_IF_ERROR(ReadChild(*right, offset, expr));
      return expr;
    }
    if (cls == "BOUND_CONJUNCTION" || cls == "BOUND_OPERATOR") {
      const Kind* kind = sql::internal::Find(kOperators, type);
      if (kind == nullptr) {
        return Unknown(offset, type);
      }
      expr.kind = *kind;
      expr.type = {TypeId::kBoolean};
      if (expr.kind == Kind::kCoalesce) {
        FUQI_ASSIGN_OR_RETURN(expr.type, TypeOf(node, offset));
      }
      FUQI_RETURN_IF_ERROR(ReadChildren(ItemsOf(node, "children"), offset, expr));
      const bool unary =
          expr.kind == Kind::kNot || expr.kind == Kind::kIsNull || expr.kind == Kind::kIsNotNull;
      if (expr.children.empty() || (unary && expr.children.size() != 1)) {
        return Unknown(offset, type);
      }
      return expr;
    }
    if (cls == "BOUND_CASE") {
      return ReadCase(node, offset);
    }
    return Unknown(offset, cls);
  }

  // timezone(to, timezone(from, time)), between which DuckDB has a type of its own, becomes one
  // call of three arguments.
  Result<Expr> ReadZoneChange(const Json& node, Position offset) {
    const Json::array_t& outer = ItemsOf(node, "children");
    const Json::array_t* inner = outer.size() == 2 ? &ItemsOf(outer[1], "children") : nullptr;
    if (inner == nullptr || TextOf(outer[1], "name") != "timezone" || inner->size() != 2) {
      return Fail(offset, Err(ErrorCode::kUnsupported,
                              "a time is taken from one zone to another: write ts AT TIME ZONE "
                              "'UTC' AT TIME ZONE 'Asia/Shanghai'"));
    }
    Expr expr;
    expr.kind = Kind::kCall;
    expr.name = "timezone";
    FUQI_ASSIGN_OR_RETURN(expr.type, TypeOf(node, offset));
    for (const Json* child : {&outer[0], &(*inner)[0], &(*inner)[1]}) {
      FUQI_RETURN_IF_ERROR(ReadChild(*child, offset, expr));
    }
    return expr;
  }

  Result<void> ReadChild(const Json& node, Position offset, Expr& parent) {
    FUQI_ASSIGN_OR_RETURN(Expr child, ReadNode(node, offset));
    parent.children.push_back(std::move(child));
    return {};
  }
  Result<void> ReadChildren(const Json::array_t& nodes, Position offset, Expr& parent) {
    for (const Json& node : nodes) {
      FUQI_RETURN_IF_ERROR(ReadChild(node, offset, parent));
    }
    return {};
  }

  Result<Expr> ReadCase(const Json& node, Position offset) {
    Expr expr;
    expr.kind = Kind::kCase;
    FUQI_ASSIGN_OR_RETURN(expr.type, TypeOf(node, offset));
    for (const Json& check : ItemsOf(node, "case_checks")) {
      for (const char* key : {"when_expr", "then_expr"}) {
        const Json* part = Member(check, key);
        if (part == nullptr) {
          return Unknown(offset, "an incomplete CASE");
        }
        FUQI_RETURN_IF_ERROR(ReadChild(*part, offset, expr));
      }
    }
    const Json* otherwise = Member(node, "else_expr");
    if (otherwise == nullptr || expr.children.empty()) {
      return Unknown(offset, "an incomplete CASE");
    }
    FUQI_RETURN_IF_ERROR(ReadChild(*otherwise, offset, expr));
    return expr;
  }

  Result<Expr> ReadReference(const Json& node, Position offset) const {
    const int64_t index = NumberOf(node, "index", -1);
    const auto inputs = static_cast<int64_t>(context_.input.size());
    Expr expr;
    if (index >= 0 && index < inputs) {
      expr.kind = Kind::kColumn;
      expr.column = static_cast<int>(index);
      expr.type = context_.input[index].type;
      return expr;
    }
    if (!windows_readable_ || index < inputs ||
        index - inputs >= static_cast<int64_t>(windows_.size())) {
      return Unknown(offset, "a dangling reference");
    }
    expr.kind = Kind::kWindow;
    expr.column = static_cast<int>(index - inputs);
    expr.type = windows_[expr.column].type;
    return expr;
  }

  // Whether the user wrote this cast: it stands where he wrote one, or, as in DATE '…', DuckDB
  // knows no place for it and it is over a constant that he wrote a cast for.
  bool IsWritten(const Json& cast, const Json& child) const {
    const Position offset = OffsetOf(cast);
    if (offset < 0 && TextOf(child, "expression_class") != "BOUND_CONSTANT") {
      return false;
    }
    const auto place = context_.statement.Find(offset >= 0 ? offset : OffsetOf(child));
    return std::find(context_.casts.begin(), context_.casts.end(),
                     std::pair(place.fragment, place.position)) != context_.casts.end();
  }

  Result<Expr> ReadCast(const Json& node, Position offset) {
    const Json* child = Member(node, "child");
    if (child == nullptr) {
      return Unknown(offset, "an incomplete CAST");
    }
    Expr cast;
    cast.kind = Kind::kCast;
    cast.try_cast = IsTrue(node, "try_cast");
    FUQI_ASSIGN_OR_RETURN(cast.type, TypeOf(node, offset));
    FUQI_RETURN_IF_ERROR(ReadChild(*child, offset, cast));
    const Type from = cast.children[0].type;
    if (from == cast.type) {
      Expr only = std::move(cast.children[0]);
      return only;
    }
    if (from.id == TypeId::kVarchar && !IsWritten(node, *child)) {
      return Fail(offset, Err(ErrorCode::kTypeMismatch,
                              "a text would silently become {0}: write CAST(… AS {0}) or a literal "
                              "of that type",
                              cast.type.ToString()));
    }
    return cast;
  }

  // A number that becomes one of a wider type has one value, which need not be asked for: a
  // decision table has thousands of them.
  static bool FoldWidening(Expr& expr) {
    if (expr.kind != Kind::kCast || expr.children[0].kind != Kind::kConstant) {
      return false;
    }
    const table::Type from = expr.children[0].type;
    const Datum value = expr.children[0].constant[0];
    if (!from.is_exact_number() || !expr.type.is_exact_number() || value.is_null() ||
        expr.type.scale < from.scale) {
      return false;
    }
    int128 widened = 0;
    if (__builtin_mul_overflow(value.i, kPowersOfTen[expr.type.scale - from.scale], &widened) ||
        !table::InRange(Datum::Int(widened), expr.type)) {
      return false;
    }
    Expr constant;
    constant.type = expr.type;
    constant.constant.Append(Datum::Int(widened));
    constant.position = expr.position;
    expr = std::move(constant);
    return true;
  }

  // Replaces a constant expression by its value.
  Result<void> Fold(Expr& expr) {
    if (expr.kind == Kind::kConstant || !IsPure(expr) || FoldWidening(expr)) {
      return {};
    }
    FUQI_RETURN_IF_ERROR(FoldTexts(expr));
    const std::string sql = "SELECT CAST(" + ToSql(expr, {}) + " AS " + expr.type.ToString() + ")";
    Result<std::string> plan = context_.binder.FoldedPlan(sql);
    if (!plan.has_value()) {
      return Fail(expr.position, std::move(plan).error());
    }
    FUQI_ASSIGN_OR_RETURN(const Json json, ParseJson(*plan));
    const Json::array_t& plans = ItemsOf(json, "plans");
    const Json::array_t* values = plans.size() == 1 ? &ItemsOf(plans[0], "expressions") : nullptr;
    if (values == nullptr || values->size() != 1 ||
        TextOf((*values)[0], "expression_class") != "BOUND_CONSTANT") {
      return Fail(expr.position,
                  Err(ErrorCode::kOutOfRange, "the constant {} has no value", ToSql(expr, {})));
    }
    FUQI_ASSIGN_OR_RETURN(Expr value, ReadConstant((*values)[0]));
    const Datum& datum = value.constant[0];
    if (datum.kind == Datum::Kind::kText && datum.t.size > kMaxConstantBytes) {
      return TooLong(expr);
    }
    if (!(value.type == expr.type)) {
      return Unknown(expr.position, "a constant of another type");
    }
    value.position = expr.position;
    expr = std::move(value);
    return {};
  }

  Error TooLong(const Expr& expr) const {
    return Fail(expr.position,
                Err(ErrorCode::kResourceExhausted, "the constant would be longer than {} bytes",
                    kMaxConstantBytes));
  }

  // replace alone makes a text many times as long: what it is made of is folded first, so that none
  // becomes too long on the way.
  Result<void> FoldTexts(Expr& expr) {
    const bool replaces = expr.kind == Kind::kCall && expr.name == "replace";
    for (Expr& child : expr.children) {
      FUQI_RETURN_IF_ERROR(replaces ? Fold(child) : FoldTexts(child));
    }
    if (!replaces || expr.children.size() != 3) {
      return {};
    }
    const auto size = [&](size_t i) {
      const Datum& value = expr.children[i].constant[0];
      return value.kind == Datum::Kind::kText ? value.t.size : 0;
    };
    const bool fits =
        size(0) / std::max<size_t>(size(1), 1) * std::max(size(1), size(2)) <= kMaxConstantBytes;
    return fits ? Result<void>() : Result<void>(TooLong(expr));
  }

  // What is listed, and no division that DuckDB would answer with infinity or NaN.
  Result<void> Check(const Expr& expr) const {
    if (expr.kind == Kind::kCast) {
      const Type from = expr.children[0].type;
      if (!IsCast(from, expr.type)) {
        return Fail(expr.position,
                    Err(ErrorCode::kUnsupported, "a cast from {} to {} is not supported",
                        from.ToString(), expr.type.ToString()));
      }
    }
    if (expr.kind != Kind::kCall) {
      return {};
    }
    if (FindCall(Construct::Kind::kOperator, expr.name, expr.children) == nullptr &&
        FindCall(Construct::Kind::kFunction, expr.name, expr.children) == nullptr) {
      return Fail(expr.position, Err(ErrorCode::kUnsupported, "{}({}) is not supported", expr.name,
                                     TypesOf(expr.children)));
    }
    const bool divides = expr.name == "/" || (expr.name == "%" && expr.type.id == TypeId::kDouble);
    if (divides && !IsNeverZero(expr.children[1], windows_)) {
      return Fail(expr.position, Err(ErrorCode::kUnsupported,
                                     "the divisor could be 0: write x {} nullif(y, 0)", expr.name));
    }
    return {};
  }

  static std::string TypesOf(const std::vector<Expr>& exprs) {
    std::string types;
    for (const Expr& expr : exprs) {
      types += (types.empty() ? "" : ", ") + expr.type.ToString();
    }
    return types;
  }

  Result<void> ReadWindow(const Json& node) {
    const Position offset = OffsetOf(node);
    if (TextOf(node, "expression_class") != "BOUND_WINDOW") {
      return Unknown(offset, "a window of another shape");
    }
    Window window;
    window.position = offset;
    FUQI_ASSIGN_OR_RETURN(window.type, TypeOf(node, offset));
    const std::string type = TextOf(node, "type");
    window.function = type == "WINDOW_LAG"           ? "lag"
                      : type == "WINDOW_FIRST_VALUE" ? "first"
                      : type == "WINDOW_LAST_VALUE"  ? "last"
                      : type == "WINDOW_AGGREGATE"   ? CanonicalName(TextOf(node, "name"))
                                                     : type;
    for (const Json& child : ItemsOf(node, "children")) {
      FUQI_ASSIGN_OR_RETURN(Expr arg, ReadRoot(child, offset));
      window.args.push_back(std::move(arg));
    }
    if (window.function == "count" && window.args.empty()) {
      window.function = "count_star";
    }
    if (FindCall(Construct::Kind::kWindow, window.function, window.args) == nullptr) {
      return Fail(offset, Err(ErrorCode::kUnsupported, "{}({}) over a window is not supported",
                              window.function, TypesOf(window.args)));
    }
    window.distinct = IsTrue(node, "distinct");
    for (const Json& child : ItemsOf(node, "partitions")) {
      FUQI_ASSIGN_OR_RETURN(Expr partition, ReadRoot(child, offset));
      window.partitions.push_back(std::move(partition));
    }
    if (const Json* filter = Member(node, "filters"); filter != nullptr) {
      FUQI_ASSIGN_OR_RETURN(window.filter, ReadRoot(*filter, offset));
    }
    FUQI_RETURN_IF_ERROR(ReadFrame(node, window));
    FUQI_RETURN_IF_ERROR(ReadParameter(node, window));
    if (window.function == "lag") {
      FUQI_RETURN_IF_ERROR(ReadLag(node, window));
    }
    windows_.push_back(std::move(window));
    return {};
  }

  Result<void> ReadFrame(const Json& node, Window& window) {
    const Json::array_t& orders = ItemsOf(node, "orders");
    const Json* order = orders.size() == 1 ? Member(orders[0], "expression") : nullptr;
    if (order == nullptr || TextOf(*order, "expression_class") != "BOUND_REF" ||
        NumberOf(*order, "index", -1) != context_.time ||
        TextOf(orders[0], "type") != "ASCENDING" || TextOf(node, "exclude_clause") != "NO_OTHER") {
      return Unknown(window.position, "an ORDER BY of another shape");
    }
    const std::string start = TextOf(node, "start");
    const std::string end = TextOf(node, "end");
    int32_t gap_months = 0;
    if (start == "EXPR_PRECEDING_ROWS") {
      window.frame = Window::Frame::kRows;
      FUQI_ASSIGN_OR_RETURN(window.rows, ReadRows(node, "start_expr", window.position));
    } else if (start == "EXPR_PRECEDING_RANGE") {
      window.frame = Window::Frame::kRange;
      FUQI_RETURN_IF_ERROR(
          ReadLength(node, "start_expr", window.position, window.length_us, window.length_months));
    } else if (start != "UNBOUNDED_PRECEDING") {
      return Unknown(window.position, start);
    }
    if (end == "EXPR_PRECEDING_ROWS") {
      FUQI_ASSIGN_OR_RETURN(window.gap_rows, ReadRows(node, "end_expr", window.position));
    } else if (end == "EXPR_PRECEDING_RANGE") {
      FUQI_RETURN_IF_ERROR(
          ReadLength(node, "end_expr", window.position, window.gap_us, gap_months));
    } else if (end != "CURRENT_ROW_RANGE" && end != "CURRENT_ROW_ROWS") {
      return Unknown(window.position, end);
    }
    return CheckFrame(window, gap_months);
  }

  // DuckDB counts less than no row where a frame ends before it begins.
  Result<void> CheckFrame(const Window& window, int32_t gap_months) const {
    constexpr int64_t kShortestMonthUs = 28 * int64_t{86'400'000'000};
    if (gap_months != 0) {
      return Fail(window.position,
                  Err(ErrorCode::kUnsupported,
                      "a frame ends a fixed time before its row; months have none: write days"));
    }
    int64_t shortest = 0;
    if (__builtin_add_overflow(window.length_months * kShortestMonthUs, window.length_us,
                               &shortest)) {
      return Fail(window.position, Err(ErrorCode::kOutOfRange, "the frame is too long"));
    }
    const bool by_time = window.frame == Window::Frame::kRange && shortest < window.gap_us;
    const bool by_rows = window.frame == Window::Frame::kRows && window.rows < window.gap_rows;
    if (by_time || by_rows) {
      return Fail(window.position, Err(ErrorCode::kOutOfRange, "the frame ends before it begins"));
    }
    return {};
  }

  Result<int64_t> ReadRows(const Json& node, const char* key, Position position) {
    const Json* bound = Member(node, key);
    if (bound == nullptr) {
      return Unknown(position, key);
    }
    FUQI_ASSIGN_OR_RETURN(const Expr rows, ReadRoot(*bound, position));
    const Datum value = rows.kind == Kind::kConstant ? rows.constant[0] : Datum::Null();
    if (value.kind != Datum::Kind::kInt || value.i < 0 || value.i > kMaxRows) {
      return Fail(rows.position,
                  Err(ErrorCode::kUnsupported,
                      "a frame takes a constant number of rows from 0 to {}", kMaxRows));
    }
    return static_cast<int64_t>(value.i);
  }

  // The interval that the bound takes from the time column.
  Result<void> ReadLength(const Json& node, const char* key, Position position, int64_t& us,
                          int32_t& months) {
    const Json* bound = Member(node, key);
    if (bound == nullptr || TextOf(*bound, "name") != "-" ||
        ItemsOf(*bound, "children").size() != 2) {
      return Unknown(position, key);
    }
    FUQI_ASSIGN_OR_RETURN(const Expr length, ReadRoot(ItemsOf(*bound, "children")[1], position));
    if (length.kind != Kind::kConstant || length.constant[0].kind != Datum::Kind::kInterval) {
      return Fail(length.position,
                  Err(ErrorCode::kUnsupported, "the length of a frame is a constant INTERVAL"));
    }
    const table::Interval interval = length.constant[0].interval;
    constexpr int64_t kDayUs = 86'400'000'000;
    constexpr int32_t kMonthsMax = 12'000;
    if (__builtin_mul_overflow(int64_t{interval.days}, kDayUs, &us) ||
        __builtin_add_overflow(us, interval.micros, &us) || us < 0 || interval.months < 0 ||
        interval.months > kMonthsMax || (us == 0 && interval.months == 0)) {
      return Fail(
          length.position,
          Err(ErrorCode::kOutOfRange,
              "the length of a frame is above zero, and its months are at most {}", kMonthsMax));
    }
    months = interval.months;
    return {};
  }

  // What DuckDB keeps apart from the arguments.
  Result<void> ReadParameter(const Json& node, Window& window) {
    const Json* data = Member(node, "function_data");
    if (window.function == "quantile_disc") {
      const Json::array_t* quantiles = data == nullptr ? nullptr : &ItemsOf(*data, "quantiles");
      if (quantiles == nullptr || quantiles->size() != 1) {
        return Unknown(window.position, "a quantile of another shape");
      }
      FUQI_ASSIGN_OR_RETURN(window.parameter, ReadConstant(Json{{"value", (*quantiles)[0]}}));
      const Datum& value = window.parameter->constant[0];
      const bool real = value.kind == Datum::Kind::kDouble;
      const bool within = real ? value.d >= 0 && value.d <= 1
                               : value.kind == Datum::Kind::kInt && value.i >= 0 &&
                                     value.i <= kPowersOfTen[window.parameter->type.scale];
      // Below 0 it counts from above, which DuckDB keeps as a flag.
      const bool fits = within && !IsTrue(*data, "desc");
      if (!fits) {
        return Fail(window.position,
                    Err(ErrorCode::kUnsupported, "a quantile is a number from 0 to 1"));
      }
    }
    if (window.function == "string_agg") {
      const Json::array_t& orders = ItemsOf(node, "arg_orders");
      const Json* order = orders.size() == 1 ? Member(orders[0], "expression") : nullptr;
      bool same = window.distinct && order != nullptr && data != nullptr &&
                  TextOf(orders[0], "type") == "ASCENDING";
      if (same) {
        FUQI_ASSIGN_OR_RETURN(const Expr by, ReadRoot(*order, window.position));
        same = SameExpr(by, window.args[0]);
      }
      if (!same) {
        return Fail(window.position,
                    Err(ErrorCode::kUnsupported,
                        "string_agg is written string_agg(DISTINCT x, ',' ORDER BY x)"));
      }
      window.parameter.emplace();
      window.parameter->type = {TypeId::kVarchar};
      window.parameter->constant.Append(Datum::Text(TextOf(*data, "separator")));
    }
    return {};
  }

  Result<void> ReadLag(const Json& node, Window& window) {
    if (const Json* rows = Member(node, "offset_expr"); rows != nullptr) {
      FUQI_ASSIGN_OR_RETURN(const Expr offset, ReadRoot(*rows, window.position));
      const Datum value = offset.kind == Kind::kConstant ? offset.constant[0] : Datum::Null();
      if (value.kind != Datum::Kind::kInt || value.i < 1 || value.i > kMaxLag) {
        return Fail(offset.position,
                    Err(ErrorCode::kUnsupported,
                        "lag goes back by a constant number of rows from 1 to {}", kMaxLag));
      }
      window.offset = static_cast<int64_t>(value.i);
    }
    if (const Json* fallback = Member(node, "default_expr"); fallback != nullptr) {
      FUQI_ASSIGN_OR_RETURN(window.fallback, ReadRoot(*fallback, window.position));
      if (window.fallback->kind != Kind::kConstant) {
        return Fail(window.fallback->position,
                    Err(ErrorCode::kUnsupported, "lag's third argument is a constant"));
      }
    }
    return {};
  }

  // From offsets in the statement to positions in fragments.
  void Translate(Expr& expr) const {
    expr.position = context_.statement.Find(expr.position).position;
    for (Expr& child : expr.children) {
      Translate(child);
    }
  }
  void Translate(Window& window) const {
    window.position = context_.statement.Find(window.position).position;
    for (auto* exprs : {&window.args, &window.partitions}) {
      for (Expr& expr : *exprs) {
        Translate(expr);
      }
    }
    for (auto* expr : {&window.filter, &window.fallback}) {
      if (*expr) {
        Translate(**expr);
      }
    }
  }

  const PlanContext& context_;
  std::vector<Window> windows_;
  bool windows_readable_ = false;  // not while they are being read: windows do not nest
  int depth_ = 0;
};

}  // namespace

Result<Type> ReadType(const Json* type) {
  if (type == nullptr) {
    return UnknownShape("a value without a type");
  }
  const std::string id = TextOf(*type, "id");
  if (id == "DECIMAL") {
    const Json* info = Member(*type, "type_info");
    const int64_t width = info == nullptr ? 0 : NumberOf(*info, "width", 0);
    const int64_t scale = info == nullptr ? 0 : NumberOf(*info, "scale", 0);
    if (width < 1 || width > table::kMaxDecimalWidth || scale < 0 || scale > width) {
      return UnknownShape(id);
    }
    return table::Decimal(static_cast<uint8_t>(width), static_cast<uint8_t>(scale));
  }
  return table::ParseType(id);
}

Result<Expr> ReadConstant(const Json& node) {
  const Json* value = Member(node, "value");
  if (value == nullptr) {
    return UnknownShape("a constant without a value");
  }
  Expr expr;
  FUQI_ASSIGN_OR_RETURN(expr.type, ReadType(Member(*value, "type")));
  std::optional<Datum> datum = Datum::Null();
  if (!IsTrue(*value, "is_null")) {
    datum = ReadValue(Member(*value, "value"), expr.type);
  }
  if (!datum) {
    return UnknownShape("a constant of another type");
  }
  expr.constant.Append(*datum);
  return expr;
}

Result<BoundItem> ReadPlan(const PlanContext& context, const Json& plans) {
  return Reader(context).Read(plans);
}

}  // namespace fuqi::sql::internal
