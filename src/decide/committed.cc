#include "decide/committed.h"

#include <algorithm>
#include <set>

#include "base/nearest.h"
#include "base/utf8.h"

namespace fuqi::decide {
namespace {

Result<void> CheckName(std::string_view text, std::string_view field) {
  if (text.size() > kChangeNameBytesMax) {
    return Err(ErrorCode::kOutOfRange, "{} bytes; it may have {}", text.size(), kChangeNameBytesMax)
        .At({.field = std::string(field)});
  }
  if (!IsUtf8(text)) {
    return Err(ErrorCode::kParse, "the text is not UTF-8 without NUL")
        .At({.field = std::string(field)});
  }
  return {};
}

}  // namespace

Committed::Committed(const Pack& pack) : pack_(&pack) {
  for (const List& list : pack.lists) {
    lists_.emplace_back(list);
  }
  for (const StandingKind& kind : pack.standing) {
    standing_.emplace_back(kind, pack.lateness_us);
  }
}

const ListState* Committed::FindList(std::string_view name) const {
  const List* list = pack_->FindList(name);
  return list == nullptr ? nullptr : &lists_[list - pack_->lists.data()];
}

Result<void> Committed::CheckForm(const ListChange& change) const {
  const ListState* state = FindList(change.list);
  if (state == nullptr) {
    std::vector<std::string> names;
    for (const List& list : pack_->lists) {
      names.push_back(list.name);
    }
    const auto near = NearestName(change.list, names);
    return near ? Err(ErrorCode::kNotFound, "the pack has no list '{}'; did you mean '{}'?",
                      change.list, *near)
                : Err(ErrorCode::kNotFound, "the pack has no list '{}'", change.list);
  }
  std::set<ListEntryId> ids;
  auto once = [&](const ListEntryId& id) -> Result<void> {
    if (!ids.insert(id).second) {
      return Err(ErrorCode::kAlreadyExists,
                 "'{}' twice, with one source and one beginning: which of them holds?", id.value);
    }
    return {};
  };
  for (const ListEntry& entry : change.puts) {
    FUQI_RETURN_IF_ERROR(CheckEntry(state->list().type, entry));
    FUQI_RETURN_IF_ERROR(once(entry.id()));
  }
  for (const ListEntryId& id : change.removals) {
    FUQI_RETURN_IF_ERROR(CheckEntryId(state->list().type, id));
    FUQI_RETURN_IF_ERROR(once(id));
  }
  return state->CheckRoom(change.puts);
}

Result<void> Committed::Validate(const Change& change) const {
  const ChangeHead& head = HeadOf(change);
  FUQI_RETURN_IF_ERROR(CheckName(head.by, "by"));
  FUQI_RETURN_IF_ERROR(CheckName(head.id, "id"));
  return std::visit(
      [&](const auto& each) -> Result<void> {
        FUQI_RETURN_IF_ERROR(CheckForm(each));
        return CheckFits(each);
      },
      change);
}

void Committed::Make(const ListChange& change, uint64_t seq) {
  ListState& state = lists_[pack_->FindList(change.list) - pack_->lists.data()];
  for (const ListEntryId& id : change.removals) {
    state.Remove(id);
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
  for (const StandingState& state : standing_) {
    state.Save(writer);
  }
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
  return std::ranges::all_of(lists_, [&](ListState& list) { return list.Restore(reader); }) &&
         std::ranges::all_of(standing_,
                             [&](StandingState& state) { return state.Restore(reader); });
}

}  // namespace fuqi::decide
