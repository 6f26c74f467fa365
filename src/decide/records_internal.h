#pragma once

// What the readers of records share.

#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "decide/pack.h"
#include "ledger/record.h"
#include "table/type.h"

namespace fuqi::decide::internal {

// kParse unless the record is of this type; kUnsupported where its layout is of another version.
Result<void> ExpectRecord(const ledger::Record& record, ledger::RecordType type,
                          std::string_view what);

Digest ReadDigest(ByteReader& reader);

void WriteSchema(const table::Schema& schema, ByteWriter& writer);
Result<table::Schema> ReadSchema(ByteReader& reader);

void WriteFiles(const PackFiles& files, ByteWriter& writer);
PackFiles ReadFiles(ByteReader& reader);

}  // namespace fuqi::decide::internal
