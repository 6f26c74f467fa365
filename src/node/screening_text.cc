#include "node/screening_text.h"

#include <fmt/format.h>

namespace fuqi::node {
namespace {

std::string_view WayIn(decide::MatchWay way, Language language) {
  switch (way) {
    case decide::MatchWay::kExact:
      return Tr("the same", language);
    case decide::MatchWay::kWord:
      return Tr("of the same meaning", language);
    case decide::MatchWay::kJoined:
      return Tr("the same letters", language);
    case decide::MatchWay::kPinyin:
      return Tr("by pinyin", language);
    case decide::MatchWay::kWadeGiles:
      return Tr("by Wade-Giles", language);
    case decide::MatchWay::kCantonese:
      return Tr("by Cantonese", language);
    case decide::MatchWay::kEdit:
      return Tr("some letters apart", language);
    case decide::MatchWay::kInitial:
      return Tr("by an initial", language);
    case decide::MatchWay::kSameSound:
      return Tr("of the same sound", language);
  }
  return "";
}

std::string_view NoteIn(decide::ScreeningNote note, Language language) {
  switch (note) {
    case decide::ScreeningNote::kOtherOrder:
      return Tr("in another order", language);
    case decide::ScreeningNote::kOtherPlace:
      return Tr("of another place", language);
    case decide::ScreeningNote::kOtherNumber:
      return Tr("with another number", language);
    case decide::ScreeningNote::kOtherForm:
      return Tr("of another legal form", language);
    case decide::ScreeningNote::kLittle:
      return Tr("too little agrees", language);
  }
  return "";
}

std::string Joined(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

}  // namespace

std::string WordsOf(const decide::ScreeningHit& hit, Language language) {
  std::string out;
  for (const decide::WordMatch& match : hit.matches) {
    out += fmt::format("{}{} = {} ({})", out.empty() ? "" : ", ", match.query, match.entry,
                       WayIn(match.way, language));
  }
  if (!hit.query_left.empty()) {
    out += "; " + Say(language, "only asked for: {}", Joined(hit.query_left));
  }
  if (!hit.entry_left.empty()) {
    out += "; " + Say(language, "only listed: {}", Joined(hit.entry_left));
  }
  for (decide::ScreeningNote note : hit.notes) {
    out += fmt::format("; {}", NoteIn(note, language));
  }
  return out;
}

void AddWords(const decide::ScreeningHit& hit, OrderedJson& json) {
  json["matches"] = OrderedJson::array();
  for (const decide::WordMatch& match : hit.matches) {
    OrderedJson& word =
        json["matches"].emplace_back(OrderedJson{{"query", match.query},
                                                 {"entry", match.entry},
                                                 {"way", decide::MatchWayName(match.way)},
                                                 {"permille", match.permille}});
    if (match.way == decide::MatchWay::kEdit) {
      word["edits"] = match.edits;
    }
  }
  json["query_left"] = hit.query_left;
  json["entry_left"] = hit.entry_left;
  json["notes"] = OrderedJson::array();
  for (decide::ScreeningNote note : hit.notes) {
    json["notes"].push_back(decide::ScreeningNoteName(note));
  }
}

}  // namespace fuqi::node
