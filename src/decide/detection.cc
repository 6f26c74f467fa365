#include "decide/detection.h"

#include <algorithm>

namespace fuqi::decide {

Result<int> AmountColumn(const CompiledPack& pack, const std::string& asked) {
  const std::vector<EventColumn>& columns = pack.pack().columns;
  if (asked.empty()) {
    const auto found = std::ranges::find_if(columns, [](const EventColumn& column) {
      return column.class_path == kAmountClass && column.type.is_exact_number();
    });
    return found == columns.end() ? -1 : static_cast<int>(found - columns.begin());
  }
  const int found = table::FindColumn(pack.event_schema(), asked);
  if (found < 0) {
    return Err(ErrorCode::kNotFound, "table '{}' has no column '{}'", pack.pack().event_table,
               asked);
  }
  if (const table::Type type = pack.event_schema()[found].type; !type.is_exact_number()) {
    return Err(ErrorCode::kTypeMismatch,
               "'{}' holds no money: an amount is an integer or a DECIMAL, not {}", asked,
               type.ToString());
  }
  return found;
}

std::optional<size_t> LabelLookup::Find(const std::string& name) {
  if (auto found = index_.find(name); found != index_.end()) {
    return found->second;
  }
  const std::optional<bool> bad = labels_.Find(name);
  if (!bad) {
    return std::nullopt;
  }
  index_.emplace(name, entities_.size());
  entities_.push_back({name, *bad});
  return entities_.size() - 1;
}

const LabelLookup::Known& LabelLookup::Look(const Event& event) {
  known_.bad.reset();
  known_.entities.clear();
  for (int column : labels_.columns) {
    if (event.columns[column].is_null()) {
      continue;
    }
    const std::optional<size_t> entity =
        Find(table::ToText(event.columns[column], pack_.event_schema()[column].type));
    if (!entity) {
      continue;
    }
    known_.bad = known_.bad.value_or(false) || entities_[*entity].bad;
    if (std::ranges::find(known_.entities, *entity) == known_.entities.end()) {
      known_.entities.push_back(*entity);
    }
  }
  return known_;
}

void LabelLookup::LookAtAll() {
  for (const auto& [name, bad] : labels_.bad) {
    Find(name);
  }
}

}  // namespace fuqi::decide
