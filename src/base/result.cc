#include "base/result.h"

#include <fmt/args.h>

#include "base/messages.h"

namespace fuqi {

std::string_view ErrorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid_argument";
    case ErrorCode::kUsage:
      return "usage";
    case ErrorCode::kConfig:
      return "config";
    case ErrorCode::kParse:
      return "parse";
    case ErrorCode::kTypeMismatch:
      return "type_mismatch";
    case ErrorCode::kOutOfRange:
      return "out_of_range";
    case ErrorCode::kUnsupported:
      return "unsupported";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kAlreadyExists:
      return "already_exists";
    case ErrorCode::kConflict:
      return "conflict";
    case ErrorCode::kPermissionDenied:
      return "permission_denied";
    case ErrorCode::kUnauthenticated:
      return "unauthenticated";
    case ErrorCode::kIo:
      return "io";
    case ErrorCode::kDiskFull:
      return "disk_full";
    case ErrorCode::kCorrupt:
      return "corrupt";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kDeadlineExceeded:
      return "deadline_exceeded";
    case ErrorCode::kResourceExhausted:
      return "resource_exhausted";
    case ErrorCode::kCancelled:
      return "cancelled";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "unknown";
}

std::string Error::message(Language language) const {
  fmt::dynamic_format_arg_store<fmt::format_context> store;
  for (const std::string& arg : args_) {
    store.push_back(std::cref(arg));
  }
  return fmt::vformat(Translate(template_, language), store);
}

std::string Error::ToString(Language language) const {
  std::string text;
  if (where_) {
    text = where_->file;
    if (where_->line > 0) {
      text += fmt::format(":{}", where_->line);
      if (where_->column > 0) {
        text += fmt::format(":{}", where_->column);
      }
    }
    if (!text.empty()) {
      text += ": ";
    }
    if (!where_->field.empty()) {
      text += where_->field + ": ";
    }
  }
  return text + message(language);
}

Error&& Error::At(Where where) && {
  if (!where_) {
    where_ = std::move(where);
    return std::move(*this);
  }
  if (where_->file.empty()) {
    where_->file = std::move(where.file);
    if (where_->line == 0) {
      where_->line = where.line;
      where_->column = where.column;
    }
  }
  if (where_->field.empty()) {
    where_->field = std::move(where.field);
  }
  return std::move(*this);
}

Error Error::At(Where where) const& { return Error(*this).At(std::move(where)); }

int Error::exit_code() const {
  switch (code_) {
    case ErrorCode::kUsage:
      return 2;
    case ErrorCode::kConfig:
      return 3;
    case ErrorCode::kCorrupt:
      return 4;
    default:
      return 1;
  }
}

}  // namespace fuqi
