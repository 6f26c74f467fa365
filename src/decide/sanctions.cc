#include "decide/sanctions.h"

#include <expat.h>

#include <algorithm>
#include <array>
#include <memory>
#include <unordered_map>

#include "base/time.h"
#include "decide/list.h"

namespace fuqi::decide {
namespace {

std::string Trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const size_t first = std::min(text.find_first_not_of(kBlank), text.size());
  const size_t end = text.find_last_not_of(kBlank) + 1;
  return std::string(text.substr(first, std::max(first, end) - first));
}

// OFAC's way of saying nothing.
std::string OfacText(std::string_view text) {
  std::string trimmed = Trimmed(text);
  return trimmed == "-0-" ? "" : trimmed;
}

void AddAlias(ListEntry& entry, std::string name) {
  if (!name.empty() && name != entry.value &&
      std::ranges::find(entry.aliases, name) == entry.aliases.end()) {
    entry.aliases.push_back(std::move(name));
  }
}

Result<void> CheckSize(size_t size, Where where) {
  if (size > kSanctionsMax) {
    return Err(ErrorCode::kResourceExhausted, "more than {} entries", kSanctionsMax)
        .At(std::move(where));
  }
  return {};
}

// What ends some files: a control-Z, with nothing behind it.
bool IsEndMark(const std::vector<std::string>& fields) {
  return fields.size() == 1 && fields[0] == "\x1a";
}

Result<void> CheckNothingFollows(CsvReader& reader) {
  std::vector<std::string> fields;
  for (;;) {
    FUQI_ASSIGN_OR_RETURN(bool more, reader.Next(fields));
    if (!more) {
      return {};
    }
    if (fields.size() > 1 || !Trimmed(fields[0]).empty()) {
      return Err(ErrorCode::kParse, "a record behind the mark that ends the file")
          .At(reader.where());
    }
  }
}

// A file that says nothing is one that was not fetched whole: as a list it would screen nobody.
Error NothingRead(Where where) {
  return Err(ErrorCode::kParse, "nothing is listed: a sanctions file has an entry at least")
      .At(std::move(where));
}

// A record of at least so many fields; nothing at the end.
Result<bool> NextRecord(CsvReader& reader, size_t fields_min, std::vector<std::string>& fields) {
  FUQI_ASSIGN_OR_RETURN(bool more, reader.Next(fields));
  if (!more) {
    return false;
  }
  if (IsEndMark(fields)) {
    FUQI_RETURN_IF_ERROR(CheckNothingFollows(reader));
    return false;
  }
  if (fields.size() < fields_min) {
    return Err(ErrorCode::kParse, "a record of {} fields; OFAC's have {} at least", fields.size(),
               fields_min)
        .At(reader.where());
  }
  return true;
}

// The consolidated list, one element after another.
class UnReader {
 public:
  explicit UnReader(std::string file) : file_(std::move(file)), parser_(XML_ParserCreate("UTF-8")) {
    XML_SetUserData(parser_.get(), this);
    XML_SetElementHandler(
        parser_.get(),
        [](void* self, const char* name, const char**) {
          static_cast<UnReader*>(self)->Begin(name);
        },
        [](void* self, const char*) { static_cast<UnReader*>(self)->End(); });
    XML_SetCharacterDataHandler(parser_.get(), [](void* self, const char* text, int size) {
      static_cast<UnReader*>(self)->Text({text, static_cast<size_t>(size)});
    });
    XML_SetStartDoctypeDeclHandler(
        parser_.get(), [](void* self, const char*, const char*, const char*, int) {
          static_cast<UnReader*>(self)->Stop(
              Err(ErrorCode::kParse, "a document type: the list has none"));
        });
  }

  Result<std::vector<ListEntry>> Run(const ByteSource& source) {
    std::array<uint8_t, size_t{64} << 10> buffer;
    for (;;) {
      FUQI_ASSIGN_OR_RETURN(size_t size, source(buffer).At({.file = file_}));
      const XML_Status status =
          XML_Parse(parser_.get(), reinterpret_cast<const char*>(buffer.data()),
                    static_cast<int>(size), size == 0 ? XML_TRUE : XML_FALSE);
      if (failed_) {
        return *std::move(failed_);
      }
      if (status != XML_STATUS_OK) {
        return Err(ErrorCode::kParse, "no well-formed XML: {}",
                   XML_ErrorString(XML_GetErrorCode(parser_.get())))
            .At(Here());
      }
      if (size == 0) {
        return entries_.empty() ? Result<std::vector<ListEntry>>(NothingRead(Here()))
                                : std::move(entries_);
      }
    }
  }

 private:
  static constexpr size_t kDepthMax = 20;
  static constexpr size_t kTextBytesMax = 100'000;

  struct Freed {
    void operator()(XML_Parser parser) const { XML_ParserFree(parser); }
  };

  Where Here() const {
    return {.file = file_,
            .line = static_cast<int>(XML_GetCurrentLineNumber(parser_.get())),
            .column = static_cast<int>(XML_GetCurrentColumnNumber(parser_.get())) + 1};
  }
  void Stop(Error error) {
    if (!failed_) {
      failed_ = std::move(error).At(Here());
      XML_StopParser(parser_.get(), XML_FALSE);
    }
  }

  void Begin(std::string_view name) {
    if (path_.empty() && name != "CONSOLIDATED_LIST") {
      return Stop(Err(ErrorCode::kParse, "the list begins with CONSOLIDATED_LIST"));
    }
    if (path_.size() == kDepthMax) {
      return Stop(
          Err(ErrorCode::kResourceExhausted, "elements nested more than {} deep", kDepthMax));
    }
    path_.emplace_back(name);
    text_.clear();
    if (IsParty()) {
      names_ = {};
      aliases_.clear();
      entry_ = {};
    }
  }

  void Text(std::string_view text) {
    if (text_.size() + text.size() > kTextBytesMax) {
      return Stop(
          Err(ErrorCode::kResourceExhausted, "a text of more than {} bytes", kTextBytesMax));
    }
    text_ += text;
  }

  void End() {
    if (failed_) {
      return;
    }
    if (IsParty()) {
      Finish();
    } else if (path_.size() == 4) {
      Field(path_.back(), Trimmed(text_));
    } else if (path_.size() == 5 && path_.back() == "ALIAS_NAME") {
      aliases_.push_back(Trimmed(text_));
    }
    path_.pop_back();
    text_.clear();
  }

  bool IsParty() const {
    return path_.size() == 3 && (path_.back() == "INDIVIDUAL" || path_.back() == "ENTITY");
  }

  void Field(const std::string& name, std::string text) {
    constexpr std::array<std::string_view, 4> kNames = {"FIRST_NAME", "SECOND_NAME", "THIRD_NAME",
                                                        "FOURTH_NAME"};
    if (const auto* found = std::ranges::find(kNames, name); found != kNames.end()) {
      names_[found - kNames.begin()] = std::move(text);
    } else if (name == "NAME_ORIGINAL_SCRIPT") {
      aliases_.push_back(std::move(text));
    } else if (name == "UN_LIST_TYPE") {
      entry_.reason = std::move(text);
    } else if (name == "REFERENCE_NUMBER") {
      entry_.source = "UN " + text;
    } else if (name == "LISTED_ON") {
      // Some days bear a zone: 2001-10-08-04:00.
      const Result<int32_t> day = ParseDate(std::string_view(text).substr(0, 10));
      if (!day) {
        return Stop(Err(ErrorCode::kParse, "the day of listing is no date"));
      }
      entry_.valid_from_us = *day * kDayUs;
    }
  }

  void Finish() {
    for (const std::string& name : names_) {
      entry_.value += entry_.value.empty() || name.empty() ? name : " " + name;
    }
    for (std::string& alias : aliases_) {
      AddAlias(entry_, std::move(alias));
    }
    if (entry_.value.empty() || entry_.source.empty()) {
      return Stop(Err(ErrorCode::kParse, "a listed party without name or reference number"));
    }
    entries_.push_back(std::move(entry_));
    if (Result<void> size = CheckSize(entries_.size(), Here()); !size) {
      Stop(size.error());
    }
  }

  const std::string file_;
  const std::unique_ptr<XML_ParserStruct, Freed> parser_;
  std::vector<std::string> path_;  // of the element at hand
  std::string text_;
  ListEntry entry_;
  std::array<std::string, 4> names_;
  std::vector<std::string> aliases_;
  std::vector<ListEntry> entries_;
  std::optional<Error> failed_;
};

}  // namespace

Result<std::vector<ListEntry>> ReadOfac(CsvReader& sdn, CsvReader* alt) {
  std::vector<ListEntry> entries;
  std::unordered_map<std::string, size_t> by_number;
  std::vector<std::string> fields;
  for (;;) {
    FUQI_ASSIGN_OR_RETURN(bool more, NextRecord(sdn, 4, fields));
    if (!more) {
      break;
    }
    const std::string number = OfacText(fields[0]);
    ListEntry& entry = entries.emplace_back();
    entry.value = OfacText(fields[1]);
    entry.source = "OFAC SDN " + number;
    entry.reason = OfacText(fields[3]);
    if (number.empty() || number.find_first_not_of("0123456789") != std::string::npos ||
        entry.value.empty()) {
      return Err(ErrorCode::kParse, "a record of OFAC's begins with a number and a name")
          .At(sdn.where());
    }
    if (!by_number.emplace(number, entries.size() - 1).second) {
      return Err(ErrorCode::kAlreadyExists, "the number {} twice", number).At(sdn.where());
    }
    FUQI_RETURN_IF_ERROR(CheckSize(entries.size(), sdn.where()));
  }
  if (entries.empty()) {
    return NothingRead(sdn.where());
  }
  for (bool any = false; alt != nullptr; any = true) {
    FUQI_ASSIGN_OR_RETURN(bool more, NextRecord(*alt, 4, fields));
    if (!more && !any) {
      return NothingRead(alt->where());
    }
    if (!more) {
      break;
    }
    const auto found = by_number.find(OfacText(fields[0]));
    if (found == by_number.end()) {
      return Err(ErrorCode::kParse, "an alias of a number that the list does not have")
          .At(alt->where());
    }
    AddAlias(entries[found->second], OfacText(fields[3]));
  }
  return entries;
}

Result<std::vector<ListEntry>> ReadUn(const std::string& file, const ByteSource& source) {
  return UnReader(file).Run(source);
}

}  // namespace fuqi::decide
