#pragma once

// Entries of lists as people and programs write and read them: JSON, and words.

#include <string>

#include "decide/change.h"
#include "decide/list.h"
#include "node/print.h"

namespace fuqi::node {

// {"value","aliases","valid_from","valid_to","source","reason"}: times by RFC 3339, what is empty
// or without bound left out.
OrderedJson EntryJson(const decide::ListEntry& entry);
// The same with "entry", where it came from, before it.
OrderedJson HeldJson(const decide::ListState::Held& held);
// "valid from 2024-01-01T00:00:00Z, without end"
std::string ValidityText(const decide::ListEntry& entry, Language language);

// {"put": [entry, …], "remove": [{"value","source","valid_from"}, …]}: at least one of them. A
// value may be a string, a whole number or a boolean. As ParseBody; kInvalidArgument: an unknown or
// missing member, a time that is none. `head` and `list` are left as they are.
Result<void> ParseListChange(std::string_view json, decide::ListChange& change);

}  // namespace fuqi::node
