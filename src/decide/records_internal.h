#pragma once

// What the readers of records share.

#include <string_view>

#include "base/result.h"
#include "ledger/record.h"

namespace fuqi::decide::internal {

// kParse unless the record is of this type; kUnsupported where its layout is of another version.
Result<void> ExpectRecord(const ledger::Record& record, ledger::RecordType type,
                          std::string_view what);

}  // namespace fuqi::decide::internal
