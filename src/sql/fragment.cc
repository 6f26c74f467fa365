#include "sql/fragment.h"

#include <algorithm>

#include "table/position.h"

namespace fuqi::sql {

Error Fragment::At(Position position, Error error) const {
  const size_t offset = std::clamp<Position>(position, 0, static_cast<Position>(text.size()));
  Where where = place ? place(offset) : table::PlaceIn(text, offset);
  if (where.field.empty()) {
    where.field = name;
  }
  return std::move(error).At(std::move(where));
}

Position Fragment::InOrigin(Position position) const {
  return position < 0 || !origin ? position
                                 : static_cast<Position>(origin(static_cast<size_t>(position)));
}

}  // namespace fuqi::sql
