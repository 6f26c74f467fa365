#include "decide/fold.h"

#include "base/time.h"

namespace fuqi::decide {

PublishRecord PublishOf(const CompiledPack& compiled) {
  const Pack& pack = compiled.pack();
  PublishRecord publish;
  publish.pack = pack.name;
  publish.hash = pack.hash;
  publish.semantics = SemanticsOf(pack);
  publish.zones = TimeZoneDataVersion().value_or("");
  publish.key = pack.key;
  publish.events = compiled.event_schema();
  publish.features = compiled.feature_schema();
  for (const Rule& rule : pack.rules) {
    publish.rules.push_back(rule.id);
  }
  publish.files = pack.files;
  publish.sole_table = pack.kinds.size() == 1 ? pack.event_table : "";
  return publish;
}

Result<void> CheckSamePack(const PublishRecord& publish, const CompiledPack& pack) {
  if (publish.pack != pack.pack().name) {
    return Err(ErrorCode::kConflict, "the log is one of the pack '{}', not of '{}'", publish.pack,
               pack.pack().name);
  }
  const int key = table::FindColumn(publish.events, publish.key);
  if (key < 0 || publish.key != pack.pack().key ||
      publish.events[key].type != pack.event_schema()[pack.key_column()].type) {
    return Err(ErrorCode::kConflict,
               "the log's events are known by '{}', the pack's by '{}': a new key needs a new log",
               publish.key, pack.pack().key);
  }
  return {};
}

Result<table::Row> AdaptRow(const table::Schema& from, const table::Row& row,
                            const table::Schema& to) {
  if (from == to) {
    return row;
  }
  table::Row adapted(to.size());
  for (size_t i = 0; i < to.size(); ++i) {
    const int source = table::FindColumn(from, to[i].name);
    if (source >= 0 && from[source].type != to[i].type) {
      return Err(ErrorCode::kConflict,
                 "column '{}' was {} when the log's events were admitted and is now {}", to[i].name,
                 from[source].type.ToString(), to[i].type.ToString());
    }
    if (source >= 0) {
      adapted.Set(i, row[source]);
    }
    if (adapted[i].is_null() && !to[i].nullable) {
      return Err(ErrorCode::kConflict,
                 "the pack needs a value of column '{}', which events of the log do not have",
                 to[i].name);
    }
  }
  return adapted;
}

Result<table::Row> EventRow(const PublishRecord& publish, const ledger::Record& record,
                            const CompiledPack& compiled) {
  const Pack& pack = compiled.pack();
  FUQI_ASSIGN_OR_RETURN(table::Row row, DecodeEventRow(publish.events, record));
  const bool had_kinds = publish.sole_table.empty();
  if (!had_kinds && pack.kinds.size() > 1) {
    table::Schema columns = publish.events;
    if (const int own = table::FindColumn(columns, kKindColumn); own >= 0) {
      columns[own].name.clear();  // a column of the table's own, which is none any more
    }
    columns.push_back({std::string(kKindColumn), {table::TypeId::kVarchar}, false});
    row.Append(table::Datum::Text(publish.sole_table));
    return AdaptRow(columns, row, compiled.event_schema());
  }
  if (had_kinds && pack.kinds.size() == 1) {
    const int kind = table::FindColumn(publish.events, kKindColumn);
    if (kind >= 0 && row[kind].text() != pack.event_table) {
      return Err(ErrorCode::kConflict,
                 "the log holds an event of the kind '{}', which the pack does not have",
                 row[kind].text());
    }
  }
  return AdaptRow(publish.events, row, compiled.event_schema());
}

Result<Event> EventOf(const ledger::Record& record, const PublishRecord& publish,
                      const CompiledPack& pack) {
  FUQI_ASSIGN_OR_RETURN(EventCore core, DecodeEventCore(record));
  Event event;
  event.received_us = core.received_us;
  FUQI_ASSIGN_OR_RETURN(event.columns, EventRow(publish, record, pack));
  return event;
}

Result<void> ApplyRecord(const ledger::StoredRecord& record, Core& core) {
  if (!IsChange(record.type)) {
    return {};
  }
  FUQI_ASSIGN_OR_RETURN(Change change, DecodeChange(record));
  return core.Apply(change, record.seq);
}

}  // namespace fuqi::decide
