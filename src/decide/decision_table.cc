#include "decide/decision_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "base/decimal.h"
#include "base/time.h"
#include "base/utf8.h"
#include "sql/functions.h"

namespace fuqi::decide {
namespace {

using table::Datum;

constexpr int kNumberScale = 18;

std::string Quoted(std::string_view text) {
  std::string quoted = "'";
  for (char c : text) {
    quoted += c == '\'' ? "''" : std::string(1, c);
  }
  return quoted + "'";
}

int CompareValues(const CellValue& a, const CellValue& b) {
  if (a.kind == CellValue::Kind::kText) {
    return a.text.compare(b.text);
  }
  return a.number < b.number ? -1 : a.number > b.number ? 1 : 0;
}

// Reads the tests of one cell.
class CellParser {
 public:
  explicit CellParser(std::string_view text) : text_(text) {}

  Result<UnaryTests> Run() {
    UnaryTests tests;
    if (Take("-") && AtEnd()) {
      tests.any = true;
      return tests;
    }
    at_ = 0;
    tests.negated = TakeWord("not");
    if (tests.negated && !Take("(")) {
      return Fail();
    }
    do {
      FUQI_RETURN_IF_ERROR(Test(tests));
    } while (Take(","));
    if ((tests.negated && !Take(")")) || !AtEnd()) {
      return Fail();
    }
    return tests;
  }

 private:
  Error Fail() const {
    return Err(ErrorCode::kConfig,
               "'{}' is no test: write -, a value such as 5 or \"a\", >= 5, [1..10), null, several "
               "of these with commas between them, or not(…)",
               text_);
  }

  void SkipSpaces() {
    while (at_ < text_.size() && text_[at_] == ' ') {
      ++at_;
    }
  }
  bool AtEnd() {
    SkipSpaces();
    return at_ == text_.size();
  }
  bool Take(std::string_view sign) {
    SkipSpaces();
    if (!text_.substr(at_).starts_with(sign)) {
      return false;
    }
    at_ += sign.size();
    return true;
  }
  static bool IsWordPart(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  }
  bool TakeWord(std::string_view word) {
    SkipSpaces();
    const std::string_view rest = text_.substr(at_);
    if (!rest.starts_with(word) || (rest.size() > word.size() && IsWordPart(rest[word.size()]))) {
      return false;
    }
    at_ += word.size();
    return true;
  }

  Result<void> Test(UnaryTests& tests) {
    if (TakeWord("null")) {
      tests.null = true;
      return {};
    }
    UnaryTests::Range& range = tests.ranges.emplace_back();
    SkipSpaces();
    const char first = at_ < text_.size() ? text_[at_] : '\0';
    if (first == '[' || first == '(' || first == ']') {
      return Interval(range);
    }
    for (std::string_view sign : {"<=", ">=", "<", ">"}) {
      if (Take(sign)) {
        const bool closed = sign.size() == 2;
        FUQI_ASSIGN_OR_RETURN(CellValue value, Value());
        (sign[0] == '<' ? range.high : range.low) = std::move(value);
        (sign[0] == '<' ? range.high_closed : range.low_closed) = closed;
        return {};
      }
    }
    FUQI_ASSIGN_OR_RETURN(range.low, Value());
    range.high = range.low;
    return {};
  }

  Result<void> Interval(UnaryTests::Range& range) {
    range.low_closed = text_[at_++] == '[';
    FUQI_ASSIGN_OR_RETURN(range.low, Value());
    if (!Take("..")) {
      return Fail();
    }
    FUQI_ASSIGN_OR_RETURN(range.high, Value());
    SkipSpaces();
    const char last = at_ < text_.size() ? text_[at_++] : '\0';
    if (last != ']' && last != ')' && last != '[') {
      return Fail();
    }
    range.high_closed = last == ']';
    if (range.low->kind != range.high->kind || CompareValues(*range.low, *range.high) > 0) {
      return Err(ErrorCode::kConfig, "an interval goes from a value to one that is not less");
    }
    return {};
  }

  // Between quotes of either kind, doubled where they stand for themselves.
  Result<std::string> QuotedText() {
    const char quote = text_[at_++];
    std::string out;
    for (; at_ < text_.size(); ++at_) {
      if (text_[at_] == quote) {
        ++at_;
        if (at_ == text_.size() || text_[at_] != quote) {
          return out;
        }
      }
      out += text_[at_];
    }
    return Fail();
  }

  bool AtQuote() {
    SkipSpaces();
    return at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\'');
  }

  Result<CellValue> Value() {
    CellValue value;
    for (auto [word, kind] : {std::pair("DATE", CellValue::Kind::kDate),
                              std::pair("TIMESTAMP", CellValue::Kind::kTimestamp)}) {
      if (TakeWord(word)) {
        if (!AtQuote()) {
          return Fail();
        }
        FUQI_ASSIGN_OR_RETURN(value.text, QuotedText());
        const bool date = kind == CellValue::Kind::kDate;
        const Result<int64_t> time = date ? WithDays(value.text) : ParseTimestamp(value.text);
        if (!time) {
          return Fail();
        }
        value.kind = kind;
        value.number = *time;
        value.sql = fmt::format("{} {}", word, Quoted(value.text));
        return value;
      }
    }
    for (bool truth : {false, true}) {
      if (TakeWord(truth ? "true" : "false")) {
        value.kind = CellValue::Kind::kBoolean;
        value.number = truth ? 1 : 0;
        value.sql = truth ? "true" : "false";
        return value;
      }
    }
    if (AtQuote()) {
      FUQI_ASSIGN_OR_RETURN(value.text, QuotedText());
      if (!IsUtf8(value.text) || value.text.find('\0') != std::string::npos) {
        return Fail();
      }
      value.kind = CellValue::Kind::kText;
      value.sql = Quoted(value.text);
      return value;
    }
    return Number();
  }

  static Result<int64_t> WithDays(std::string_view text) {
    FUQI_ASSIGN_OR_RETURN(int32_t days, ParseDate(text));
    return int64_t{days};
  }

  // Digits with at most one point, which ".." of an interval is not.
  Result<CellValue> Number() {
    const size_t begin = at_;
    at_ += at_ < text_.size() && text_[at_] == '-' ? 1 : 0;
    const size_t digits = at_;
    auto skip_digits = [&] {
      while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
        ++at_;
      }
    };
    skip_digits();
    const bool whole = at_ > digits;
    if (whole && at_ + 1 < text_.size() && text_[at_] == '.' && text_[at_ + 1] != '.') {
      const size_t point = at_++;
      skip_digits();
      if (at_ == point + 1) {
        return Fail();
      }
    }
    CellValue value;
    value.sql = text_.substr(begin, at_ - begin);
    const Result<int128> number =
        ParseDecimal(value.sql, kDecimalWidthMax, kNumberScale, ExcessDigits::kRefuse);
    if (!whole || !number) {
      return Fail();
    }
    value.number = *number;
    return value;
  }

  std::string_view text_;
  size_t at_ = 0;
};

bool IsOneValue(const UnaryTests::Range& range) {
  return range.low && range.high && range.low_closed && range.high_closed &&
         range.low->sql == range.high->sql;
}

std::string LiteralOf(const Datum& value, const table::Type& type) {
  if (value.is_null()) {
    return fmt::format("CAST(NULL AS {})", type.ToString());
  }
  const std::string text = table::ToText(value, type);
  if (type.id == table::TypeId::kVarchar) {
    return Quoted(text);
  }
  return fmt::format("CAST({} AS {})", type.is_exact_number() ? text : Quoted(text),
                     type.ToString());
}

// Makes the features of one table.
class Generator {
 public:
  explicit Generator(const DecisionTable& table) : table_(table) {}

  std::vector<TableFeature> Run() {
    if (!HasRowColumn(table_)) {
      for (size_t i = 0; i < table_.outputs.size(); ++i) {
        out_.push_back(Total(i));
      }
      return std::move(out_);
    }
    std::vector<size_t> order(table_.rows.size());
    std::iota(order.begin(), order.end(), 0);
    const bool one = table_.hit == HitPolicy::kUnique || table_.hit == HitPolicy::kAny;
    if (one) {
      const std::vector<size_t> rows = Representatives();
      std::ranges::stable_sort(order, {}, [&](size_t row) { return rows[row]; });
      out_.push_back(RowCase(table_.name + "_first", order, rows));
      std::ranges::reverse(order);
      out_.push_back(RowCase(table_.name + "_last", order, rows));
      out_.push_back(SameRow());
    } else {
      if (table_.hit == HitPolicy::kPriority) {
        std::ranges::stable_sort(order, {}, [&](size_t row) { return PriorityOf(row); });
      } else if (table_.hit == HitPolicy::kCollect) {
        SortByOutput(order);
      }
      std::vector<size_t> rows(table_.rows.size());
      std::iota(rows.begin(), rows.end(), 0);
      out_.push_back(RowCase(table_.name + "_row", order, rows));
    }
    for (size_t i = 0; i < table_.outputs.size(); ++i) {
      out_.push_back(OutputCase(i));
    }
    return std::move(out_);
  }

 private:
  // Adds the row's condition to the text, and where it came from.
  void AddCondition(const DecisionTable::Row& row, TableFeature& feature) const {
    bool first = true;
    for (size_t i = 0; i < row.tests.size(); ++i) {
      const std::string test = ToSql(row.tests[i], table::QuoteName(table_.inputs[i].name));
      if (test.empty()) {
        continue;
      }
      feature.sql += first ? "" : " AND ";
      feature.places.emplace_back(feature.sql.size(), row.places[i]);
      feature.sql += test;
      first = false;
    }
    if (first) {
      feature.places.emplace_back(feature.sql.size(), row.where);
      feature.sql += "TRUE";
    }
  }

  // For `any`: the first row that gives the same outputs. For `unique`, each row itself.
  std::vector<size_t> Representatives() const {
    std::vector<size_t> rows(table_.rows.size());
    std::map<std::string, size_t> first;
    for (size_t i = 0; i < rows.size(); ++i) {
      std::string key;
      for (size_t k = 0; k < table_.outputs.size(); ++k) {
        const std::string literal = LiteralOf(table_.rows[i].outputs[k], table_.outputs[k].type);
        key += fmt::format("{}:{}", literal.size(), literal);
      }
      rows[i] = table_.hit == HitPolicy::kAny ? first.try_emplace(key, i).first->second : i;
    }
    return rows;
  }

  size_t PriorityOf(size_t row) const {
    const Datum& value = table_.rows[row].outputs[0];
    const auto found = std::ranges::find_if(
        table_.priority, [&](const table::Row& one) { return table::Same(one[0], value); });
    return static_cast<size_t>(found - table_.priority.begin());
  }

  // The rows of collect min or max, which has one output, such that the first that holds gives it.
  void SortByOutput(std::vector<size_t>& order) const {
    const bool least = table_.collect == Collect::kMin;
    std::ranges::stable_sort(order, [&](size_t a, size_t b) {
      const int compared = sql::Compare(table_.rows[a].outputs[0], table_.rows[b].outputs[0]);
      return least ? compared < 0 : compared > 0;
    });
  }

  // Which row holds: the first of `order`, told as the row that stands for it, from 1.
  TableFeature RowCase(std::string name, const std::vector<size_t>& order,
                       const std::vector<size_t>& rows) const {
    TableFeature feature{.name = std::move(name), .sql = "CASE", .places = {}};
    for (size_t row : order) {
      feature.sql += "\nWHEN ";
      AddCondition(table_.rows[row], feature);
      feature.sql += fmt::format(" THEN {}", rows[row] + 1);
    }
    feature.sql += "\nEND";
    return feature;
  }

  // The row that is found from either end; else a cast that fails and says why.
  TableFeature SameRow() const {
    const std::string first = table::QuoteName(table_.name + "_first");
    const std::string last = table::QuoteName(table_.name + "_last");
    return {.name = table_.name + "_row",
            .sql = fmt::format(
                "CASE WHEN {0} IS NOT DISTINCT FROM {1} THEN {0} ELSE CAST(concat('rows ', "
                "least({0}, {1}), ' and ', greatest({0}, {1}), ' of decision table {2} both hold') "
                "AS INTEGER) END",
                first, last, table_.name),
            .places = {},
            .checks_overlap = true};
  }

  TableFeature OutputCase(size_t output) const {
    const DecisionTable::Output& column = table_.outputs[output];
    TableFeature feature{.name = column.name, .sql = "CASE", .places = {}, .output = &column};
    std::vector<std::pair<std::string, std::vector<size_t>>> groups;
    std::map<std::string, size_t> known;
    for (size_t i = 0; i < table_.rows.size(); ++i) {
      std::string literal = LiteralOf(table_.rows[i].outputs[output], column.type);
      const auto [at, fresh] = known.try_emplace(literal, groups.size());
      if (fresh) {
        groups.emplace_back(std::move(literal), std::vector<size_t>());
      }
      groups[at->second].second.push_back(i + 1);
    }
    const std::string row = table::QuoteName(table_.name + "_row");
    for (const auto& [literal, rows] : groups) {
      feature.sql += rows.size() == 1 ? fmt::format("\nWHEN {} = {}", row, rows[0])
                                      : fmt::format("\nWHEN {} IN ({})", row, fmt::join(rows, ","));
      feature.sql += " THEN " + literal;
    }
    const Datum otherwise = table_.otherwise ? (*table_.otherwise)[output] : Datum::Null();
    feature.sql += fmt::format("\nELSE {} END", LiteralOf(otherwise, column.type));
    return feature;
  }

  // The sum of what the rows give that hold, each in a CASE of its own, added in pairs so that the
  // expression does not grow deep. Nothing adds up to the otherwise of the table.
  TableFeature Total(size_t output) const {
    const DecisionTable::Output& column = table_.outputs[output];
    TableFeature feature{.name = column.name, .sql = "", .places = {}, .output = &column};
    feature.sql = "CAST(";
    AddTerms(0, table_.rows.size(), output, feature);
    feature.sql += fmt::format(" AS {})", column.type.ToString());
    return feature;
  }

  void AddTerms(size_t begin, size_t end, size_t output, TableFeature& feature) const {
    if (end - begin > 1) {
      const size_t middle = begin + (end - begin) / 2;
      feature.sql += "(";
      AddTerms(begin, middle, output, feature);
      feature.sql += "\n+ ";
      AddTerms(middle, end, output, feature);
      feature.sql += ")";
      return;
    }
    const DecisionTable::Row& row = table_.rows[begin];
    feature.sql += "CASE WHEN ";
    AddCondition(row, feature);
    const table::Type type = table_.outputs[output].type;
    const std::string value = table_.collect == Collect::kCount
                                  ? "CAST(1 AS BIGINT)"
                                  : LiteralOf(row.outputs[output], type);
    feature.sql += fmt::format(" THEN {} ELSE {} END", value, LiteralOf(Datum::Int(0), type));
  }

  const DecisionTable& table_;
  std::vector<TableFeature> out_;
};

// Walks all combinations of values that the rows tell apart, column by column.
class Walker {
 public:
  Walker(const DecisionTable& table, std::span<const table::Type> types)
      : table_(table), types_(types) {}

  std::vector<Error> Run() {
    std::vector<size_t> rows(table_.rows.size());
    std::iota(rows.begin(), rows.end(), 0);
    if (!Comparable()) {
      return {};
    }
    Walk(0, rows);
    if (tests_ > kTestsMax) {
      found_.push_back(Err(ErrorCode::kResourceExhausted,
                           "decision table '{}' has too many combinations to look for overlaps and "
                           "gaps in all of them",
                           table_.name)
                           .At(table_.where));
    }
    return std::move(found_);
  }

 private:
  static constexpr size_t kTestsMax = 20'000'000;
  static constexpr size_t kFoundMax = 5;

  using Values = std::vector<CellValue>;

  // Whether each column's values are of one kind. Others are refused when the SQL is bound.
  bool Comparable() const {
    for (size_t i = 0; i < table_.inputs.size(); ++i) {
      std::optional<CellValue::Kind> kind;
      for (const DecisionTable::Row& row : table_.rows) {
        for (const UnaryTests::Range& range : row.tests[i].ranges) {
          for (const auto* end : {&range.low, &range.high}) {
            if (*end && kind.value_or((*end)->kind) != (*end)->kind) {
              return false;
            }
            kind = *end ? (*end)->kind : kind;
          }
        }
      }
    }
    return true;
  }

  Values PointsOf(size_t column, const std::vector<size_t>& rows) const {
    Values points;
    for (size_t row : rows) {
      for (const UnaryTests::Range& range : table_.rows[row].tests[column].ranges) {
        for (const auto* end : {&range.low, &range.high}) {
          if (*end) {
            points.push_back(**end);
          }
        }
      }
    }
    std::ranges::sort(
        points, [](const CellValue& a, const CellValue& b) { return CompareValues(a, b) < 0; });
    auto same = [](const CellValue& a, const CellValue& b) { return CompareValues(a, b) == 0; };
    points.erase(std::unique(points.begin(), points.end(), same), points.end());
    return points;
  }

  // Segment 2i is the gap before point i, 2i+1 the point; 2n the last gap.
  static bool Passes(const UnaryTests& tests, const Values& points, size_t segment) {
    auto in = [&](const UnaryTests::Range& range) {
      auto beyond = [&](const CellValue& end, bool closed, bool low) {
        const size_t point = static_cast<size_t>(
            std::ranges::lower_bound(
                points, end,
                [](const CellValue& a, const CellValue& b) { return CompareValues(a, b) < 0; }) -
            points.begin());
        const size_t edge = 2 * point + 1;
        if (segment == edge) {
          return !closed;
        }
        return low ? segment < edge : segment > edge;
      };
      return !(range.low && beyond(*range.low, range.low_closed, true)) &&
             !(range.high && beyond(*range.high, range.high_closed, false));
    };
    return tests.any || std::ranges::any_of(tests.ranges, in) != tests.negated;
  }

  // Whether the column has values there at all.
  bool Exists(size_t column, const Values& points, size_t segment) const {
    if (segment % 2 == 1 || points.empty()) {
      return true;
    }
    const size_t next = segment / 2;
    if (types_[column].id == table::TypeId::kBoolean) {
      return points.size() < 2 && (next == 0) == (points[0].number == 1);
    }
    const bool between = next > 0 && next < points.size();
    const bool whole = types_[column].is_integer() || types_[column].id == table::TypeId::kDate;
    const int128 one =
        points[0].kind == CellValue::Kind::kNumber ? kPowersOfTen[kNumberScale] : int128{1};
    return !(between && whole && points[next].number - points[next - 1].number <= one);
  }

  static std::string Describe(std::string_view name, const Values& points, size_t segment) {
    if (points.empty()) {
      return "";
    }
    const size_t next = segment / 2;
    if (segment % 2 == 1) {
      return fmt::format("{} = {}", name, points[next].sql);
    }
    if (points[0].kind == CellValue::Kind::kBoolean) {
      return fmt::format("{} = {}", name, points[0].number == 1 ? "false" : "true");
    }
    if (points[0].kind == CellValue::Kind::kText) {
      return fmt::format("{} <> {}", name, points[next == points.size() ? next - 1 : next].sql);
    }
    std::string text(name);
    if (next > 0) {
      text = fmt::format("{} > {}", name, points[next - 1].sql);
    }
    if (next < points.size()) {
      text += fmt::format("{} < {}", next > 0 ? fmt::format(", {}", name) : "", points[next].sql);
    }
    return text;
  }

  void Walk(size_t column, const std::vector<size_t>& rows) {
    if (found_.size() >= kFoundMax || tests_ > kTestsMax) {
      return;
    }
    if (rows.empty()) {
      return NoteGap();
    }
    if (column == table_.inputs.size()) {
      return rows.size() > 1 ? NoteOverlap(rows[0], rows[1]) : void();
    }
    const Values points = PointsOf(column, rows);
    std::vector<std::vector<size_t>> seen;
    for (size_t segment = 0; segment <= 2 * points.size(); ++segment) {
      if (!Exists(column, points, segment)) {
        continue;
      }
      std::vector<size_t> passing;
      for (size_t row : rows) {
        ++tests_;
        if (Passes(table_.rows[row].tests[column], points, segment)) {
          passing.push_back(row);
        }
      }
      // Values of one column that the same rows pass are the same to what follows.
      if (passing == (seen.empty() ? std::vector<size_t>{SIZE_MAX} : seen.back())) {
        continue;
      }
      seen.push_back(passing);
      path_.push_back(Describe(table_.inputs[column].name, points, segment));
      Walk(column + 1, passing);
      path_.pop_back();
    }
  }

  void NoteOverlap(size_t a, size_t b) {
    if (table_.hit != HitPolicy::kUnique ||
        std::ranges::find(overlaps_, std::pair(a, b)) != overlaps_.end()) {
      return;
    }
    overlaps_.emplace_back(a, b);
    found_.push_back(Err(ErrorCode::kConflict,
                         "rows {} and {} of decision table '{}' can hold together: {}", a + 1,
                         b + 1, table_.name, Path())
                         .At(table_.rows[b].where));
  }

  void NoteGap() {
    if (table_.hit == HitPolicy::kCollect || table_.otherwise || gap_) {
      return;
    }
    gap_ = true;
    found_.push_back(Err(ErrorCode::kNotFound,
                         "no row of decision table '{}' holds for {}, and it has no 'otherwise'",
                         table_.name, Path())
                         .At(table_.where));
  }

  std::string Path() const {
    std::string text;
    for (const std::string& part : path_) {
      text += part.empty() ? "" : (text.empty() ? "" : ", ") + part;
    }
    return text.empty() ? "any values" : text;
  }

  const DecisionTable& table_;
  std::span<const table::Type> types_;
  std::vector<Error> found_;
  std::vector<std::pair<size_t, size_t>> overlaps_;
  std::vector<std::string> path_;
  bool gap_ = false;
  size_t tests_ = 0;
};

}  // namespace

Result<UnaryTests> ParseUnaryTests(std::string_view cell) { return CellParser(cell).Run(); }

std::string ToSql(const UnaryTests& tests, std::string_view column) {
  if (tests.any) {
    return "";
  }
  std::vector<std::string> values;
  std::vector<std::string> parts;
  for (const UnaryTests::Range& range : tests.ranges) {
    if (IsOneValue(range)) {
      values.push_back(range.low->sql);
      continue;
    }
    std::string part;
    if (range.low) {
      part = fmt::format("{} {} {}", column, range.low_closed ? ">=" : ">", range.low->sql);
    }
    if (range.high) {
      part += fmt::format("{}{} {} {}", part.empty() ? "" : " AND ", column,
                          range.high_closed ? "<=" : "<", range.high->sql);
    }
    parts.push_back(std::move(part));
  }
  if (!values.empty()) {
    parts.insert(parts.begin(), values.size() == 1
                                    ? fmt::format("{} = {}", column, values[0])
                                    : fmt::format("{} IN ({})", column, fmt::join(values, ", ")));
  }
  if (tests.null) {
    parts.push_back(fmt::format("{} IS NULL", column));
  }
  std::string text = fmt::format("{}", fmt::join(parts, " OR "));
  if (tests.negated) {
    return fmt::format("NOT ({})", text);
  }
  return parts.size() > 1 ? "(" + text + ")" : text;
}

bool HasRowColumn(const DecisionTable& table) {
  return table.hit != HitPolicy::kCollect || table.collect == Collect::kMin ||
         table.collect == Collect::kMax;
}

std::vector<TableFeature> TableFeatures(const DecisionTable& table) {
  return Generator(table).Run();
}

std::vector<Error> TableFindings(const DecisionTable& table, std::span<const table::Type> types) {
  return Walker(table, types).Run();
}

}  // namespace fuqi::decide
