#pragma once

// Sanctions files as entries of a list: the names and aliases of persons, firms and ships.
//
//   OFAC   sdn.csv and alt.csv of the Specially Designated Nationals list, as the Treasury's pages
//          give them: no header, "-0-" for nothing. Source "OFAC SDN <number>", reason the
//          programme.
//   UN     the Security Council's consolidated list, XML. Source "UN <reference number>", reason
//   the
//          regime, valid from the day of listing.
//
// Files are read as streams; one bad record refuses the file, with its place, and so does a file of
// which nothing was read. A document type in the XML is refused, so that no entity can be defined.

#include <string>
#include <vector>

#include "base/csv.h"
#include "base/result.h"
#include "decide/list_entry.h"

namespace fuqi::decide {

inline constexpr size_t kSanctionsMax = 1'000'000;  // entries of one file

// `alt` may be null: no aliases then. kParse: a record of another form, an alias of nobody, no
// record, one behind the control-Z that ends some files; kResourceExhausted.
Result<std::vector<ListEntry>> ReadOfac(CsvReader& sdn, CsvReader* alt);

// kParse: no well-formed XML, or not this list, or nobody on it; kResourceExhausted. Errors name
// `file`, line and column.
Result<std::vector<ListEntry>> ReadUn(const std::string& file, const ByteSource& source);

}  // namespace fuqi::decide
