#pragma once

// The events of a file or of a log, each once and in order of arrival, for whoever folds them.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/disk.h"
#include "decide/change.h"
#include "decide/records.h"
#include "decide/source.h"
#include "decide/versions.h"

namespace fuqi::decide {

// An error ends the feed, which adds the place to it.
using TakeEvent = std::function<Result<void>(const Event&)>;
// What changed the committed state between events, with its record's sequence number.
using TakeChange = std::function<Result<void>(const Change&, uint64_t)>;

// Reads `reader` to its end; gives the number of rows left out because they repeat an earlier one.
// kConflict: a row that has an earlier one's key and another content.
Result<uint64_t> FeedSource(SourceReader& reader, const CompiledPack& pack, const TakeEvent& take);

// The events of the log of the partition in `dir`, as `pack`'s table has them, and the changes
// between them, without a lock: a node may go on writing. kConflict: a log of another pack, or
// whose events do not fit its table.
Result<void> FeedLog(Disk& disk, const std::string& dir, const CompiledPack& pack,
                     const TakeEvent& take, const TakeChange& change);

// What a change of the log is to a fold that lays the standing actions of its own decisions: those
// that the log's decisions laid, and what was undone of them, are none of it; a release of one of
// them releases the subject.
std::optional<Change> WithoutLoggedStanding(Change change);

// The pack versions that a partition's log holds, and how much each decided before the next.
struct LoggedVersion {
  uint64_t seq = 0;
  PublishRecord publish;
  uint64_t decisions = 0;
  // Whose will it was; nothing where a start published it.
  std::optional<ProposalStatus> proposal;
};
Result<std::vector<LoggedVersion>> VersionsInLog(Disk& disk, const std::string& dir);

}  // namespace fuqi::decide
