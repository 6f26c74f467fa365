#pragma once

// JSON written by hand where it is written often. What is read, and what is written once, goes
// through a library.

#include <span>
#include <string>
#include <string_view>

#include "table/datum.h"
#include "table/type.h"

namespace fuqi::node {

// Appends `text`, well-formed UTF-8, as a JSON string with its quotes.
void AppendJsonString(std::string_view text, std::string& out);
std::string JsonString(std::string_view text);

// Appends a value. DECIMAL and HUGEINT are strings, so that no reader rounds them; other integers
// and DOUBLE are numbers; a TIMESTAMP is RFC 3339 in UTC; NULL is null.
void AppendJsonValue(const table::Datum& value, table::Type type, std::string& out);

// Appends {"column": value, …}.
void AppendJsonRow(const table::Schema& schema, std::span<const table::Datum> row,
                   std::string& out);

}  // namespace fuqi::node
