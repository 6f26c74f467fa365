#pragma once

// The words about windows, which DuckDB's tree does not keep: a named window is copied to where it
// is used. Not for others.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sql/parsed_tree.h"

namespace fuqi::sql::internal {

// A definition in its parts, views into the fragment's text.
struct WindowText {
  std::vector<std::string_view> partitions;
  bool by_rows = false;
  // Where the frame begins and ends, before the row: INTERVAL …, or a number of rows. Empty: at the
  // first row, and with the row itself.
  std::string_view length;
  std::string_view gap;
};

// kUnsupported where the definition is not of the form that ParseWindow states.
Result<WindowText> ReadWindowText(const Fragment& fragment, std::string_view time);

// OVER <name> wherever it stands in an expression. kUnsupported: a window defined in place;
// kNotFound: a name that is not among `known`.
Result<std::vector<Reference>> FindWindows(const Fragment& fragment,
                                           std::span<const std::string> known);

}  // namespace fuqi::sql::internal
