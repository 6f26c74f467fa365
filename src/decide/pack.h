#pragma once

// A pack: a folder that a risk analyst owns, versioned by the hash of its canonical content.
//
//   pack.toml            tables, windows, features, decision tables, scores, rules
//   sources.toml         optional: how raw files map to the event table, where labels come from
//   lists/*.csv          entries of lists (list.h)
//   tables/*.csv         optional: rows of decision tables
//   references/*.csv     rows of references (reference.h)
//   scenarios/*.toml     tests that a compliance officer can read (scenario.h)
//
// docs/formats/pack.md is the reference of every key. Loading reads and checks shape (TOML, unknown
// keys, names, references between sections); compiling (compiled_pack.h) checks meaning.

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/disk.h"
#include "base/result.h"
#include "base/toml.h"
#include "decide/decision_table.h"
#include "decide/graph.h"
#include "decide/half_space_trees.h"
#include "decide/list_entry.h"
#include "table/datum.h"
#include "table/type.h"

namespace fuqi::decide {

// By rising priority: where several rules hit, the greatest wins. Stored in records: never reuse a
// number.
enum class Action : uint8_t {
  kApprove = 0,
  kReview = 1,
  kStepUp = 2,
  kLimit = 3,
  kHold = 4,
  kBlock = 5,
  kFreeze = 6,
};
// "approve", "review", "step_up", "limit", "hold", "block", "freeze"
std::string_view ActionName(Action action);
// All of them, for a message.
std::string ActionNames();
// kInvalidArgument names the ones there are.
Result<Action> ParseAction(std::string_view name);

// A text that a person reads, in both languages.
struct Bilingual {
  std::string zh;
  std::string en;
  const std::string& In(Language language) const {
    return language == Language::kChinese ? zh : en;
  }
  bool empty() const { return zh.empty() && en.empty(); }
};

// A piece of SQL that the user wrote, with its place in the file, so that an error can point into
// it.
struct Fragment {
  // A passage of a text that we made, and what of the user's it was made of.
  struct Part {
    size_t begin = 0;
    Where where;
    std::optional<TomlNode> node;  // where the passage is the user's own words
  };

  std::string text;
  Where where;                   // of its beginning; field names what it defines
  std::optional<TomlNode> node;  // the string in its document
  std::vector<Part> parts;       // rising; none where the text is the user's

  // Where the byte at `offset` of `text` stands in the file; the beginning where offset < 0.
  Where At(int64_t offset) const;
};

struct EventColumn : table::Column {
  std::string class_path;  // "业务-交易-金额": decides the grade
  Where where;
};

// A table of events. Where a pack has several (payments and log-ins, say), its stream is their
// union: the columns of all of them, and first of all `kind`, which names the table of each event.
struct EventKind {
  // What its events have in a column of the union. kLacks: always NULL.
  enum class Has : uint8_t { kLacks, kNullable, kValue };
  std::string name;          // of the table
  std::vector<Has> columns;  // one for each of the union's
  bool Lacks(size_t column) const { return columns[column] == Has::kLacks; }
};
// The column of the union that tells kinds apart.
inline constexpr std::string_view kKindColumn = "kind";

// Who is tied to whom (graph.h). What the fragments read are columns of the event.
struct Graph {
  std::string name;
  bool shares = false;       // entity and shared values, not from and to
  Fragment from;             // or the entity
  std::vector<Fragment> to;  // one, or the shared values
  std::optional<Fragment> amount;
  std::optional<Fragment> from_risk;  // or the entity's
  std::optional<Fragment> to_risk;
  int64_t window_us = 0;
  int64_t degree_max = 1'000;
  int64_t steps_max = 20'000;
};

// How unlike an event is to those before it (half_space_trees.h), and the inputs that make it so:
// two features. The inputs read columns and features, but no other anomaly's.
struct Anomaly {
  struct Input {
    std::string name;
    Fragment sql;  // as the pack has it where `on` is empty; else NULL on other kinds
  };
  std::string name;
  std::vector<size_t> on;  // the event kinds that it scores and learns from, rising; empty: all
  std::vector<Input> inputs;
  HalfSpaceShape shape;
};

struct Feature {
  std::string name;
  Fragment sql;                 // of a graph's feature: what it measures, "money.fan_in(to)"
  Bilingual title;              // may be empty
  std::string origin;           // where the SQL was made of a table or score: "decision_table.tier"
  bool checks_overlap = false;  // fails where two rows of a decision table hold
  int graph = -1;               // index of the graph that gives it; -1: it is SQL
  GraphMeasure measure;
  int anomaly = -1;        // index of the anomaly that gives it
  bool is_lookup = false;  // a call in the pack's fragments (lookups.h), added by compiling

  bool is_sql() const { return graph < 0 && anomaly < 0 && !is_lookup; }

  // What it is made of, in the pack's words.
  const std::string& said() const { return origin.empty() ? sql.text : origin; }
};

// A list that features ask by in_list and screen: accounts, persons, devices. Its entries are the
// file's, then what ListChange records make of them.
struct List {
  std::string name;
  table::Type type;  // of the values: exact, or text
  Bilingual title;
  std::string file;                // "lists/watchlist.csv"; may be empty
  std::vector<ListEntry> entries;  // of the file
  int64_t entries_max = 100'000;
  int64_t bytes_max = int64_t{64} << 20;  // of all texts in the entries
  int threshold = 80;                     // of 100: names less like an entry's are none of its
  std::string clears;        // the list whose hits its entries rule out (screening_list.h); or none
  int cleared_by = -1;       // index of the list that rules out hits of this one
  bool is_screened = false;  // something screens names against it: set by compiling
  Where where;
};

// A table of rows that hold for a key from a time on, which features read by lookup. Its rows are
// the file's, then what ReferenceChange records put.
struct Reference {
  std::string name;
  table::Schema schema;                  // the keys, the time, then the values
  std::vector<std::string> class_paths;  // of each of these: "参考-限额-金额"
  size_t keys = 0;
  Bilingual title;
  std::string file;              // "references/fx.csv"; may be empty
  std::vector<table::Row> rows;  // of the file
  int64_t rows_max = 100'000;
  int64_t bytes_max = int64_t{64} << 20;  // of all rows: 32 for each value, and its text
  Where where;

  // What tells rows apart: the keys and the time.
  table::Schema key_schema() const { return {schema.begin(), schema.begin() + keys + 1}; }
};

// How amounts are added up before an action binds: over periods of event time, or over all of it.
struct Allowance {
  int64_t per_us = 0;   // length of a period; 0: all time is one
  int64_t from_us = 0;  // where one of them begins
  friend bool operator==(const Allowance&, const Allowance&) = default;
};

// What may be frozen, limited or held for later events: an account, a card, a person.
struct StandingKind {
  std::string name;
  std::vector<size_t> on;       // the event kinds that it binds, rising; empty: all
  std::vector<size_t> columns;  // of the event: which of them name such a subject
  table::Type type;             // of these
  int amount = -1;              // event column that limits are held against; -1: there is none
  table::Type amount_type;
  Bilingual reason;  // what an officer reads where it binds an event
};

// What a rule lays on a subject, beside its action on the event.
struct RuleStanding {
  size_t kind = 0;                     // index in the pack
  size_t column = 0;                   // event column that names the subject
  int64_t for_us = 0;                  // 0: until released
  std::string limit;                   // binds amounts above it; empty: all
  std::optional<Allowance> allowance;  // `limit` is held against sums
};

// Which actions a system outside is told of.
struct OutboxTopic {
  std::string name;
  std::vector<Action> actions;
  bool Tells(Action action) const {
    return std::find(actions.begin(), actions.end(), action) != actions.end();
  }
};

struct Rule {
  std::string id;
  Fragment when;           // as the pack has it
  std::vector<size_t> on;  // the event kinds that it is for, rising; empty: all
  Fragment condition;      // what is evaluated: `when`, FALSE on other kinds
  size_t when_begin = 0;   // of `when` in the condition's text
  Action then = Action::kReview;
  bool shadow = false;  // its hits are recorded and never act
  Bilingual reason;
  std::string clause;  // "aml_law_2024#第三十五条"; may be empty
  Where where;
  std::optional<RuleStanding> standing;
  int score = -1;  // index of the score whose band it is; -1: it is a [[rule]]
};

// Points for conditions, added up; a band of the sum may ask for an action.
struct Score {
  struct Points {
    std::string id;
    Fragment when;
    int64_t add = 0;
    Bilingual reason;
    size_t feature = 0;  // index of the one that holds what this condition gave
  };
  std::string name;
  std::vector<Points> points;
};

// How a raw file is read.
struct RawFile {
  std::string format;           // "csv", "parquet", "jsonl"
  std::string delimiter = ",";  // csv
  table::Schema columns;        // in file order for CSV; what is read is checked against it
};

struct Source {
  std::string name;
  size_t kind = 0;  // of the events that it gives
  RawFile file;
  Fragment sql;  // SELECT … FROM input: the columns of that kind, in arrival order
  Where where;
};

// Which entities are known to be bad: for precision and recall.
struct Label {
  std::string name;                   // of the source that it belongs to
  std::vector<std::string> entities;  // event columns whose value is looked up: payer, payee
  bool complete = false;              // whoever is not listed is good; else nothing is known of him
  RawFile file;
  Fragment sql;  // SELECT … AS entity, … AS bad FROM input
  Where where;
};

// Bounds of one pack.
inline constexpr uint64_t kPackFileBytesMax = uint64_t{1} << 20;
inline constexpr size_t kPackFilesMax = 1'000;
inline constexpr size_t kPackRulesMax = 2'000;
inline constexpr size_t kPackFeaturesMax = 2'000;
inline constexpr size_t kPackColumnsMax = 500;
inline constexpr size_t kPackKindsMax = 16;
inline constexpr size_t kPackGraphsMax = 16;
inline constexpr size_t kGraphValuesMax = 8;
inline constexpr size_t kPackAnomaliesMax = 8;
inline constexpr size_t kPackListsMax = 100;
inline constexpr size_t kPackReferencesMax = 100;
inline constexpr size_t kPackStandingMax = 100;  // kinds, and rules that lay an action on one
inline constexpr size_t kPackOutboxMax = 16;
inline constexpr size_t kPackTablesMax = 100;
inline constexpr size_t kPackScoresMax = 100;
inline constexpr size_t kNameBytesMax = 63;

// Relative path → content, line ends \n, sorted by path.
using PackFiles = std::vector<std::pair<std::string, std::string>>;

struct Pack {
  std::string name;
  std::string purpose;
  Bilingual title;
  std::string partition;  // event column by which events may be sharded; may be empty
  int64_t lateness_us =
      0;  // how much older than the newest event one may be and still enter windows
  // An event further ahead of its receipt than this is flagged and kept out of windows.
  int64_t ahead_us = 86'400'000'000;
  // The same, where no time of receipt is known (events of a file), against the newest event.
  int64_t gap_us = 366 * int64_t{86'400'000'000};
  // When no decision can be made: shed, failed evaluation, time out of bounds.
  Action default_action = Action::kReview;
  // The least action where a graph's search met a bound. Unless the pack says it, default_action.
  Action truncated_action = Action::kReview;
  std::vector<EventKind> kinds;      // at least one, in the pack's order
  std::string event_table;           // "txn"; of several: "payment, login"
  std::string key;                   // column that identifies an event, of all kinds
  std::string time;                  // column of its time, of all kinds
  std::vector<EventColumn> columns;  // of the union
  std::vector<std::pair<std::string, Fragment>> windows;
  std::vector<Graph> graphs;
  std::vector<Anomaly> anomalies;
  std::vector<List> lists;
  std::vector<Reference> references;
  std::vector<StandingKind> standing;
  std::vector<OutboxTopic> outbox;
  std::vector<DecisionTable> tables;
  std::vector<Score> scores;
  // Those of SQL, of tables, of scores, of graphs, then of anomalies; once compiled, lookups.
  std::vector<Feature> features;
  std::vector<Rule> rules;  // those of [[rule]], then those of scores
  std::vector<Source> sources;
  std::vector<Label> labels;
  std::string dir;  // where it was read from, for errors; no part of the content
  Digest hash{};    // ContentHash(files)
  PackFiles files;  // what the hash covers: the kinds of file above

  table::Schema schema() const;
  // Of the union; -1 where there is one kind.
  int kind_column() const { return kinds.size() > 1 ? 0 : -1; }
  const EventKind* FindKind(std::string_view name) const;
  // Whether a valid event is of one of these kinds; none: of any.
  bool IsOn(const std::vector<size_t>& on, const table::Row& event) const;
  const Source* FindSource(std::string_view name) const;
  const Label* FindLabel(std::string_view source) const;
  const List* FindList(std::string_view name) const;
  const Reference* FindReference(std::string_view name) const;
};

// Whether an event of these values is one of the pack's kinds: it says which, has what that kind
// needs and nothing that it lacks. kInvalidArgument, its field the column.
Result<void> CheckKind(const Pack& pack, const table::Row& columns);

// The table of events of a pack of this content that has one; empty otherwise. For content that was
// a pack when it was kept.
std::string SoleEventTable(const PackFiles& files);

// SHA-256 over each file's path and content, each with its length before it.
Digest ContentHash(const PackFiles& files);

// kConfig with file, line and column for what is wrong in shape; kNotFound where there is no
// pack.toml. Errors name files as they lie under `dir`.
Result<Pack> LoadPack(Disk& disk, const std::string& dir);
// The same from content kept in a Publish record, or written in a test; errors name files under
// `dir`.
Result<Pack> ParsePack(PackFiles files, const std::string& dir = "");

// Whether a name is one a pack may give: [a-z][a-z0-9_]*, at most kNameBytesMax bytes.
bool IsPackName(std::string_view name);

}  // namespace fuqi::decide
