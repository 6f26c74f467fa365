// fuqi-verify: the regulator's program. It links the ledger and what lies below it, and nothing of
// a node.

#include <fmt/core.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/messages.h"
#include "ledger/proof.h"
#include "ledger/verify.h"

namespace fuqi::ledger {
namespace {

using nlohmann::ordered_json;

constexpr int kExitNotVerified = 4;
constexpr uint64_t kHeadBytesMax = 4096;
constexpr uint64_t kProofBytesMax = uint64_t{256} << 20;

struct Options {
  std::string dir;
  std::string proof;
  std::vector<std::string> heads;
  bool json = false;
  bool help = false;
};

template <class... Args>
void Print(std::string_view text, const Args&... args) {
  fmt::print(fmt::runtime(text), args...);
}

// The one that --lang names, else the environment's; told before anything else is looked at, so
// that a fault of the rest is told in it.
Result<Language> FindLanguage(std::span<char* const> arguments) {
  for (size_t i = 0; i + 1 < arguments.size(); ++i) {
    if (std::string_view(arguments[i]) == "--lang") {
      const std::string_view tag = arguments[i + 1];
      if (tag != "zh" && tag != "en") {
        return Err(ErrorCode::kUsage, "--lang takes zh or en, not '{}'", tag);
      }
      return LanguageFromTag(tag);
    }
  }
  for (const char* name : {"LC_ALL", "LC_MESSAGES", "LANG"}) {
    if (const char* tag = std::getenv(name); tag != nullptr && *tag != '\0') {
      return LanguageFromTag(tag);
    }
  }
  return Language::kEnglish;
}

Result<Options> ParseArguments(std::span<char* const> arguments) {
  Options options;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    const bool takes_value = argument == "--head" || argument == "--proof" || argument == "--lang";
    if (takes_value && i + 1 == arguments.size()) {
      return Err(ErrorCode::kUsage, "{} needs a value after it", argument);
    }
    if (argument == "--head") {
      options.heads.emplace_back(arguments[++i]);
    } else if (argument == "--proof") {
      options.proof = arguments[++i];
    } else if (argument == "--lang") {
      ++i;
    } else if (argument == "--json") {
      options.json = true;
    } else if (argument == "--help" || argument == "-h") {
      options.help = true;
    } else if (argument.starts_with("-")) {
      return Err(ErrorCode::kUsage, "there is no option {}; see --help", argument);
    } else if (options.dir.empty()) {
      options.dir = argument;
    } else {
      return Err(ErrorCode::kUsage, "one folder is verified at a time; '{}' is a second one",
                 argument);
    }
  }
  if (!options.help && options.dir.empty() == options.proof.empty()) {
    return Err(ErrorCode::kUsage, "give either a partition's folder or --proof FILE; see --help");
  }
  return options;
}

Result<std::vector<OutsideHead>> ReadOutsideHeads(const std::vector<std::string>& files) {
  std::vector<OutsideHead> heads;
  for (const std::string& file : files) {
    FUQI_ASSIGN_OR_RETURN(const Bytes bytes, ReadFile(SystemDisk(), file, kHeadBytesMax));
    FUQI_ASSIGN_OR_RETURN(Head head, ParseHead(AsText(bytes)).At({.file = file}));
    heads.push_back({.file = file, .head = std::move(head)});
  }
  return heads;
}

// A line on the terminal, once the work has lasted two seconds.
class Progress {
 public:
  explicit Progress(Language language) : language_(language) {}
  ~Progress() {
    if (shown_) {
      fmt::print(stderr, "\r\x1b[K");
    }
  }
  void operator()(uint64_t done, uint64_t all) {
    using std::chrono::steady_clock;
    const auto now = steady_clock::now();
    if (terminal_ && now >= next_) {
      next_ = now + std::chrono::milliseconds(200);
      shown_ = true;
      fmt::print(
          stderr, "\r\x1b[K{}",
          fmt::format(fmt::runtime(Tr("{} of {} MB verified", language_)), done >> 20, all >> 20));
    }
  }

 private:
  Language language_;
  bool terminal_ = isatty(STDERR_FILENO) != 0;
  bool shown_ = false;
  std::chrono::steady_clock::time_point next_ =
      std::chrono::steady_clock::now() + std::chrono::seconds(2);
};

ordered_json FindingsJson(const std::vector<Finding>& findings, Language language) {
  ordered_json list = ordered_json::array();
  for (const Finding& finding : findings) {
    list.push_back({{"kind", ProblemKindName(finding.kind)},
                    {"file", finding.file},
                    {"offset", finding.offset},
                    {"seq", finding.seq ? ordered_json(*finding.seq) : ordered_json()},
                    {"detail", finding.detail.message(language)}});
  }
  return list;
}

void PrintJson(const VerifyReport& report, Language language) {
  ordered_json heads = ordered_json::array();
  for (const CheckedHead& checked : report.heads) {
    heads.push_back({{"file", checked.file},
                     {"outside", checked.outside},
                     {"size", checked.head.size},
                     {"result", HeadResultName(checked.result)}});
  }
  const ordered_json json = {
      {"entries", report.entries},
      {"ok", report.ok()},
      {"attested", report.attested()},
      {"root", report.root ? ordered_json(ToBase64(*report.root)) : ordered_json()},
      {"heads", std::move(heads)},
      {"problems", FindingsJson(report.problems, language)},
      {"notes", FindingsJson(report.notes, language)}};
  fmt::print("{}\n", json.dump(-1, ' ', false, ordered_json::error_handler_t::replace));
}

void PrintFindings(const std::vector<Finding>& findings, Language language) {
  for (const Finding& finding : findings) {
    Print(finding.seq ? Tr("  {0}: {1}, byte {2}, record {3}: {4}\n", language)
                      : Tr("  {0}: {1}, byte {2}: {4}\n", language),
          ProblemKindName(finding.kind), finding.file, finding.offset, finding.seq.value_or(0),
          finding.detail.message(language));
  }
}

std::string_view Explain(HeadResult result, Language language) {
  switch (result) {
    case HeadResult::kMatched:
      return Tr("the records give its root", language);
    case HeadResult::kMismatched:
      return Tr("the records do not give its root", language);
    case HeadResult::kBeyond:
      return Tr("the log has fewer records", language);
    case HeadResult::kUnchecked:
      break;
  }
  return Tr("its root cannot be computed, since records are damaged", language);
}

void PrintText(const VerifyReport& report, Language language) {
  Print(Tr("Records read: {}, segments: {} ({} bytes).\n", language), report.entries,
        report.segments, report.bytes);
  Print(
      Tr("Checked: every record's checksum and number, that each commit continues the one before "
         "it, that each decision follows its event, and the hash tree over all records.\n",
         language));
  if (report.root) {
    Print(Tr("Root: {}\n", language), ToBase64(*report.root));
  }
  for (const CheckedHead& checked : report.heads) {
    Print(checked.outside ? Tr("The head from outside, {}, over {} records: {}\n", language)
                          : Tr("The folder's own head, {}, over {} records: {}\n", language),
          checked.file, checked.head.size, Explain(checked.result, language));
  }
  if (!report.notes.empty()) {
    Print(Tr("Notes, which are no fault of the evidence:\n", language));
    PrintFindings(report.notes, language);
  }
  if (!report.problems.empty()) {
    Print(Tr("Problems:\n", language));
    PrintFindings(report.problems, language);
    Print(Tr("The evidence does not verify.\n", language));
  } else if (report.attested()) {
    Print(Tr("Verified, and attested by a head from outside.\n", language));
  } else {
    Print(
        Tr("Verified, but self-attested: only files in the same folder vouch for the records. "
           "Give a head that someone else keeps with --head FILE.\n",
           language));
  }
}

Result<int> VerifyFolder(const Options& options, Language language) {
  FUQI_ASSIGN_OR_RETURN(const std::vector<OutsideHead> heads, ReadOutsideHeads(options.heads));
  Progress progress(language);
  FUQI_ASSIGN_OR_RETURN(const VerifyReport report,
                        Verify(SystemDisk(), options.dir, heads,
                               [&progress](uint64_t done, uint64_t all) { progress(done, all); }));
  if (options.json) {
    PrintJson(report, language);
  } else {
    PrintText(report, language);
  }
  return report.ok() ? EXIT_SUCCESS : kExitNotVerified;
}

Result<int> VerifyProofFile(const Options& options, Language language) {
  FUQI_ASSIGN_OR_RETURN(const std::vector<OutsideHead> heads, ReadOutsideHeads(options.heads));
  FUQI_ASSIGN_OR_RETURN(const Bytes bytes, ReadFile(SystemDisk(), options.proof, kProofBytesMax));
  FUQI_ASSIGN_OR_RETURN(const RecordProof proof,
                        ParseRecordProof(AsText(bytes)).At({.file = options.proof}));
  Result<void> checked = CheckRecordProof(proof, std::nullopt);
  for (const OutsideHead& outside : heads) {
    if (checked) {
      checked = CheckRecordProof(proof, outside.head).At({.file = outside.file});
    }
  }
  const std::string why = checked ? "" : checked.error().ToString(language);
  if (options.json) {
    fmt::print("{}\n", ordered_json{{"index", proof.index},
                                    {"size", proof.size},
                                    {"ok", checked.has_value()},
                                    {"attested", checked.has_value() && !heads.empty()},
                                    {"detail", why}}
                           .dump(-1, ' ', false, ordered_json::error_handler_t::replace));
  } else if (!checked) {
    Print(Tr("The proof does not verify: {}\n", language), why);
  } else if (heads.empty()) {
    Print(
        Tr("Record {} is in the tree of {} records that the proof names; whose tree that is, only "
           "a head from outside can tell (--head FILE).\n",
           language),
        proof.index, proof.size);
  } else {
    Print(Tr("Record {} is in the log of {} records that the head vouches for.\n", language),
          proof.index, proof.size);
  }
  return checked ? EXIT_SUCCESS : kExitNotVerified;
}

void PrintHelp(Language language) {
  Print(Tr(
      "fuqi-verify checks that the evidence of a Fuqi node is whole and unchanged.\n"
      "\n"
      "  fuqi-verify DIR [--head FILE]...          a partition's folder\n"
      "  fuqi-verify --proof FILE [--head FILE]... the proof of one record\n"
      "\n"
      "  --head FILE   a head of the log that someone else kept; may be given several times\n"
      "  --json        the result as one JSON object\n"
      "  --lang zh|en  the language of the result\n"
      "\n"
      "Exit codes: 0 verified, 1 cannot be read, 2 wrong usage, 4 the evidence does not verify.\n"
      "The formats: docs/formats/log.md and docs/formats/proofs.md.\n",
      language));
}

int Main(std::span<char* const> arguments) {
  const Result<Language> language = FindLanguage(arguments);
  const Language used = language.value_or(Language::kEnglish);
  Result<Options> options = language ? ParseArguments(arguments) : language.error();
  if (options && options->help) {
    PrintHelp(used);
    return EXIT_SUCCESS;
  }
  const auto run = [&]() -> Result<int> {
    FUQI_RETURN_IF_ERROR(options);
    return options->proof.empty() ? VerifyFolder(*options, used) : VerifyProofFile(*options, used);
  };
  const Result<int> exit_code = run();
  if (!exit_code) {
    fmt::print(stderr, "fuqi-verify: {}\n", exit_code.error().ToString(used));
    return exit_code.error().exit_code();
  }
  return *exit_code;
}

}  // namespace
}  // namespace fuqi::ledger

int main(int argc, char** argv) {
  return fuqi::ledger::Main({argv + 1, static_cast<size_t>(argc > 0 ? argc - 1 : 0)});
}
