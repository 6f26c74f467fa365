#pragma once

// A pack: a folder that a risk analyst owns, versioned by the hash of its canonical content.
//
//   pack.toml            tables, windows, features, rules, flow
//   sources.toml         optional: how raw files map to the event table, where labels come from
//   scenarios/*.toml     tests that a compliance officer can read
//
// Loading reads and checks shape (TOML, unknown keys, references between sections); compiling (compiled_pack.h) checks meaning.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/disk.h"
#include "base/toml.h"
#include "table/type.h"

namespace fuqi::decide {

// By rising priority: where several rules hit, the greatest wins. Stored in records: never reuse a number.
enum class Action : uint8_t {
  kApprove = 0,
  kReview = 1,
  kStepUp = 2,
  kLimit = 3,
  kHold = 4,
  kBlock = 5,
  kFreeze = 6,
};
std::string_view ActionName(Action action);  // "approve", "review", "step_up", "limit", "hold", "block", "freeze"
Result<Action> ParseAction(std::string_view name);

// A text that a person reads, in both languages.
struct Bilingual {
  std::string zh;
  std::string en;
  const std::string& In(Language language) const { return language == Language::kChinese ? zh : en; }
};

// A piece of SQL that the user wrote, with its place in the file, so that an error can point into it.
struct Fragment {
  std::string text;
  Where where;
};

struct EventColumn : table::Column {
  std::string class_path;  // "业务-交易-金额": decides the grade
  Where where;
};

struct Feature {
  std::string name;
  Fragment sql;
  Bilingual title;  // may be empty
};

struct Rule {
  std::string id;
  Fragment when;
  Action then = Action::kReview;
  Bilingual reason;
  std::string clause;  // "aml_law_2024#第三十五条"
  Where where;
};

struct Source {
  std::string name;
  std::string format;  // "csv", "parquet", "jsonl"
  std::string delimiter = ",";
  table::Schema columns;  // of the raw file, in file order for CSV; what is read is checked against it
  Fragment sql;           // SELECT … FROM input: gives the event table's columns, in arrival order
  Where where;
};

// Which entities are known to be bad: for precision and recall.
struct Label {
  std::string name;    // same name as the source that it belongs to
  std::string entity;  // event columns whose value is looked up, e.g. "payee" or "payer,payee"
  std::string format;
  std::string delimiter = ",";
  table::Schema columns;
  Fragment sql;  // SELECT … AS entity, … AS bad FROM input
};

struct Pack {
  std::string name;
  std::string purpose;
  Bilingual title;
  std::string partition;         // event column by which events may be sharded
  int64_t lateness_us = 0;       // how much older than the newest event one may be and still enter windows
  int64_t ahead_us = 86'400'000'000;           // further ahead of its receipt: flagged, kept out of windows
  int64_t gap_us = 366 * 86'400'000'000;       // further ahead of the newest event: flagged, kept out of windows
  Action default_action = Action::kReview;     // when no decision can be made: shed, failed evaluation, time out of bounds
  std::string event_table;       // "txn"
  std::string key;               // column that identifies an event
  std::string time;              // column of its time
  std::vector<EventColumn> columns;
  std::vector<std::pair<std::string, Fragment>> windows;
  std::vector<Feature> features;
  std::vector<Rule> rules;
  std::vector<Source> sources;
  std::vector<Label> labels;
  Digest hash{};                 // of the canonical content: file names and bytes, line ends made \n
  std::vector<std::pair<std::string, std::string>> files;  // relative path → content, sorted: what the hash covers

  table::Schema schema() const;
};

// kConfig with file, line and column for what is wrong in shape.
Result<Pack> LoadPack(Disk& disk, const std::string& dir);
// The same from content kept in a Publish record.
Result<Pack> ParsePack(std::vector<std::pair<std::string, std::string>> files);

}  // namespace fuqi::decide
