#pragma once

// What features and rules look up in the committed state: in_list('watched', payee, ts). Each
// different call becomes a feature of its own, given before all others, which read it as a column;
// it stands in the feature row under its own text, so that a decision can be performed again and
// tells which entry was met.
//
//   in_list('NAME', value, time)    BOOLEAN: whether an entry of the list has this value at this
//                                   time; NULL where value or time is. The column holds where the
//                                   entry came from (EntryRef), or an empty text.
//   screen('NAME', name, time)
//                                   INTEGER: how like the name is to that entry of the list which
//                                   it is most like, of those that hold at this time and were not
//                                   ruled out: 1 to 100, 0 below the list's threshold; NULL where
//                                   name or time is. The column holds what was found (Screened).
//   screen_entry('NAME', name, time)
//                                   VARCHAR: where that entry came from, or an empty text; of the
//                                   same column.
//   lookup('NAME', 'COLUMN', key, …, time)
//                                   the value of that column in the row of the reference that holds
//                                   for this key at this time: the last that begins no later; NULL
//                                   where there is none, or where a key or the time is NULL.
//   standing('KIND', 'ACTION', subject, time)
//                                   BOOLEAN: whether this action or a stricter one stands for the
//                                   subject at this time, whatever its limit; NULL where subject or
//                                   time is. The column holds the record that set it (of several
//                                   the strictest), or an empty text.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "decide/committed.h"
#include "decide/pack.h"
#include "sql/expr.h"
#include "sql/fragment.h"
#include "sql/given_calls.h"
#include "sql/program.h"
#include "table/datum.h"
#include "table/engine.h"

namespace fuqi::table {
class Binder;
}

namespace fuqi::decide {

// Different calls of one pack: each may add a text to the feature row.
inline constexpr size_t kPackLookupsMax = 200;

// One call, bound.
struct Lookup {
  size_t feature = 0;  // pack index of the feature that it gives
  // Indexes into the pack's lists, its standing kinds, or its references and the reference's
  // columns.
  std::optional<size_t> list;
  bool screens = false;  // the list, by a name
  std::optional<size_t> standing;
  Action at_least = Action::kReview;  // of what stands
  size_t reference = 0;
  size_t column = 0;
  // Its arguments: the value or the keys, then the time; as the user wrote them, bound and
  // compiled.
  std::vector<sql::Fragment> items;
  sql::Level level;
  std::vector<sql::Program> args;
  table::Type type;  // of the column that it gives

  // What it gives for these arguments; a text lives in `scratch`. `truncated` is set where a bound
  // ended a search.
  table::Datum Find(Committed& committed, std::span<const table::Datum> values,
                    sql::Scratch& scratch, bool& truncated) const;
};

// Gathers the calls of a pack's fragments while it is compiled.
class LookupCompiler {
 public:
  LookupCompiler(const Pack& pack, table::Binder& binder) : pack_(pack), binder_(binder) {}

  // The fragment with its calls replaced by what reads their columns. Errors placed: kNotFound: no
  // such list, reference, column or standing kind; kInvalidArgument: other arguments than the call
  // has.
  Result<sql::Fragment> Replace(const sql::Fragment& fragment);

  // The calls so far, as features of the pack.
  std::vector<Feature> Features() const;
  // Binds their arguments over the event's columns; `first`: pack index of the first of Features.
  // kTypeMismatch: a value of another type than the list's or the kind's; kUnsupported: an argument
  // that reads a feature; errors as the binder's.
  Result<std::vector<Lookup>> Bind(const table::Schema& events, int time, size_t first) const;

 private:
  struct Call {
    std::string name;  // of the column
    sql::GivenCall call;
    std::vector<sql::Fragment> items;  // what is evaluated: the value or the keys, the time
    std::optional<size_t> list;        // as in Lookup
    bool screens = false;
    std::optional<size_t> standing;
    Action at_least = Action::kReview;
    size_t reference = 0;
    size_t column = 0;
  };
  Result<Call> Read(const sql::Fragment& fragment, sql::GivenCall call) const;
  Result<void> ReadList(Call& call) const;
  Result<void> ReadReference(Call& call) const;
  Result<void> ReadStanding(Call& call) const;
  // The type that the call's item must be of.
  table::Type ItemType(const Call& call, size_t i) const;
  Result<Lookup> BindCall(const Call& call, const table::Schema& events, int time) const;

  const Pack& pack_;
  table::Binder& binder_;
  std::vector<Call> calls_;
};

// The batch form: `events` with the columns of the lookups behind theirs, and the tables
// (ListTable, GiveScreens) that it reads.
std::string WithLookups(const Pack& pack, const table::Schema& events,
                        std::span<const Lookup> lookups, const std::string& events_sql);
// An entry of a list as batch forms read it: `since` and `until` are numbers of events by arrival,
// from 1: the first that saw the entry, and the first that did not any more; INT64_MAX for never.
struct BatchEntry {
  ListEntry entry;
  EntryRef ref;
  int64_t since = 1;
  int64_t until = INT64_MAX;
};
table::Relation ListTable(const List& list, std::span<const BatchEntry> entries);
// A row of a reference likewise: since, until.
struct BatchRow {
  table::Row row;
  int64_t since = 1;
  int64_t until = INT64_MAX;
};
table::Relation ReferenceTable(const Reference& reference, std::span<const BatchRow> rows);
// What standing() gives depends on the decisions before: the batch form is given it as a table of
// this name, with the event's row from 1 on as `number`, and a column for each call.
inline constexpr std::string_view kGivenStanding = "fuqi_standing";
// Its schema: the number, then the calls in the pack's order. Just the number: there are none.
table::Schema GivenStandingSchema(std::span<const Lookup> lookups, const Pack& pack);

// The tables of a pack whose lists and references nobody changed.
std::vector<table::Relation> OwnTables(const Pack& pack, std::span<const Lookup> lookups);

// What screening gives is no SQL: it is given to the batch form by the evaluator of the stream, as
// columns of a table kGivenScreens beside `number`, the event's row from 1 on.
inline constexpr std::string_view kGivenScreens = "fuqi_screens";
bool Screens(std::span<const Lookup> lookups);
// The arguments of each call that screens, of the events of a SELECT in order of arrival.
std::string ScreenInputSql(std::span<const Lookup> lookups, const std::string& events_sql);
struct GivenScreens {
  table::Relation relation;
  std::vector<bool> truncated;  // of each event
};
// `inputs`: the rows of ScreenInputSql; the lists are the pack's own, which nobody changed.
Result<GivenScreens> GiveScreens(const Pack& pack, std::span<const Lookup> lookups,
                                 table::RowStream inputs);

}  // namespace fuqi::decide
