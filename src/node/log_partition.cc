#include "node/log_partition.h"

#include <filesystem>
#include <optional>

#include "decide/records.h"
#include "ledger/log.h"
#include "table/binder.h"

namespace fuqi::node {

Result<std::unique_ptr<decide::Partition>> OpenPartitionOf(const std::string& dir) {
  std::error_code error;
  if (!std::filesystem::is_directory(dir + "/log", error)) {
    return Err(ErrorCode::kNotFound, "there is no log in {}", dir);
  }
  std::optional<decide::PublishRecord> publish;
  FUQI_RETURN_IF_ERROR(ledger::Scan(
      SystemDisk(), dir + "/log", 0, [&](const ledger::StoredRecord& record) -> Result<void> {
        if (record.type == ledger::RecordType::kPublish) {
          FUQI_ASSIGN_OR_RETURN(publish, decide::DecodePublish(record));
        }
        return {};
      }));
  if (!publish) {
    return Err(ErrorCode::kCorrupt, "the log does not begin with a Publish record");
  }
  FUQI_ASSIGN_OR_RETURN(decide::Pack pack, decide::ParsePack(publish->files));
  FUQI_ASSIGN_OR_RETURN(std::unique_ptr<table::Binder> binder, table::Binder::Open());
  FUQI_ASSIGN_OR_RETURN(auto compiled, decide::CompiledPack::Compile(std::move(pack), *binder));
  auto opened = decide::Partition::Open(SystemDisk(), SystemClock(), dir, compiled, {});
  if (!opened && opened.error().code() == ErrorCode::kUnavailable) {
    return Err(ErrorCode::kUnavailable,
               "a running node holds the log in {}: ask that node, or name a copy of the folder",
               dir);
  }
  return opened;
}

Result<uint64_t> DecisionOf(const decide::Partition& partition, const std::string& dir,
                            std::string_view decision_id) {
  FUQI_ASSIGN_OR_RETURN(decide::DecisionRef decision, decide::ParseDecisionId(decision_id));
  const std::string& pack = partition.core().pack().pack().name;
  if (decision.pack != pack) {
    return Err(ErrorCode::kNotFound, "the log in {} is one of the pack '{}'", dir, pack);
  }
  return decision.seq;
}

}  // namespace fuqi::node
