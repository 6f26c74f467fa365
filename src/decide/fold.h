#pragma once

// How a log's records become the events that a core folds: what recovery and re-performance share.

#include <map>
#include <memory>

#include "decide/compiled_pack.h"
#include "decide/core.h"
#include "decide/records.h"

namespace fuqi::decide {

// The Publish record that makes this pack the one that decides.
PublishRecord PublishOf(const CompiledPack& pack);

// kConflict unless `publish` is of a version of this pack: the name, which decision ids carry, and
// the key, by which events are known, stay the same for a log's life.
Result<void> CheckSamePack(const PublishRecord& publish, const CompiledPack& pack);

// An event's row with the columns of `to`: those of the same name and type are kept, missing ones
// are NULL. kConflict where `to` needs more than the row has.
Result<table::Row> AdaptRow(const table::Schema& from, const table::Row& row,
                            const table::Schema& to);

// The row of an Event record that was admitted under `publish`, as one of the pack's events. Where
// the pack had one table of events then and has several now, the event is of that table's kind.
// kConflict as AdaptRow, and where it is of a kind that the pack does not have any more.
Result<table::Row> EventRow(const PublishRecord& publish, const ledger::Record& record,
                            const CompiledPack& pack);
// The event of an Event record that was admitted under `publish`, as an event of `pack`'s table.
Result<Event> EventOf(const ledger::Record& record, const PublishRecord& publish,
                      const CompiledPack& pack);

// Lets a record that changes committed state act on the core, as the fold of every log does; does
// nothing for any other record.
Result<void> ApplyRecord(const ledger::StoredRecord& record, Core& core);

}  // namespace fuqi::decide
