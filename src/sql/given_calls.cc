#include "sql/given_calls.h"

#include <algorithm>

#include "sql/scan_internal.h"
#include "table/position.h"
#include "table/type.h"

namespace fuqi::sql {
namespace {

using internal::Token;

Position EndOf(const Token& token) {
  return token.position + static_cast<Position>(token.text.size());
}

// A part of the fragment, as one of its own.
Fragment PartOf(const Fragment& whole, Position begin, Position end) {
  return {.name = whole.name,
          .text = whole.text.substr(begin, end - begin),
          .place = [whole, begin](size_t offset) {
            const size_t at = begin + offset;
            return whole.place ? whole.place(at) : table::PlaceIn(whole.text, at);
          }};
}

// The call that begins at tokens[at], its name; `at` becomes the index behind it.
Result<GivenCall> ReadCall(const Fragment& fragment, const std::vector<Token>& tokens,
                           std::span<const std::string_view> functions, size_t& at) {
  GivenCall call;
  call.begin = tokens[at].position;
  int depth = 0;
  Position begin = 0;  // of the argument at hand
  for (++at; at < tokens.size(); ++at) {
    const Token& token = tokens[at];
    const bool nested =
        token.kind == Token::Kind::kWord && at + 1 < tokens.size() && tokens[at + 1].Is("(") &&
        std::ranges::any_of(
            functions, [&](std::string_view name) { return table::SameName(name, token.text); });
    if (nested) {
      return fragment.At(
          token.position,
          Err(ErrorCode::kUnsupported, "'{}' cannot stand among the arguments of another such call",
              token.text));
    }
    const bool opens = token.Is("(");
    const bool closes = token.Is(")");
    depth += opens ? 1 : 0;
    depth -= closes ? 1 : 0;
    if (opens && depth == 1) {
      begin = EndOf(token);
    } else if ((closes && depth == 0) || (token.Is(",") && depth == 1)) {
      if (token.position > begin || !closes || !call.args.empty()) {
        call.args.push_back(PartOf(fragment, begin, token.position));
      }
      begin = EndOf(token);
      if (closes && depth == 0) {
        call.end = EndOf(token);
        ++at;
        break;
      }
    }
  }
  // Scan has seen that parentheses close.
  for (Fragment& arg : call.args) {
    const size_t first = std::min(arg.text.find_first_not_of(" \t\r\n"), arg.text.size());
    const size_t last = arg.text.find_last_not_of(" \t\r\n") + 1;
    arg = PartOf(arg, static_cast<Position>(first), static_cast<Position>(std::max(first, last)));
  }
  return call;
}

}  // namespace

std::optional<std::string> GivenCall::TextOf(const Fragment& arg) {
  const Result<std::vector<Token>> tokens = internal::Scan(arg);
  if (!tokens || tokens->size() != 1 || tokens->front().kind != Token::Kind::kText) {
    return std::nullopt;
  }
  std::string text;
  const std::string_view written = tokens->front().text;
  for (size_t i = 1; i + 1 < written.size(); ++i) {
    text += written[i];
    i += written[i] == '\'' ? 1 : 0;
  }
  return text;
}

Result<std::vector<GivenCall>> FindGivenCalls(const Fragment& fragment,
                                              std::span<const std::string_view> functions) {
  FUQI_ASSIGN_OR_RETURN(const std::vector<Token> tokens, internal::Scan(fragment));
  std::vector<GivenCall> calls;
  for (size_t at = 0; at < tokens.size();) {
    const auto function = std::ranges::find_if(functions, [&](std::string_view name) {
      return tokens[at].kind == Token::Kind::kWord && table::SameName(name, tokens[at].text);
    });
    if (function == functions.end() || at + 1 == tokens.size() || !tokens[at + 1].Is("(")) {
      ++at;
      continue;
    }
    FUQI_ASSIGN_OR_RETURN(GivenCall call, ReadCall(fragment, tokens, functions, at));
    call.function = *function;
    calls.push_back(std::move(call));
  }
  return calls;
}

Fragment ReplaceCalls(const Fragment& fragment, std::span<const GivenCall> calls,
                      std::span<const std::string> texts) {
  // Where each piece of the new text begins in it and in the old; pieces of calls stand still.
  struct Piece {
    size_t begin;
    size_t from;
    bool is_call;
  };
  std::vector<Piece> pieces;
  Fragment out{.name = fragment.name, .generated = fragment.generated};
  size_t done = 0;
  for (size_t i = 0; i < calls.size(); ++i) {
    pieces.push_back({out.text.size(), done, false});
    out.text += fragment.text.substr(done, calls[i].begin - done);
    pieces.push_back({out.text.size(), static_cast<size_t>(calls[i].begin), true});
    out.text += texts[i];
    done = calls[i].end;
  }
  pieces.push_back({out.text.size(), done, false});
  out.text += fragment.text.substr(done);
  const auto before = [pieces](size_t offset) {
    const auto piece = std::prev(std::ranges::upper_bound(pieces, offset, {}, &Piece::begin));
    return piece->from + (piece->is_call ? 0 : offset - piece->begin);
  };
  out.place = [fragment, before](size_t offset) {
    const size_t at = before(offset);
    return fragment.place ? fragment.place(at) : table::PlaceIn(fragment.text, at);
  };
  out.origin = [origin = fragment.origin, before](size_t offset) {
    const size_t at = before(offset);
    return origin ? origin(at) : at;
  };
  return out;
}

}  // namespace fuqi::sql
