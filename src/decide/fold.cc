#include "decide/fold.h"

#include "base/time.h"

namespace fuqi::decide {

PublishRecord PublishOf(const CompiledPack& compiled) {
  const Pack& pack = compiled.pack();
  PublishRecord publish;
  publish.pack = pack.name;
  publish.hash = pack.hash;
  publish.semantics = kSemantics;
  publish.zones = TimeZoneDataVersion().value_or("");
  publish.key = pack.key;
  publish.events = compiled.event_schema();
  publish.features = compiled.feature_schema();
  for (const Rule& rule : pack.rules) {
    publish.rules.push_back(rule.id);
  }
  publish.files = pack.files;
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

Result<Event> EventOf(const ledger::Record& record, const PublishRecord& publish,
                      const CompiledPack& pack) {
  FUQI_ASSIGN_OR_RETURN(EventCore core, DecodeEventCore(record));
  FUQI_ASSIGN_OR_RETURN(table::Row row, DecodeEventRow(publish.events, record));
  Event event;
  event.received_us = core.received_us;
  FUQI_ASSIGN_OR_RETURN(event.columns, AdaptRow(publish.events, row, pack.event_schema()));
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
