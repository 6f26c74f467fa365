#include "decide/lookups.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/nearest.h"
#include "decide/screened.h"
#include "sql/bind.h"
#include "sql/parsed_tree.h"
#include "table/binder.h"

namespace fuqi::decide {
namespace {

using table::Datum;

constexpr std::string_view kInList = "in_list";
constexpr std::string_view kLookup = "lookup";
constexpr std::string_view kStanding = "standing";
constexpr std::string_view kScreen = "screen";
constexpr std::string_view kScreenEntry = "screen_entry";
constexpr std::array<std::string_view, 5> kFunctions = {kInList, kLookup, kStanding, kScreen,
                                                        kScreenEntry};
constexpr std::string_view kNowhere = "";  // where an entry that there is not came from
constexpr table::Type kText{table::TypeId::kVarchar};
constexpr table::Type kTime{table::TypeId::kTimestamp};

// Whether values of the two types are told equal by their values alone.
bool SameValues(table::Type a, table::Type b) {
  return a == b || (a.is_integer() && b.is_integer());
}

std::string TableOf(const List& list) { return "fuqi_list_" + list.name; }
std::string TableOf(const Reference& reference) { return "fuqi_table_" + reference.name; }

// The constant text that must stand as this argument, and one of `known`.
template <class T>
Result<size_t> IndexOf(const sql::Fragment& arg, const std::vector<T>& known,
                       Error (*unknown)(const std::string&, const std::optional<std::string>&)) {
  const std::optional<std::string> name = sql::GivenCall::TextOf(arg);
  if (!name) {
    return arg.At(
        0, Err(ErrorCode::kInvalidArgument, "what is looked up is named by a constant text"));
  }
  const auto found = std::ranges::find(known, *name, &T::name);
  if (found == known.end()) {
    return arg.At(0, unknown(*name, NearestName(*name, known, &T::name)));
  }
  return found - known.begin();
}

// What stands in the place of a call, over the column that it is given.
std::string ReadingSql(std::string_view function, const std::string& column) {
  if (function == kInList || function == kStanding) {
    return fmt::format("({} <> '')", column);
  }
  if (function == kScreen) {
    return ScoreSql(column);
  }
  return function == kScreenEntry ? EntrySql(column) : column;
}

Datum InScratch(std::string_view text, sql::Scratch& scratch) {
  char* copy = scratch.Allocate(text.size());
  std::memcpy(copy, text.data(), text.size());
  return Datum::Text({copy, text.size()});
}

}  // namespace

Result<void> LookupCompiler::ReadList(Call& call) const {
  const std::vector<sql::Fragment>& args = call.call.args;
  call.screens = call.call.function != kInList;
  if (args.size() != 3) {
    return call.screens ? Err(ErrorCode::kInvalidArgument,
                              "{0} has three arguments, as in {0}('sanctions', payee_name, ts); "
                              "here are {1}",
                              call.call.function, args.size())
                        : Err(ErrorCode::kInvalidArgument,
                              "in_list has three arguments, as in in_list('watched', payee, ts); "
                              "here are {}",
                              args.size());
  }
  FUQI_ASSIGN_OR_RETURN(
      call.list,
      IndexOf(args[0], pack_.lists,
              [](const std::string& name, const std::optional<std::string>& near) {
                return near ? Err(ErrorCode::kNotFound,
                                  "the pack has no list '{}'; did you mean '{}'?", name, *near)
                            : Err(ErrorCode::kNotFound, "the pack has no list '{}'", name);
              }));
  call.items.assign(args.begin() + 1, args.end());
  const List& list = pack_.lists[*call.list];
  if (call.screens && list.type.id != table::TypeId::kVarchar) {
    return args[0].At(0, Err(ErrorCode::kTypeMismatch,
                             "names are screened against a list of VARCHAR; list '{}' holds {}",
                             list.name, list.type.ToString()));
  }
  if (call.screens && !list.clears.empty()) {
    return args[0].At(0, Err(ErrorCode::kInvalidArgument,
                             "list '{}' clears hits of '{}': it has no names to screen for",
                             list.name, list.clears));
  }
  return {};
}

Result<void> LookupCompiler::ReadReference(Call& call) const {
  const std::vector<sql::Fragment>& args = call.call.args;
  if (args.size() < 4) {
    return Err(ErrorCode::kInvalidArgument,
               "lookup has four arguments or more, as in lookup('fx', 'rate', currency, ts); here "
               "are {}",
               args.size());
  }
  FUQI_ASSIGN_OR_RETURN(
      call.reference,
      IndexOf(args[0], pack_.references,
              [](const std::string& name, const std::optional<std::string>& near) {
                return near ? Err(ErrorCode::kNotFound,
                                  "the pack has no reference '{}'; did you mean '{}'?", name, *near)
                            : Err(ErrorCode::kNotFound, "the pack has no reference '{}'", name);
              }));
  const Reference& reference = pack_.references[call.reference];
  const table::Schema values(reference.schema.begin() + reference.keys + 1, reference.schema.end());
  FUQI_ASSIGN_OR_RETURN(
      call.column,
      IndexOf(args[1], values, [](const std::string& name, const std::optional<std::string>& near) {
        return near ? Err(ErrorCode::kNotFound,
                          "the reference has no value '{}'; did you mean '{}'?", name, *near)
                    : Err(ErrorCode::kNotFound, "the reference has no value '{}'", name);
      }));
  call.column += reference.keys + 1;
  call.items.assign(args.begin() + 2, args.end());
  if (call.items.size() != reference.keys + 1) {
    return Err(ErrorCode::kInvalidArgument,
               "reference '{}' is known by {} keys and the time; here are {} arguments",
               reference.name, reference.keys, call.items.size());
  }
  return {};
}

Result<void> LookupCompiler::ReadStanding(Call& call) const {
  const std::vector<sql::Fragment>& args = call.call.args;
  if (args.size() != 4) {
    return Err(ErrorCode::kInvalidArgument,
               "standing has four arguments, as in standing('account', 'hold', payer, ts); here "
               "are {}",
               args.size());
  }
  FUQI_ASSIGN_OR_RETURN(
      call.standing,
      IndexOf(args[0], pack_.standing,
              [](const std::string& name, const std::optional<std::string>& near) {
                return near ? Err(ErrorCode::kNotFound,
                                  "the pack has no standing kind '{}'; did you mean '{}'?", name,
                                  *near)
                            : Err(ErrorCode::kNotFound, "the pack has no standing kind '{}'", name);
              }));
  const std::optional<std::string> action = sql::GivenCall::TextOf(args[1]);
  if (!action) {
    return args[1].At(0, Err(ErrorCode::kInvalidArgument, "an action is named by a constant text"));
  }
  Result<Action> at_least = ParseAction(*action);
  if (!at_least) {
    return args[1].At(0, std::move(at_least).error());
  }
  if (*at_least == Action::kApprove) {
    return args[1].At(0, Err(ErrorCode::kInvalidArgument,
                             "'approve' never stands; the least that does is 'review'"));
  }
  call.at_least = *at_least;
  call.items.assign(args.begin() + 2, args.end());
  return {};
}

table::Type LookupCompiler::ItemType(const Call& call, size_t i) const {
  if (i + 1 == call.items.size()) {
    return kTime;
  }
  if (call.standing) {
    return pack_.standing[*call.standing].type;
  }
  return call.list ? pack_.lists[*call.list].type : pack_.references[call.reference].schema[i].type;
}

Result<LookupCompiler::Call> LookupCompiler::Read(const sql::Fragment& fragment,
                                                  sql::GivenCall call) const {
  Call read{.call = std::move(call)};
  Result<void> known = read.call.function == kLookup     ? ReadReference(read)
                       : read.call.function == kStanding ? ReadStanding(read)
                                                         : ReadList(read);
  if (!known) {
    // Of an argument, placed there already; of the call as a whole.
    return known.error().where() ? known.error() : fragment.At(read.call.begin, known.error());
  }
  std::vector<std::string> texts;
  for (size_t i = 0; i < read.call.args.size(); ++i) {
    const bool is_name = i + read.items.size() < read.call.args.size();
    texts.push_back(is_name ? table::QuoteText(*sql::GivenCall::TextOf(read.call.args[i]))
                            : read.call.args[i].text);
  }
  read.name =
      fmt::format("{}({})", read.screens ? kScreen : read.call.function, fmt::join(texts, ", "));
  return read;
}

Result<sql::Fragment> LookupCompiler::Replace(const sql::Fragment& fragment) {
  FUQI_ASSIGN_OR_RETURN(std::vector<sql::GivenCall> found,
                        sql::FindGivenCalls(fragment, kFunctions));
  std::vector<std::string> texts;
  for (const sql::GivenCall& call : found) {
    FUQI_ASSIGN_OR_RETURN(Call read, Read(fragment, call));
    // Names are compared without case, texts within a call are not.
    auto same = [](const sql::Fragment& a, const sql::Fragment& b) { return a.text == b.text; };
    auto known = std::ranges::find_if(calls_, [&](const Call& each) {
      return each.list == read.list && each.screens == read.screens &&
             each.standing == read.standing && each.at_least == read.at_least &&
             each.reference == read.reference && each.column == read.column &&
             std::ranges::equal(each.items, read.items, same);
    });
    if (known == calls_.end()) {
      if (calls_.size() == kPackLookupsMax) {
        return fragment.At(
            call.begin, Err(ErrorCode::kResourceExhausted,
                            "more than {} different calls of in_list, lookup, screen and standing",
                            kPackLookupsMax));
      }
      const std::string base = read.name;
      for (int n = 2; std::ranges::any_of(
               calls_, [&](const Call& each) { return table::SameName(each.name, read.name); });
           ++n) {
        read.name = fmt::format("{} #{}", base, n);
      }
      calls_.push_back(std::move(read));
      known = std::prev(calls_.end());
    }
    texts.push_back(ReadingSql(call.function, table::QuoteName(known->name)));
  }
  return found.empty() ? fragment : sql::ReplaceCalls(fragment, found, texts);
}

std::vector<Feature> LookupCompiler::Features() const {
  std::vector<Feature> features;
  for (const Call& call : calls_) {
    Feature& feature = features.emplace_back();
    feature.name = call.name;
    feature.is_lookup = true;
    feature.title = call.list       ? pack_.lists[*call.list].title
                    : call.standing ? pack_.standing[*call.standing].reason
                                    : pack_.references[call.reference].title;
    feature.sql.text = call.name;
    feature.sql.where = call.call.args[0].place(0);
  }
  return features;
}

Result<Lookup> LookupCompiler::BindCall(const Call& call, const table::Schema& events,
                                        int time) const {
  std::vector<sql::Fragment> items;
  for (size_t i = 0; i < call.items.size(); ++i) {
    sql::Fragment item = call.items[i];
    item.name = fmt::format("{} [{}]", call.name, i + 1);
    FUQI_ASSIGN_OR_RETURN(sql::ParsedExpression parsed, sql::ParseExpression(binder_, item, {}));
    for (const sql::Reference& reference : parsed.columns) {
      if (std::ranges::any_of(pack_.features, [&](const Feature& feature) {
            return table::SameName(feature.name, reference.name);
          })) {
        return item.At(
            reference.position,
            Err(ErrorCode::kUnsupported,
                "what is looked up reads columns of the event; '{}' is a feature", reference.name));
      }
    }
    items.push_back(std::move(item));
  }
  Lookup lookup{.list = call.list,
                .screens = call.screens,
                .standing = call.standing,
                .at_least = call.at_least,
                .reference = call.reference,
                .column = call.column};
  lookup.type = call.list || call.standing
                    ? kText
                    : pack_.references[call.reference].schema[call.column].type;
  FUQI_ASSIGN_OR_RETURN(lookup.level, sql::BindLevel(binder_, events, time, items, {}));
  for (size_t i = 0; i < items.size(); ++i) {
    const table::Type type = lookup.level.outputs[i].expr.type;
    const table::Type needed = ItemType(call, i);
    if (SameValues(type, needed)) {
      continue;
    }
    if (i + 1 == items.size()) {
      return items[i].At(
          0, Err(ErrorCode::kTypeMismatch, "the time to look up at is a TIMESTAMP; this one is {}",
                 type.ToString()));
    }
    const std::string text = type.ToString();
    if (call.standing) {
      return items[i].At(0, Err(ErrorCode::kTypeMismatch,
                                "subjects of the standing kind '{}' are {}; this one is {}",
                                pack_.standing[*call.standing].name, needed.ToString(), text));
    }
    return items[i].At(
        0, call.list ? Err(ErrorCode::kTypeMismatch, "list '{}' holds values of {}; this one is {}",
                           pack_.lists[*call.list].name, needed.ToString(), text)
                     : Err(ErrorCode::kTypeMismatch,
                           "reference '{}' is known by a {} here; this one is {}",
                           pack_.references[call.reference].name, needed.ToString(), text));
  }
  for (size_t i = 0; i < items.size(); ++i) {
    sql::Position at = -1;
    Result<sql::Program> program = sql::Program::Compile(lookup.level.outputs[i].expr, &at);
    if (!program) {
      return items[i].At(at, std::move(program).error());
    }
    lookup.args.push_back(std::move(*program));
  }
  lookup.items = std::move(items);
  return lookup;
}

Result<std::vector<Lookup>> LookupCompiler::Bind(const table::Schema& events, int time,
                                                 size_t first) const {
  std::vector<Lookup> lookups;
  for (const Call& call : calls_) {
    FUQI_ASSIGN_OR_RETURN(Lookup lookup, BindCall(call, events, time));
    lookup.feature = first + lookups.size();
    lookups.push_back(std::move(lookup));
  }
  return lookups;
}

Datum Lookup::Find(Committed& committed, std::span<const Datum> values, sql::Scratch& scratch,
                   bool& truncated) const {
  if (std::ranges::any_of(values, &Datum::is_null)) {
    return Datum::Null();
  }
  const auto at_us = static_cast<int64_t>(values.back().i);
  if (standing) {
    const StandingState& state = committed.standing()[*standing];
    // An unknown amount is one that every limit binds.
    const StandingState::Entry* entry = state.Find(*SubjectOf(values[0], state.kind().type), at_us,
                                                   Datum::Null(), /*any_time=*/false);
    return entry == nullptr || entry->action < at_least
               ? Datum::Text(kNowhere)
               : InScratch(std::to_string(entry->record), scratch);
  }
  if (!list) {
    const table::Row* row =
        committed.references()[reference].Find(values.first(values.size() - 1), at_us);
    if (row == nullptr || (*row)[column].kind != Datum::Kind::kText) {
      return row == nullptr ? Datum::Null() : (*row)[column];
    }
    return InScratch((*row)[column].text(), scratch);
  }
  if (screens) {
    ListState& screened = committed.screened_lists()[*list];
    const int cleared_by = screened.list().cleared_by;
    ListState* cleared = cleared_by < 0 ? nullptr : &committed.screened_lists()[cleared_by];
    return InScratch(Screen(screened, cleared, values[0].text(), at_us, truncated).ToText(),
                     scratch);
  }
  const ListState::Held* held = committed.lists()[*list].Find(values[0], at_us);
  return held == nullptr ? Datum::Text(kNowhere) : InScratch(held->ref.ToText(), scratch);
}

namespace {

// The value of lookup `k`, whose arguments are fuqi_k_0, fuqi_k_1, …
std::string LookupSql(const Pack& pack, const Lookup& lookup, size_t k) {
  if (lookup.screens) {
    return fmt::format("(SELECT {} FROM {} WHERE number = fuqi_number)",
                       table::QuoteName(pack.features[lookup.feature].name), kGivenScreens);
  }
  std::string known;
  for (size_t i = 0; i < lookup.items.size(); ++i) {
    known += fmt::format("{}fuqi_{}_{} IS NOT NULL", i == 0 ? "" : " AND ", k, i);
  }
  const std::string time = fmt::format("fuqi_{}_{}", k, lookup.items.size() - 1);
  constexpr std::string_view kSeen = "fuqi_since <= fuqi_number AND fuqi_number < fuqi_until";
  if (lookup.standing) {
    return fmt::format("CASE WHEN {} THEN (SELECT {} FROM {} WHERE number = fuqi_number) END",
                       known, table::QuoteName(pack.features[lookup.feature].name), kGivenStanding);
  }
  if (lookup.list) {
    return fmt::format(
        "CASE WHEN {0} THEN coalesce((SELECT arg_min(entry, place) FROM {1} WHERE value = "
        "fuqi_{2}_0 AND (valid_from IS NULL OR valid_from <= {3}) AND (valid_to IS NULL OR {3} < "
        "valid_to) AND {4}), '') END",
        known, TableOf(pack.lists[*lookup.list]), k, time, kSeen);
  }
  const Reference& reference = pack.references[lookup.reference];
  std::string keys;
  for (size_t i = 0; i < reference.keys; ++i) {
    keys += fmt::format("{} = fuqi_{}_{} AND ", table::QuoteName(reference.schema[i].name), k, i);
  }
  const std::string from = table::QuoteName(reference.schema[reference.keys].name);
  return fmt::format(
      "CASE WHEN {0} THEN (SELECT {1} FROM {2} WHERE {3}{4} <= {5} AND {6} ORDER BY {4} DESC LIMIT "
      "1) END",
      known, table::QuoteName(reference.schema[lookup.column].name), TableOf(reference), keys, from,
      time, kSeen);
}

}  // namespace

std::string WithLookups(const Pack& pack, const table::Schema& events,
                        std::span<const Lookup> lookups, const std::string& events_sql) {
  std::string args;
  std::string columns;
  for (const table::Column& column : events) {
    columns +=
        fmt::format("{}event.{}", columns.empty() ? "" : ", ", table::QuoteName(column.name));
  }
  for (size_t k = 0; k < lookups.size(); ++k) {
    const Lookup& lookup = lookups[k];
    for (size_t i = 0; i < lookup.items.size(); ++i) {
      args += fmt::format(", (\n{}\n) AS fuqi_{}_{}", lookup.items[i].text, k, i);
    }
    columns += fmt::format(", {} AS {}", LookupSql(pack, lookup, k),
                           table::QuoteName(pack.features[lookup.feature].name));
  }
  return fmt::format(
      "SELECT {} FROM (SELECT *{} FROM (SELECT *, row_number() OVER () AS fuqi_number FROM "
      "(\n{}\n))) event ORDER BY fuqi_number",
      columns, args, events_sql);
}

table::Schema GivenStandingSchema(std::span<const Lookup> lookups, const Pack& pack) {
  table::Schema schema = {{"number", {table::TypeId::kBigInt}, false}};
  for (const Lookup& lookup : lookups) {
    if (lookup.standing) {
      schema.push_back({pack.features[lookup.feature].name, kText, true});
    }
  }
  return schema;
}

table::Relation ListTable(const List& list, std::span<const BatchEntry> entries) {
  constexpr table::Type kNumber{table::TypeId::kBigInt};
  table::Relation relation{TableOf(list),
                           {{"value", list.type, false},
                            {"valid_from", kTime, true},
                            {"valid_to", kTime, true},
                            {"fuqi_since", kNumber, false},
                            {"fuqi_until", kNumber, false},
                            {"place", kNumber, false},
                            {"entry", kText, false}},
                           {}};
  std::vector<const BatchEntry*> sorted;
  for (const BatchEntry& entry : entries) {
    sorted.push_back(&entry);
  }
  std::ranges::stable_sort(sorted, {}, [](const BatchEntry* entry) { return entry->ref; });
  for (size_t i = 0; i < sorted.size(); ++i) {
    const auto& [entry, ref, since, until] = *sorted[i];
    std::vector<std::string> names = {entry.value};
    names.insert(names.end(), entry.aliases.begin(), entry.aliases.end());
    for (const std::string& name : names) {
      const Result<Datum> value = table::ParseText(name, list.type);
      FUQI_CHECK(value.has_value());  // CheckEntry
      const std::string from = ref.ToText();
      table::Row& row = relation.rows.emplace_back();
      row.Append(*value);
      row.Append(entry.valid_from_us == kSinceEver ? Datum::Null()
                                                   : Datum::Int(entry.valid_from_us));
      row.Append(entry.valid_to_us == kForEver ? Datum::Null() : Datum::Int(entry.valid_to_us));
      row.Append(Datum::Int(since));
      row.Append(Datum::Int(until));
      row.Append(Datum::Int(i));
      row.Append(Datum::Text(from));
    }
  }
  return relation;
}

table::Relation ReferenceTable(const Reference& reference, std::span<const BatchRow> rows) {
  constexpr table::Type kNumber{table::TypeId::kBigInt};
  table::Relation relation{TableOf(reference), reference.schema, {}};
  relation.schema.push_back({"fuqi_since", kNumber, false});
  relation.schema.push_back({"fuqi_until", kNumber, false});
  for (const BatchRow& each : rows) {
    table::Row& row = relation.rows.emplace_back(each.row);
    row.Append(Datum::Int(each.since));
    row.Append(Datum::Int(each.until));
  }
  return relation;
}

std::vector<table::Relation> OwnTables(const Pack& pack, std::span<const Lookup> lookups) {
  std::vector<table::Relation> tables;
  for (size_t l = 0; l < pack.lists.size(); ++l) {
    if (std::ranges::none_of(lookups, [&](const Lookup& each) {
          return each.list == std::optional(l) && !each.screens;
        })) {
      continue;
    }
    std::vector<BatchEntry> entries;
    entries.reserve(pack.lists[l].entries.size());
    for (size_t i = 0; i < pack.lists[l].entries.size(); ++i) {
      entries.push_back({.entry = pack.lists[l].entries[i], .ref = {0, i + 1}});
    }
    tables.push_back(ListTable(pack.lists[l], entries));
  }
  for (size_t r = 0; r < pack.references.size(); ++r) {
    if (std::ranges::none_of(lookups, [&](const Lookup& each) {
          return !each.list && !each.standing && each.reference == r;
        })) {
      continue;
    }
    std::vector<BatchRow> rows;
    for (const table::Row& row : pack.references[r].rows) {
      rows.push_back({.row = row});
    }
    tables.push_back(ReferenceTable(pack.references[r], rows));
  }
  return tables;
}

bool Screens(std::span<const Lookup> lookups) {
  return std::ranges::any_of(lookups, &Lookup::screens);
}

std::string ScreenInputSql(std::span<const Lookup> lookups, const std::string& events_sql) {
  std::string args;
  for (const Lookup& lookup : lookups) {
    for (size_t i = 0; lookup.screens && i < lookup.items.size(); ++i) {
      args += fmt::format(", (\n{}\n)", lookup.items[i].text);
    }
  }
  return fmt::format(
      "SELECT fuqi_number{} FROM (SELECT *, row_number() OVER () AS fuqi_number FROM (\n{}\n)) "
      "ORDER BY fuqi_number",
      args, events_sql);
}

Result<GivenScreens> GiveScreens(const Pack& pack, std::span<const Lookup> lookups,
                                 table::RowStream inputs) {
  GivenScreens given;
  given.relation = {std::string(kGivenScreens), {{"number", {table::TypeId::kBigInt}, false}}, {}};
  for (const Lookup& lookup : lookups) {
    if (lookup.screens) {
      given.relation.schema.push_back({pack.features[lookup.feature].name, kText, true});
    }
  }
  Committed committed(pack);
  sql::Scratch scratch;
  for (;;) {
    FUQI_ASSIGN_OR_RETURN(auto values, inputs.Next());
    if (!values) {
      return given;
    }
    scratch.Reset();
    table::Row& row = given.relation.rows.emplace_back();
    row.Append((*values)[0]);
    bool truncated = false;
    size_t next = 1;
    for (const Lookup& lookup : lookups) {
      if (lookup.screens) {
        const auto args = std::span<const Datum>(*values).subspan(next, lookup.items.size());
        row.Append(lookup.Find(committed, args, scratch, truncated));
        next += lookup.items.size();
      }
    }
    given.truncated.push_back(truncated);
  }
}

}  // namespace fuqi::decide
