#include "decide/committed.h"

#include <algorithm>
#include <set>

#include "base/nearest.h"
#include "decide/check_text.h"
#include "decide/fold.h"

namespace fuqi::decide {

Committed::Committed(const Pack& pack) : pack_(&pack) {
  for (const List& list : pack.lists) {
    lists_.emplace_back(list);
  }
  for (const Reference& reference : pack.references) {
    references_.emplace_back(reference);
  }
  for (const StandingKind& kind : pack.standing) {
    standing_.emplace_back(kind, pack.lateness_us);
  }
}

const ListState* Committed::FindList(std::string_view name) const {
  const List* list = pack_->FindList(name);
  return list == nullptr ? nullptr : &lists_[list - pack_->lists.data()];
}

const ReferenceState* Committed::FindReference(std::string_view name) const {
  const Reference* reference = pack_->FindReference(name);
  return reference == nullptr ? nullptr : &references_[reference - pack_->references.data()];
}

Result<void> Committed::CheckForm(const ReferenceChange& change) const {
  const ReferenceState* state = FindReference(change.reference);
  if (state == nullptr) {
    return Err(ErrorCode::kNotFound, "the pack has no reference '{}'", change.reference);
  }
  const Reference& reference = state->reference();
  std::set<Bytes> ids;
  for (const table::Row& row : change.rows) {
    FUQI_ASSIGN_OR_RETURN(table::Row fitting, AdaptRow(change.schema, row, reference.schema));
    FUQI_RETURN_IF_ERROR(CheckRow(reference, fitting));
    Bytes id;
    table::EncodeRow(reference.key_schema(), fitting.values().first(reference.keys + 1), id);
    if (!ids.insert(std::move(id)).second) {
      return Err(ErrorCode::kAlreadyExists, "a second row of this key and time");
    }
  }
  return {};
}

Result<void> Committed::CheckFits(const ReferenceChange& change) const {
  const ReferenceState& state = *FindReference(change.reference);
  std::vector<table::Row> rows;
  rows.reserve(change.rows.size());
  for (const table::Row& row : change.rows) {
    rows.push_back(*AdaptRow(change.schema, row, state.reference().schema));
  }
  return state.CheckRoom(rows);
}

void Committed::Make(const ReferenceChange& change, uint64_t) {
  const Reference& reference = *pack_->FindReference(change.reference);
  for (const table::Row& row : change.rows) {
    references_[&reference - pack_->references.data()].Put(
        *AdaptRow(change.schema, row, reference.schema));
  }
}

Result<void> Committed::CheckForm(const ListChange& change) const {
  const ListState* state = FindList(change.list);
  if (state == nullptr) {
    const auto near = NearestName(change.list, pack_->lists, &List::name);
    return near ? Err(ErrorCode::kNotFound, "the pack has no list '{}'; did you mean '{}'?",
                      change.list, *near)
                : Err(ErrorCode::kNotFound, "the pack has no list '{}'", change.list);
  }
  std::set<ListEntryId> ids;
  for (const ListEntry& entry : change.puts) {
    FUQI_RETURN_IF_ERROR(CheckEntry(state->list(), entry));
    if (!ids.insert(entry.id()).second) {
      return Err(ErrorCode::kAlreadyExists,
                 "two entries of one value, one source and one beginning: which of them holds?");
    }
  }
  for (const ListRemoval& removal : change.removals) {
    FUQI_RETURN_IF_ERROR(CheckRemoval(state->list().type, removal));
  }
  return {};
}

Result<void> Committed::CheckFits(const ListChange& change) const {
  return FindList(change.list)->CheckRoom(change.puts);
}

Result<void> Committed::Validate(const Change& change) const {
  const ChangeHead& head = HeadOf(change);
  FUQI_RETURN_IF_ERROR(CheckText(head.by, kChangeNameBytesMax, "by"));
  FUQI_RETURN_IF_ERROR(CheckText(head.id, kChangeNameBytesMax, "id"));
  return std::visit(
      [&](const auto& each) -> Result<void> {
        FUQI_RETURN_IF_ERROR(CheckForm(each));
        return CheckFits(each);
      },
      change);
}

void Committed::Make(const ListChange& change, uint64_t seq) {
  ListState& state = lists_[pack_->FindList(change.list) - pack_->lists.data()];
  for (const ListRemoval& removal : change.removals) {
    state.Remove(removal);
  }
  for (size_t i = 0; i < change.puts.size(); ++i) {
    state.Put(change.puts[i], {seq, i + 1});
  }
}

Result<void> Committed::Apply(const Change& change, uint64_t seq) {
  FUQI_RETURN_IF_ERROR(std::visit(
      [&](const auto& each) -> Result<void> {
        if (Has(each)) {
          FUQI_RETURN_IF_ERROR(CheckForm(each));
          Make(each, seq);
        }
        return {};
      },
      change));
  if (const ChangeHead& head = HeadOf(change); !head.id.empty()) {
    Remember({head.id, seq, ContentOf(change)});
  }
  return {};
}

void Committed::Remember(Known known) {
  if (known_.size() == kChangeIdsMax) {
    by_id_.erase(known_.front().id);
    known_.pop_front();
  }
  by_id_.insert_or_assign(known.id, std::pair(known.seq, known.content));
  known_.push_back(std::move(known));
}

Result<std::optional<uint64_t>> Committed::FindChange(const Change& change) const {
  const auto found = by_id_.find(HeadOf(change).id);
  if (found == by_id_.end()) {
    return std::optional<uint64_t>();
  }
  if (found->second.second != ContentOf(change)) {
    return Err(ErrorCode::kConflict, "another change was made under the id '{}'",
               HeadOf(change).id);
  }
  return std::optional(found->second.first);
}

void Committed::Save(ByteWriter& writer) const {
  writer.Varint(known_.size());
  for (const Known& known : known_) {
    writer.Text(known.id);
    writer.Varint(known.seq);
    writer.Raw(known.content);
  }
  for (const ListState& list : lists_) {
    list.Save(writer);
  }
  for (const ReferenceState& reference : references_) {
    reference.Save(writer);
  }
  for (const StandingState& state : standing_) {
    state.Save(writer);
  }
  outbox_.Save(writer);
}

bool Committed::Restore(ByteReader& reader) {
  known_.clear();
  by_id_.clear();
  const uint64_t count = reader.Varint();
  if (count > kChangeIdsMax) {
    return false;
  }
  for (uint64_t i = 0; i < count && reader.ok(); ++i) {
    Known known;
    known.id = reader.Text();
    known.seq = reader.Varint();
    const ByteView content = reader.Raw(known.content.size());
    if (!reader.ok() || known.id.empty() || by_id_.contains(known.id)) {
      return false;
    }
    std::ranges::copy(content, known.content.begin());
    Remember(std::move(known));
  }
  auto restore = [&](auto& state) { return state.Restore(reader); };
  return std::ranges::all_of(lists_, restore) && std::ranges::all_of(references_, restore) &&
         std::ranges::all_of(standing_, restore) && outbox_.Restore(reader);
}

}  // namespace fuqi::decide
