#include "node/print.h"

#include <algorithm>
#include <array>
#include <ostream>
#include <set>

#include "table/format.h"

namespace fuqi::node {
namespace {

std::string Padded(const std::string& text, size_t width, bool right) {
  const size_t own = table::DisplayWidth(text);
  const std::string space(width > own ? width - own : 0, ' ');
  return right ? space + text : text + space;
}

bool LooksNumeric(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789.,-+%e ") == std::string::npos;
}

}  // namespace

void PrintTable(const std::vector<std::string>& header,
                const std::vector<std::vector<std::string>>& rows, std::ostream& out) {
  std::vector<size_t> widths;
  widths.reserve(header.size());
  std::vector<bool> right(header.size(), !rows.empty());
  for (const std::string& name : header) {
    widths.push_back(table::DisplayWidth(name));
  }
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], table::DisplayWidth(row[i]));
      right[i] = right[i] && LooksNumeric(row[i]);
    }
  }
  auto print = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (size_t i = 0; i < cells.size(); ++i) {
      line += (i == 0 ? "" : "  ") + Padded(cells[i], widths[i], right[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << '\n';
  };
  if (std::any_of(header.begin(), header.end(), [](const auto& name) { return !name.empty(); })) {
    print(header);
  }
  for (const auto& row : rows) {
    print(row);
  }
}

OrderedJson ErrorJson(const Error& error, Language language) {
  OrderedJson json = {{"code", ErrorCodeName(error.code())}, {"message", error.message(language)}};
  if (const auto& where = error.where()) {
    if (!where->file.empty()) {
      json["file"] = where->file;
    }
    if (where->line > 0) {
      json["line"] = where->line;
    }
    if (where->column > 0) {
      json["column"] = where->column;
    }
    if (!where->field.empty()) {
      json["field"] = where->field;
    }
  }
  return json;
}

OrderedJson LineageJson(std::span<const sql::ColumnLineage> lineage) {
  OrderedJson json = OrderedJson::array();
  for (const sql::ColumnLineage& output : lineage) {
    OrderedJson inputs = OrderedJson::array();
    for (const auto& input : output.inputs) {
      inputs.push_back({{"column", input.column},
                        {"influence", sql::InfluenceName(input.influence)},
                        {"direct", sql::IsDirect(input.influence)}});
    }
    json.push_back(
        {{"output", output.output}, {"inputs", std::move(inputs)}, {"resolved", output.resolved}});
  }
  return json;
}

void PrintLineage(std::span<const sql::ColumnLineage> lineage, Language language,
                  std::ostream& out) {
  std::vector<std::vector<std::string>> rows;
  for (const sql::ColumnLineage& output : lineage) {
    std::set<std::string> direct;
    std::set<std::string> indirect;
    for (const auto& input : output.inputs) {
      (sql::IsDirect(input.influence) ? direct : indirect).insert(input.column);
    }
    rows.push_back({output.output, fmt::format("{}", fmt::join(direct, ", ")),
                    fmt::format("{}", fmt::join(indirect, ", "))});
  }
  PrintTable({std::string(Tr("output", language)), std::string(Tr("made of", language)),
              std::string(Tr("decided by", language))},
             rows, out);
}

std::string Percent(double share) { return fmt::format("{:.1f} %", share * 100); }

std::string DurationIn(Duration duration, Language language) {
  static constexpr std::array<std::string_view, 7> kUnits = {
      UserText("weeks"),   UserText("days"),         UserText("hours"),       UserText("minutes"),
      UserText("seconds"), UserText("milliseconds"), UserText("microseconds")};
  std::string text = DurationToText(duration);
  const size_t space = text.find(' ');
  for (std::string_view unit : kUnits) {
    if (language != Language::kEnglish && unit.starts_with(text.substr(space + 1))) {
      return text.substr(0, space + 1) + std::string(Translate(unit, language));
    }
  }
  return text;
}

std::string ActionIn(decide::Action action, Language language) {
  static constexpr std::array<std::string_view, 7> kMeanings = {
      UserText("let it through"),
      UserText("have a person look at it"),
      UserText("ask the customer to prove more"),
      UserText("limit what the customer can do"),
      UserText("keep the payment back for now"),
      UserText("refuse the payment"),
      UserText("freeze the account")};
  return Say(language, "{} ({})", decide::ActionName(action),
             Translate(kMeanings[static_cast<size_t>(action)], language));
}

}  // namespace fuqi::node
