#include "decide/detection.h"

#include <algorithm>

namespace fuqi::decide {

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
